package drill

import (
	"time"

	"github.com/tandem-iac/tandem/spec"
)

// Timing is how long things take in a drill.
type Timing struct {
	// Notice is the time between the notice and the end of an instance.
	Notice time.Duration
	// Poll is how often an agent asks for its notice.
	Poll time.Duration
	// API is what an agent's calls may take, retries included.
	API time.Duration
	// Deregistration is how long the load balancer lets requests in flight go
	// on once a target leaves.
	Deregistration time.Duration
	// Propagation is how long a target that leaves is sent new requests.
	Propagation time.Duration
	// Hooks and Flush are what the agent's hooks may take.
	Hooks, Flush time.Duration
	// Boot is what an on-demand instance needs until its service answers.
	Boot time.Duration
	// Check is the time between two health checks of a target.
	Check time.Duration
	// Restart is how long after its end an agent is started again.
	Restart time.Duration
}

const (
	// propagation is what practitioners have measured; AWS documents nothing.
	propagation = 17 * time.Second
	// boot is an average until an instance can be logged in to.
	boot = 26 * time.Second
	// restart is what the agent's unit asks systemd for.
	restart = time.Second
)

// RealTiming is what happens on AWS to a cluster with all its defaults set.
func RealTiming(c spec.Cluster) Timing {
	return Timing{
		Notice:         time.Duration(spec.SpotNotice),
		Poll:           time.Duration(c.Drain.PollInterval),
		API:            time.Duration(c.Drain.APICalls),
		Deregistration: time.Duration(c.TargetGroup.DeregistrationDelay),
		Propagation:    propagation,
		Hooks:          time.Duration(c.Drain.Hooks),
		Flush:          time.Duration(c.Drain.Flush),
		Boot:           boot,
		Check:          time.Duration(c.TargetGroup.HealthCheck.Interval),
		Restart:        restart,
	}
}

// Scale returns all times divided by n.
func (t Timing) Scale(n int) Timing {
	for _, d := range []*time.Duration{
		&t.Notice, &t.Poll, &t.API, &t.Deregistration, &t.Propagation, &t.Hooks, &t.Flush, &t.Boot, &t.Check, &t.Restart,
	} {
		*d = (*d / time.Duration(n)).Round(time.Millisecond)
	}
	return t
}

// Longest is the longest request that may be answered: one that comes when the
// load balancer sends the last ones has what is left of the delay.
func (t Timing) Longest() time.Duration { return max(0, t.Deregistration-t.Propagation) * 3 / 4 }
