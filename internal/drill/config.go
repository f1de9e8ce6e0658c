package drill

import (
	"fmt"
	"time"

	"github.com/tandem-iac/tandem/internal/check"
	"github.com/tandem-iac/tandem/spec"
)

// Config configures Run.
type Config struct {
	// Environment, Cluster and Spec are whose names and settings are used. Spec
	// has its defaults. Required.
	Environment, Cluster string
	Spec                 spec.Cluster
	// Timing is how long things take. Required.
	Timing Timing
	// Scale is by how much Timing is shorter than on AWS, for the report. Required.
	Scale int
	// Interruptions is how many spot instances there are, all of them
	// interrupted in the same second: 1 to MaxInterruptions. Required.
	Interruptions int
	// Rate is how many requests are sent in a second. Required.
	Rate int
	// Slack is what a rescue may take beyond one poll. Required.
	Slack time.Duration
	// Seed makes the drill's random choices.
	Seed uint64
	// Chaos kills agents and takes away what they need, at random moments.
	Chaos bool
	// NoRestart leaves agents alone that were killed.
	NoRestart bool
	// Settings replace or add settings of the agents, by name.
	Settings map[string]string
	// Programs are what is started. Required.
	Programs Programs
	// Endpoint is a moto server in which no other drill has the same Account.
	// Empty: one is started.
	Endpoint string
	// Account is the account in the moto server. Empty: that of its credentials.
	Account string
	// Directory is where logs are left. Empty: none are.
	Directory string
	// Progress is told what happens. Nil: nobody is.
	Progress func(message string)
}

// MaxInterruptions is how many machines are run at once at most.
const MaxInterruptions = 50

// Validate reports every option that is wrong, by its name on the command line.
func (c Config) Validate() error {
	var faults check.Errors
	faults.Require(c.Interruptions >= 1 && c.Interruptions <= MaxInterruptions, "--interruptions", fmt.Sprint(c.Interruptions), fmt.Sprintf("1 to %d", MaxInterruptions))
	faults.Require(c.Rate >= 1 && c.Rate <= 1000, "--rate", fmt.Sprint(c.Rate), "1 to 1000 requests in a second")
	faults.Require(c.Slack > 0, "--slack", c.Slack.String(), "a time above 0")
	faults.Require(!c.NoRestart || c.Chaos, "--no-restart", "set", "unset without --chaos, which kills agents")
	return faults.Err()
}
