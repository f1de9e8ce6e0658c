package rollout

import (
	"context"
	"errors"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tandem-iac/tandem/internal/awsclient"
	"github.com/tandem-iac/tandem/internal/fleettest"
	"github.com/tandem-iac/tandem/internal/moto"
)

func TestHealthCheckThatNeverPasses(t *testing.T) {
	s := stage(t, fleettest.Size{Spot: 3, OnDemand: 1})
	for _, id := range s.IDs() {
		s.Machine(id).Sick(wanted)
	}
	report, err := s.run(t.Context())
	want(t, err, "does not pass the health check within 2m0s: unhealthy Target.ResponseCodeMismatch")
	s.whole()
	s.runs(fleettest.Stable, s.IDs()...)
	if n := count(report, Reverted); n != 1 {
		t.Errorf("%d instances were reverted, want 1", n)
	}
}

func TestBothSetupsFail(t *testing.T) {
	s := stage(t, fleettest.Size{Spot: 3})
	plan, err := Plan(s.config.Cluster, s.IDs(), s.config.Plan)
	if err != nil {
		t.Fatal(err)
	}
	s.Machine(plan[0][0]).Break(wanted)
	s.Machine(plan[0][0]).Break(fleettest.Stable)
	report, err := s.run(t.Context())
	want(t, err, "failed to set up 42", "failed to set up 41")
	s.whole() // its group replaces it
	s.outcomes(report, Broken, plan[0][0])
	cluster, err := s.config.Services.Fleet.Cluster(t.Context(), s.Environment, "obelix")
	if i, _ := cluster.Instance(plan[0][0]); err != nil || !i.Release.Broken || i.Serving() {
		t.Errorf("the instance is %+v, %v, want it broken and not serving", i, err)
	}
}

func TestSystemsManagerTimesOut(t *testing.T) {
	for _, test := range []struct{ name, status, message string }{
		{"delivery", "TimedOut", "did not run the setup script to its end: Systems Manager says TimedOut"},
		{"for ever", "Delayed", "has not answered Systems Manager within 4m0s"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := stage(t, fleettest.Size{Spot: 2})
			var first atomic.Value
			s.Faults(func(c fleettest.Call) *fleettest.Fault {
				switch c.Action {
				case "SendCommand":
					if strings.Contains(c.Script, "VERSION=42 ") {
						first.CompareAndSwap(nil, c.Subject)
					} else {
						first.Store("")
					}
				case "GetCommandInvocation":
					if c.Subject == first.Load() {
						return &fleettest.Fault{Pretend: test.status}
					}
				}
				return nil
			})
			report, err := s.run(t.Context())
			want(t, err, test.message)
			s.whole()
			s.runs(fleettest.Stable, s.IDs()...)
			if count(report, Reverted) != 1 {
				t.Error("the instance was not reverted")
			}
		})
	}
}

func TestUnmanagedInstance(t *testing.T) {
	s := stage(t, fleettest.Size{Spot: 2})
	s.Faults(func(c fleettest.Call) *fleettest.Fault {
		if c.Action == "SendCommand" {
			return &fleettest.Fault{Code: "InvalidInstanceId", Message: "Instances not in a valid state for account"}
		}
		return nil
	})
	_, err := s.run(t.Context())
	want(t, err, "is not reachable through Systems Manager")
	s.whole()
}

func TestVanishedSpotInstanceIsNoise(t *testing.T) {
	for _, action := range []string{"EnterStandby", "SendCommand", "GetCommandInvocation", "ExitStandby", "RegisterTargets"} {
		t.Run(action, func(t *testing.T) {
			s := stage(t, fleettest.Size{Spot: 2, OnDemand: 1})
			s.Promote(wanted)
			var once sync.Once
			var victim string
			s.Faults(func(c fleettest.Call) *fleettest.Fault {
				if c.Action == action {
					once.Do(func() {
						victim = c.Subject
						s.Terminate(victim)
					})
				}
				return nil
			})
			report, err := s.run(t.Context())
			if err != nil || !report.Complete {
				t.Errorf("complete is %v, %v", report.Complete, err)
			}
			s.outcomes(report, Vanished, victim)
			if count(report, Updated) != 2 {
				t.Errorf("%d were updated, want 2", count(report, Updated))
			}
			if j, err := ReadJournal(t.Context(), s.config.Services.Store, s.config.Cluster); err != nil || j != nil {
				t.Errorf("the journal is %v, %v, want none", j, err)
			}
		})
	}
}

func TestVanishedOnDemandInstanceFails(t *testing.T) {
	s := stage(t, fleettest.Size{Spot: 2, OnDemand: 1})
	anchor := s.IDs(s.OnDemand)[0]
	s.Faults(func(c fleettest.Call) *fleettest.Fault {
		if c.Action == "SendCommand" && c.Subject == anchor {
			s.Terminate(anchor)
		}
		return nil
	})
	_, err := s.run(t.Context())
	want(t, err, anchor+" has been terminated, and is no spot instance")
	s.runs(fleettest.Stable, s.IDs(s.Spot)...)
}

func TestExpiredCredentialsMidway(t *testing.T) {
	s := stage(t, fleettest.Size{Spot: 2, OnDemand: 1})
	var expired atomic.Bool
	s.Faults(func(c fleettest.Call) *fleettest.Fault {
		if c.Action == "GetCommandInvocation" {
			expired.Store(true)
		}
		if expired.Load() {
			return &fleettest.Fault{Code: "ExpiredToken", Message: "The security token included in the request is expired"}
		}
		return nil
	})
	report, err := s.run(t.Context())
	want(t, awsclient.Explain(err), "ExpiredToken", "renew them", "request id 4442587f")
	if !strings.Contains(report.Left, "on standby and out of service: [i-") {
		t.Errorf("what is left is %q, want an instance on standby", report.Left)
	}
	s.Faults(nil)
	s.clock.outlive()
	report, err = s.run(t.Context())
	if err != nil || !report.Complete {
		t.Errorf("the second run: complete is %v, %v", report.Complete, err)
	}
	s.whole()
	s.runs(wanted, s.IDs()...)
}

var changes = regexp.MustCompile("^(PutParameter|DeleteParameter|UpdateAutoScalingGroup|EnterStandby|ExitStandby|SendCommand|DeregisterTargets|RegisterTargets)$")

// A rollout that is killed leaves something else before each change that it
// makes. The next one repairs it.
func TestDeathAtEveryChangeIsRepaired(t *testing.T) {
	s := stage(t, fleettest.Size{OnDemand: 1})
	s.config.Plan.MinHealthy = Amount{}
	dead := &fleettest.Fault{Code: "Dead", Message: "no longer there to ask"}
	for last := 1; ; last++ {
		s.config.Release.Service++
		n := 0
		s.Faults(func(c fleettest.Call) *fleettest.Fault {
			if n < last && changes.MatchString(c.Action) {
				n++
			}
			if n == last {
				return dead
			}
			return nil
		})
		_, err := Run(t.Context(), s.config)
		s.Faults(nil)
		if n < last { // it has come to its end before
			if err != nil || last < 10 {
				t.Errorf("the rollout ended after %d changes, %v", n, err)
			}
			return
		}
		s.clock.outlive()
		report, err := Run(t.Context(), s.config)
		if err != nil || !report.Complete {
			t.Fatalf("after the death before change %d: complete is %v, %v", last, report.Complete, err)
		}
		s.whole()
		s.runs(s.config.Release.Service, s.IDs()...)
	}
}

func TestInterrupt(t *testing.T) {
	for _, action := range []string{"EnterStandby", "DeregisterTargets", "SendCommand", "GetCommandInvocation", "ExitStandby", "RegisterTargets"} {
		t.Run(action, func(t *testing.T) {
			s := stage(t, fleettest.Size{Spot: 2, OnDemand: 1})
			for _, id := range s.IDs() {
				s.Machine(id).Slow(wanted, 0.3)
			}
			ctx, cancel := context.WithCancelCause(t.Context())
			cause := errors.New("by hand")
			s.Faults(func(c fleettest.Call) *fleettest.Fault {
				if c.Action == action {
					cancel(cause)
				}
				if c.Action == "ExitStandby" && s.Machine(c.Subject).Release().Service == 0 {
					t.Errorf("%s returns to service in the middle of its setup", c.Subject)
				}
				return nil
			})
			report, err := s.run(ctx)
			if !errors.Is(err, cause) || report.Complete || report.Left != "" {
				t.Errorf("error is %v, complete is %v, left is %q", err, report.Complete, report.Left)
			}
			s.whole()
		})
	}
}

func TestThrottling(t *testing.T) {
	s := stage(t, fleettest.Size{Spot: 2, OnDemand: 1})
	cfg, err := awsclient.Connect(t.Context(), awsclient.Config{Region: moto.Region, Backoff: 20 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	cfg.BaseEndpoint = &s.URL
	s.config.Services = NewServices(cfg)
	var n atomic.Int64
	s.Faults(func(c fleettest.Call) *fleettest.Fault {
		if n.Add(1)%40 == 0 {
			return &fleettest.Fault{Status: http.StatusBadRequest, Code: "Throttling", Message: "Rate exceeded"}
		}
		return nil
	})
	report, err := s.run(t.Context())
	if err != nil || !report.Complete {
		t.Errorf("complete is %v, %v", report.Complete, err)
	}
	s.whole()
}
