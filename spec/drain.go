package spec

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/tandem-iac/tandem/internal/check"
)

// Drain is how long an instance that has to go may take for what, in the
// order in which it happens. A spot interruption leaves two minutes for all of
// it (https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/spot-instance-termination-notices.html).
type Drain struct {
	// PollInterval is how often an instance asks for its interruption notice. Default: 5s.
	PollInterval Duration `yaml:"poll_interval,omitempty" range:"1s..30s"`
	// APICalls is what the calls that rescue and deregister may take, retries
	// included. Default: 10s.
	APICalls Duration `yaml:"api_calls,omitempty" range:"1s..60s"`
	// Hooks is what the drain hooks of the service may take together. Default: 20s.
	Hooks Duration `yaml:"hooks,omitempty" range:"1s..110s"`
	// Flush is what shipping the last logs may take. Default: 10s.
	Flush Duration `yaml:"flush,omitempty" range:"1s..110s"`
	// Heartbeat is how long the terminating lifecycle hook holds an instance.
	// It blocks simple scaling while it waits, so it stays below the scale-in
	// cooldowns. Default: 120s.
	Heartbeat Duration `yaml:"heartbeat,omitempty" range:"30s..7200s"`
	// Prelaunch adds the on-demand instance at a rebalance recommendation
	// already, which comes before most interruptions, and before many that never
	// happen (https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/rebalance-recommendations.html).
	// Default: false, at the interruption notice.
	Prelaunch bool `yaml:"prelaunch,omitempty"`
}

// SpotNotice is the time between a spot interruption notice and the end.
const SpotNotice = Duration(2 * time.Minute)

func (d Drain) withDefaults() Drain {
	setDefault(&d.PollInterval, Duration(5*time.Second))
	setDefault(&d.APICalls, Duration(10*time.Second))
	setDefault(&d.Hooks, Duration(20*time.Second))
	setDefault(&d.Flush, Duration(10*time.Second))
	setDefault(&d.Heartbeat, Duration(120*time.Second))
	return d
}

// validateDrain proves that detection, API calls, draining, hooks and flush
// fit into a spot interruption notice. It blames the part that exceeds its
// default the most.
func (c Cluster) validateDrain(faults *relations, path string) {
	delay := TargetGroup{}.withDefaults().DeregistrationDelay
	defaults := Drain{}.withDefaults()
	parts := []struct {
		path           string
		value, initial Duration
	}{
		{"target_group.deregistration_delay", c.TargetGroup.DeregistrationDelay, delay},
		{"drain.poll_interval", c.Drain.PollInterval, defaults.PollInterval},
		{"drain.api_calls", c.Drain.APICalls, defaults.APICalls},
		{"drain.hooks", c.Drain.Hooks, defaults.Hooks},
		{"drain.flush", c.Drain.Flush, defaults.Flush},
	}
	var total Duration
	var paths []string
	worst := parts[0]
	for _, part := range parts {
		total += part.value
		paths = append(paths, check.Join(path, part.path))
		if part.value-part.initial > worst.value-worst.initial {
			worst = part
		}
	}
	if total <= SpotNotice {
		c.validateHeartbeat(faults, path)
		return
	}
	others := total - worst.value
	want := fmt.Sprintf("at most %s: the other steps of a drain take %s of the %s that a spot notice leaves", SpotNotice-others, others, SpotNotice)
	if others >= SpotNotice {
		want = fmt.Sprintf("less: a drain takes %s in all, and a spot notice leaves %s", total, SpotNotice)
	}
	faults.Add(check.Join(path, worst.path), worst.value.String(), want, paths...)
}

// validateHeartbeat keeps the lifecycle hook as long as the drain it waits for
// and shorter than the cooldowns it would stretch.
func (c Cluster) validateHeartbeat(faults *relations, path string) {
	at, heartbeat := path+".drain.heartbeat", c.Drain.Heartbeat
	drain := c.Drain.PollInterval + c.Drain.APICalls + c.TargetGroup.DeregistrationDelay + c.Drain.Hooks + c.Drain.Flush
	faults.Require(heartbeat >= drain, at, heartbeat.String(),
		fmt.Sprintf("at least %s: the steps of a drain together", drain),
		path+".drain.poll_interval", path+".drain.api_calls", path+".target_group.deregistration_delay", path+".drain.hooks", path+".drain.flush")
	shortest := slices.MinFunc(c.groups(), func(a, b namedGroup) int { return cmp.Compare(a.ScaleIn.Cooldown, b.ScaleIn.Cooldown) })
	cooldown := shortest.name + ".scale_in.cooldown"
	faults.Require(heartbeat < shortest.ScaleIn.Cooldown, at, heartbeat.String(),
		fmt.Sprintf("below %s, which is %s: a waiting hook blocks scale-in", cooldown, shortest.ScaleIn.Cooldown), check.Join(path, cooldown))
}
