package rollout

import (
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/tandem-iac/tandem/internal/check"
	"github.com/tandem-iac/tandem/internal/fleet"
)

// The Limits that zero values mean.
const (
	// DefaultSetup lets a playbook install its packages from a slow mirror.
	DefaultSetup = 15 * time.Minute
	// DefaultHealth lets a service start and pass a few health checks.
	DefaultHealth = 10 * time.Minute
	// DefaultPoll keeps a rollout of a few batches clear of throttling.
	DefaultPoll = 5 * time.Second
	// DefaultLinger is more than the 17 s for which load balancers have been
	// seen to send requests after a deregistration.
	DefaultLinger = 20 * time.Second
)

// The bounds of Limits.Setup are those of a command's executionTimeout:
// https://docs.aws.amazon.com/systems-manager/latest/userguide/documents-command-ssm-plugin-reference.html#aws-runShellScript
const (
	MinSetup = time.Second
	MaxSetup = 48 * time.Hour
)

// Limits bound the phases of a batch.
type Limits struct {
	// Setup is how long the setup script may run, MinSetup to MaxSetup, rounded
	// up to a second. Zero: DefaultSetup.
	Setup time.Duration
	// Health is how long instances may take to become healthy. Zero:
	// DefaultHealth.
	Health time.Duration
	// Poll is the time between two looks at AWS. Zero: DefaultPoll.
	Poll time.Duration
	// Linger is how long a deregistered instance keeps serving before the
	// setup script may stop it. Zero: DefaultLinger; for none, a nanosecond.
	Linger time.Duration
}

func (l Limits) withDefaults() Limits {
	set := func(d *time.Duration, value time.Duration) {
		if *d == 0 {
			*d = value
		}
	}
	set(&l.Setup, DefaultSetup)
	set(&l.Health, DefaultHealth)
	set(&l.Poll, DefaultPoll)
	set(&l.Linger, DefaultLinger)
	return l
}

// Validate returns every fault as a check.InputError.
func (l Limits) Validate() error {
	l = l.withDefaults()
	var errs []error
	for _, d := range []struct {
		name     string
		value    time.Duration
		min, max time.Duration
	}{
		{"setup timeout", l.Setup, MinSetup, MaxSetup},
		{"health timeout", l.Health, 1, 0},
		{"poll interval", l.Poll, 1, 0},
		{"linger", l.Linger, 1, 0},
	} {
		switch {
		case d.max > 0 && (d.value < d.min || d.value > d.max):
			errs = append(errs, check.InputErrorf("%s is %s, want %s to %s", d.name, d.value, d.min, d.max))
		case d.value < d.min:
			errs = append(errs, check.InputErrorf("%s is %s, want a time above 0", d.name, d.value))
		}
	}
	return errors.Join(errs...)
}

// Config configures Run.
type Config struct {
	// Services do the work. Required; NewServices returns those of AWS.
	Services Services
	// Cluster is what to update. Required.
	Cluster fleet.Cluster
	// Instances limits the rollout to some of the cluster. Empty: all.
	Instances []string
	// Release is what to install. Both its versions are required: an instance
	// counts as done only if it runs both.
	Release fleet.Release
	// Plan bounds the batches. Zero: one instance at a time, at the price of an
	// outage where there is only one.
	Plan PlanConfig
	// NoRollback leaves updated instances on the new release after a failure.
	NoRollback bool
	// By names who deploys, for those who have to wait.
	By string
	// Limits bound the phases of a batch. Zero: the defaults.
	Limits Limits
	// Clock is the time. Nil: the real one.
	Clock Clock
	// NewID returns an id for a journal, of letters, digits and -, that nobody
	// else has used. Nil: 26 random characters.
	NewID func() string
	// Progress is told of every step. Nil: nobody is.
	Progress func(Event)
}

func (c Config) withDefaults() Config {
	c.Limits = c.Limits.withDefaults()
	if c.Clock == nil {
		c.Clock = wallClock{}
	}
	if c.NewID == nil {
		c.NewID = rand.Text
	}
	if c.Progress == nil {
		c.Progress = func(Event) {}
	}
	return c
}

func (c Config) validate() error {
	if c.Release.Service < 1 || c.Release.Playbook < 1 || c.Release.Broken {
		return fmt.Errorf("release is %s, want a version of the service and one of the playbook, from 1", c.Release)
	}
	return c.Limits.Validate()
}
