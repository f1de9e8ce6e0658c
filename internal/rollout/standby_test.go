package rollout

import (
	"strings"
	"sync/atomic"
	"testing"

	"github.com/tandem-iac/tandem/internal/fleettest"
)

// vanishOut lets the first instance that is set up be reclaimed, and
// the calls that give its capacity back fail with a code, as often as given.
func vanishOut(s *scene, code string, times int64) (calls *atomic.Int64) {
	calls = &atomic.Int64{}
	var victim atomic.Value
	s.Faults(func(c fleettest.Call) *fleettest.Fault {
		if c.Action == "SendCommand" && victim.CompareAndSwap(nil, c.Subject) {
			s.Terminate(c.Subject)
		}
		if c.Action == "ExitStandby" && c.Subject == victim.Load() && calls.Add(1) <= times {
			return &fleettest.Fault{Code: code, Message: "not now"}
		}
		return nil
	})
	return calls
}

func TestCapacityOfVanishedIsGivenBackInTheEnd(t *testing.T) {
	s := stage(t, fleettest.Size{Spot: 2, OnDemand: 1})
	s.Promote(wanted)
	calls := vanishOut(s, "ResourceContention", 3)
	report, err := s.run(t.Context())
	if err != nil || !report.Complete {
		t.Errorf("complete is %v, %v", report.Complete, err)
	}
	if n := calls.Load(); n != 4 {
		t.Errorf("it was tried %d times, want again after each of 3 refusals", n)
	}
}

func TestCapacityThatCannotBeGivenBackIsReported(t *testing.T) {
	s := stage(t, fleettest.Size{Spot: 2, OnDemand: 1})
	s.Promote(wanted)
	vanishOut(s, "AccessDenied", 1<<30)
	report, err := s.run(t.Context())
	want(t, err, "which is gone", "AccessDenied")
	if !strings.Contains(report.Left, "on standby and out of service: [i-") {
		t.Errorf("what is left is %q, want the instance", report.Left)
	}
}

// Somebody else takes over while a setup runs, and deploys all. The first
// leaves everything to them.
func TestTakenOverMidway(t *testing.T) {
	s := stage(t, fleettest.Size{Spot: 2, OnDemand: 1})
	other := s.config
	other.By = "vitalstatistix"
	other.Release.Service = wanted + 1
	var taken, returned atomic.Bool
	var second error
	s.Faults(func(c fleettest.Call) *fleettest.Fault {
		switch {
		case c.Action == "GetCommandInvocation" && taken.CompareAndSwap(false, true):
			s.clock.outlive()
			_, second = Run(t.Context(), other)
			returned.Store(true)
		case returned.Load() && changes.MatchString(c.Action) && c.Service != "ssm":
			t.Errorf("%s of %s after it was taken over", c.Action, c.Subject)
		}
		return nil
	})
	report, err := s.run(t.Context())
	want(t, err, "somebody else has taken over")
	if second != nil || report.Complete || report.Left != "" {
		t.Errorf("the second: %v; the first: complete is %v, left is %q", second, report.Complete, report.Left)
	}
	s.Faults(nil)
	s.whole()
	s.runs(other.Release.Service, s.IDs()...)
}
