package rollout

import (
	"errors"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/tandem-iac/tandem/internal/check"
	"github.com/tandem-iac/tandem/internal/fleet"
	"github.com/tandem-iac/tandem/internal/fleettest"
)

func TestRolloutUpdatesSpotThenOnDemand(t *testing.T) {
	s := stage(t, fleettest.Size{Spot: 4, OnDemand: 1})
	s.config.Plan.Batch = Amount{Value: 2}
	report, err := s.run(t.Context())
	if err != nil || !report.Complete {
		t.Errorf("complete is %v, %v", report.Complete, err)
	}
	s.whole()
	s.runs(wanted, s.IDs()...)
	s.outcomes(report, Updated, s.IDs()...)
	if got := s.LeastServing(); got != 3 {
		t.Errorf("at least %d were serving, want 3 of 5", got)
	}
	var order []string
	for _, c := range s.Calls() {
		if c.Action == "SendCommand" {
			order = append(order, c.Subject)
		}
	}
	if last := s.IDs(s.OnDemand)[0]; len(order) != 5 || order[4] != last {
		t.Errorf("setups ran in the order %v, want %s, which is on-demand, last", order, last)
	}
}

func TestSetupWaitsForDraining(t *testing.T) {
	s := stage(t, fleettest.Size{Spot: 2})
	started := s.clock.Now()
	var sent time.Time
	s.Faults(func(c fleettest.Call) *fleettest.Fault {
		if c.Action == "SendCommand" && sent.IsZero() {
			sent = s.clock.Now()
		}
		return nil
	})
	if _, err := s.run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if waited := sent.Sub(started); waited < 20*time.Second {
		t.Errorf("the setup ran %s after the deregistration, want 20s at least", waited)
	}
}

func TestSecondRolloutFindsNothingToDo(t *testing.T) {
	s := stage(t, fleettest.Size{Spot: 2, OnDemand: 1})
	if _, err := s.run(t.Context()); err != nil {
		t.Fatal(err)
	}
	report, err := s.run(t.Context())
	if err != nil || !report.Complete {
		t.Errorf("complete is %v, %v", report.Complete, err)
	}
	s.outcomes(report, Unchanged, s.IDs()...)
	for _, id := range s.IDs() {
		if got := s.Machine(id).Setups(); got != "42" {
			t.Errorf("setups of %s are %q, want 42 once", id, got)
		}
	}
}

func TestFailedSetupStopsAndRollsBack(t *testing.T) {
	s := stage(t, fleettest.Size{Spot: 2, OnDemand: 1})
	plan, err := Plan(s.config.Cluster, s.IDs(), s.config.Plan)
	if err != nil {
		t.Fatal(err)
	}
	first, second := plan[0][0], plan[1][0]
	s.Machine(second).Break(wanted)
	report, err := s.run(t.Context())
	want(t, err, second+" failed to set up 42 by 7, exit code 2: TASK [start the service] failed")
	if report.Complete {
		t.Error("the rollout is complete")
	}
	s.whole()
	s.runs(fleettest.Stable, s.IDs()...)
	s.outcomes(report, Reverted, first, second)
	s.outcomes(report, Untouched, plan[2][0])
	if got := s.Machine(plan[2][0]).Setups(); got != "" {
		t.Errorf("setups of an instance whose turn did not come: %q", got)
	}
}

func TestNoRollbackLeavesTheUpdated(t *testing.T) {
	s := stage(t, fleettest.Size{Spot: 3})
	s.config.NoRollback = true
	plan, err := Plan(s.config.Cluster, s.IDs(), s.config.Plan)
	if err != nil {
		t.Fatal(err)
	}
	s.Machine(plan[1][0]).Break(wanted)
	report, err := s.run(t.Context())
	want(t, err, "failed to set up 42")
	s.whole()
	s.runs(wanted, plan[0][0])
	s.outcomes(report, Updated, plan[0][0])
	s.outcomes(report, Failed, plan[1][0])
}

func TestScaleOutMidwayIsSkew(t *testing.T) {
	s := stage(t, fleettest.Size{Spot: 2, OnDemand: 1})
	var once sync.Once
	s.Faults(func(c fleettest.Call) *fleettest.Fault {
		if c.Action == "ExitStandby" {
			once.Do(func() { s.Resize(s.OnDemand, 2) })
		}
		return nil
	})
	report, err := s.run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if report.Complete || count(report, New) != 1 {
		t.Errorf("complete is %v with %d new instances, want one that runs another release", report.Complete, count(report, New))
	}
}

// A machine that was launched midway says that it sets itself up, and after a
// while what it runs.
func TestNewcomerIsWaitedFor(t *testing.T) {
	s := stage(t, fleettest.Size{Spot: 2, OnDemand: 1})
	s.Promote(wanted)
	var once sync.Once
	var newcomer string
	s.Faults(func(c fleettest.Call) *fleettest.Fault {
		if c.Action == "ExitStandby" {
			once.Do(func() {
				s.Resize(s.OnDemand, 2)
				for _, id := range s.IDs(s.OnDemand) {
					if _, old := s.config.Cluster.Instance(id); !old {
						newcomer = id
					}
				}
				s.Machine(newcomer)
				s.Tag(newcomer, map[string]string{fleet.ReleaseTag: fleet.SettingUp})
			})
		}
		return nil
	})
	said := ""
	s.config.Progress = func(e Event) {
		if e.Stage == "new" {
			said = e.Instance
			s.Tag(newcomer, map[string]string{fleet.ReleaseTag: strconv.Itoa(wanted)})
		}
	}
	report, err := s.run(t.Context())
	if err != nil || !report.Complete || said != newcomer {
		t.Errorf("complete is %v, %v; it waits for %q, want %s", report.Complete, err, said, newcomer)
	}
}

func TestSecondRolloutHasToWait(t *testing.T) {
	s := stage(t, fleettest.Size{Spot: 2, OnDemand: 1})
	other := s.config
	other.By = "vitalstatistix"
	var once sync.Once
	var second error
	s.Faults(func(c fleettest.Call) *fleettest.Fault {
		if c.Action == "EnterStandby" {
			once.Do(func() { _, second = Run(t.Context(), other) })
		}
		return nil
	})
	if _, err := s.run(t.Context()); err != nil {
		t.Error(err)
	}
	want(t, second, "getafix is deploying to obelix")
	s.whole()
}

func TestChosenInstances(t *testing.T) {
	s := stage(t, fleettest.Size{Spot: 3, OnDemand: 1})
	s.config.Instances = s.IDs(s.Spot)[:1]
	report, err := s.run(t.Context())
	if err != nil || !report.Complete || len(report.Instances) != 1 {
		t.Errorf("complete is %v with %d instances, %v", report.Complete, len(report.Instances), err)
	}
	s.runs(wanted, s.config.Instances...)
	s.runs(fleettest.Stable, s.IDs(s.Spot)[1:]...)
}

func TestPlaybookIsPinned(t *testing.T) {
	s := stage(t, fleettest.Size{Spot: 2})
	s.config.Release.Playbook = 9
	report, err := s.run(t.Context())
	if err != nil || !report.Complete {
		t.Errorf("complete is %v, %v", report.Complete, err)
	}
	for _, id := range s.IDs() {
		if got := s.Machine(id).Release(); got != (fleet.Release{Service: wanted, Playbook: 9}) {
			t.Errorf("%s runs %s, want 42 by 9", id, got)
		}
	}
}

func TestTooFewToSpare(t *testing.T) {
	s := stage(t, fleettest.Size{Spot: 1})
	_, err := s.run(t.Context())
	var input check.InputError
	if !errors.As(err, &input) {
		t.Errorf("error is %v, want an InputError", err)
	}
	s.whole()
}
