package rescue

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/tandem-iac/tandem/internal/check"
	"github.com/tandem-iac/tandem/internal/imds"
)

// Lifecycles of instances.
const (
	Spot     = "spot"
	OnDemand = "on-demand"
)

// Config configures New.
type Config struct {
	// Environment, Cluster, Service and Group say where the instance belongs.
	// Required, but for Service.
	Environment, Cluster, Service, Group string
	// Lifecycle is Spot or OnDemand, which is never interrupted. Required.
	Lifecycle string
	// RescueGroup and RescuePolicy are the group that takes over and the name or
	// ARN of its policy. Required on spot.
	RescueGroup, RescuePolicy string
	// TargetGroup is the ARN of the target group to leave. Empty: no load
	// balancer sends requests here, and hooks run at once.
	TargetGroup string
	// LifecycleHook is the name of the group's hook for terminating instances,
	// which is completed once drained. Empty: there is none.
	LifecycleHook string
	// Prelaunch rescues at a rebalance recommendation already.
	Prelaunch bool
	// Budget is how long the steps may take. Required, but for Notice.
	Budget Budget
	// ReleaseEvery is how often CloudWatch is told which release is in place.
	// Zero: every five minutes.
	ReleaseEvery time.Duration
	// Root is put before all paths. Empty: the file system's root.
	Root string
	// StateDirectory and RuntimeDirectory hold the journal; the second is for
	// when the first cannot be written, and lasts until the machine goes.
	// Empty: /var/lib/spotwatch and /run/spotwatch.
	StateDirectory, RuntimeDirectory string
	// Metadata is the metadata service. Required.
	Metadata *imds.Client
	// AWS is where to rescue, leave and report. Required.
	AWS *AWS
	// Metrics counts. Required.
	Metrics *Metrics
	// Log is told everything. Required.
	Log *slog.Logger
	// Alive is called once a poll, for whoever watches. Nil: nobody does.
	Alive func(status string)
	// Now is the clock. Nil: time.Now.
	Now func() time.Time
}

// Directories and files on an instance.
const (
	// DrainDirectory holds the hooks that run once no more requests come.
	DrainDirectory = "/etc/tandem/drain.d"
	// FlushDirectory holds those that run after them, to ship what is left.
	FlushDirectory = "/etc/tandem/flush.d"
	// ReleaseFile says what the setup script has put in place.
	ReleaseFile = "/etc/tandem/release"

	stateDirectory   = "/var/lib/spotwatch"
	runtimeDirectory = "/run/spotwatch"
	bootFile         = "/proc/sys/kernel/random/boot_id"
)

func (c Config) withDefaults() Config {
	if c.Budget.Notice == 0 {
		c.Budget.Notice = Notice
	}
	if c.ReleaseEvery == 0 {
		c.ReleaseEvery = releaseEvery
	}
	if c.StateDirectory == "" {
		c.StateDirectory = stateDirectory
	}
	if c.RuntimeDirectory == "" {
		c.RuntimeDirectory = runtimeDirectory
	}
	if c.Alive == nil {
		c.Alive = func(string) {}
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return c
}

// Validate reports everything that is missing or out of its range.
func (c Config) Validate() error {
	c = c.withDefaults()
	var faults check.Errors
	for _, field := range []struct{ path, value, want string }{
		{"environment", c.Environment, "the environment's name"},
		{"cluster", c.Cluster, "the cluster's name"},
		{"group", c.Group, "the Auto Scaling group of the instance"},
	} {
		faults.Require(field.value != "", field.path, field.value, field.want)
	}
	faults.Require(c.Lifecycle == Spot || c.Lifecycle == OnDemand, "lifecycle", c.Lifecycle, Spot+" or "+OnDemand)
	if c.Lifecycle == Spot {
		faults.Require(c.RescueGroup != "", "rescue_group", "", "the group that takes over")
		faults.Require(c.RescuePolicy != "", "rescue_policy_arn", "", "the policy that adds an instance to it")
	}
	for _, step := range []struct {
		path  string
		value time.Duration
	}{
		{"poll_seconds", c.Budget.Poll}, {"api_seconds", c.Budget.API}, {"deregistration_seconds", c.Budget.Deregistration},
		{"hooks_seconds", c.Budget.Hooks}, {"flush_seconds", c.Budget.Flush}, {"notice_seconds", c.Budget.Notice},
		{"release_seconds", c.ReleaseEvery},
	} {
		faults.Require(step.value > 0, step.path, fmt.Sprint(step.value.Seconds()), "above 0")
	}
	return faults.Err()
}

// path is where a file of the instance is.
func (c Config) path(file string) string { return filepath.Join(c.Root, file) }

// readFile returns a file of the instance, or nothing: what it says is good to
// know and never worth failing for.
func (c Config) readFile(file string) string {
	data, err := os.ReadFile(c.path(file))
	if err != nil {
		return ""
	}
	return string(data)
}
