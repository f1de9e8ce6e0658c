package rollout

import (
	"context"
	"errors"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tandem-iac/tandem/internal/awsclient"
	"github.com/tandem-iac/tandem/internal/check"
	"github.com/tandem-iac/tandem/internal/fleet"
	"github.com/tandem-iac/tandem/internal/fleettest"
	"github.com/tandem-iac/tandem/internal/moto"
	"github.com/tandem-iac/tandem/internal/mototest"
)

func TestMain(m *testing.M) { os.Exit(mototest.Main(m)) }

// fastClock lets minutes pass in moments; the machines' processes are real and
// get a moment of real time.
type fastClock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *fastClock { return &fastClock{now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)} }

func (c *fastClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *fastClock) Sleep(ctx context.Context, d time.Duration) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	time.Sleep(5 * time.Millisecond)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
	return nil
}

// outlive lets a lease run out at once.
func (c *fastClock) outlive() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(lease + time.Second)
}

const wanted = 42

// scene is a cloud and a rollout of release 42 to it.
type scene struct {
	*fleettest.Cloud
	t      *testing.T
	size   fleettest.Size
	clock  *fastClock
	config Config
}

func stage(t *testing.T, size fleettest.Size) *scene {
	t.Helper()
	t.Parallel()
	cloud := fleettest.New(t, os.Getenv("AWS_ENDPOINT_URL"), size)
	services := NewServices(moto.Config(cloud.URL))
	cluster, err := services.Fleet.Cluster(t.Context(), cloud.Environment, "obelix")
	if err != nil {
		t.Fatal(err)
	}
	s := &scene{Cloud: cloud, t: t, size: size, clock: newClock()}
	s.config = Config{
		Services: services,
		Cluster:  cluster,
		Release:  fleet.Release{Service: wanted, Playbook: fleettest.Playbook},
		Plan:     PlanConfig{Batch: Amount{Value: 25, Percent: true}, MinHealthy: Amount{Value: 50, Percent: true}},
		By:       "getafix",
		Clock:    s.clock,
		Limits:   Limits{Setup: time.Minute, Health: 2 * time.Minute},
		Progress: func(e Event) { t.Logf("%d/%d %s %s %s", e.Batch, e.Batches, e.Instance, e.Stage, e.Detail) },
	}
	return s
}

// run runs the rollout.
func (s *scene) run(ctx context.Context) (Report, error) {
	s.t.Helper()
	report, err := Run(ctx, s.config)
	s.t.Logf("error: %v", err)
	for _, r := range report.Instances {
		s.t.Logf("%s %s %s: %s -> %s, %s %s, %s", r.ID, r.Lifecycle, r.Outcome, r.Before, r.After, r.State, r.Health, r.Detail)
	}
	return report, err
}

// whole checks that nothing is left out of service, no minimum is lowered and
// no journal stays.
func (s *scene) whole() {
	s.t.Helper()
	s.CheckWhole(s.size)
	if j, err := ReadJournal(s.t.Context(), s.config.Services.Store, s.config.Cluster); err != nil || j != nil {
		s.t.Errorf("the journal is %v, %v, want none", j, err)
	}
}

// runs checks what the machines of the instances really run.
func (s *scene) runs(version int, ids ...string) {
	s.t.Helper()
	for _, id := range ids {
		if got := s.Machine(id).Release(); got.Service != version {
			s.t.Errorf("%s runs %s, want %d", id, got, version)
		}
	}
}

func (s *scene) outcomes(r Report, want Outcome, ids ...string) {
	s.t.Helper()
	for _, i := range r.Instances {
		if slices.Contains(ids, i.ID) && i.Outcome != want {
			s.t.Errorf("%s is %s, want %s", i.ID, i.Outcome, want)
		}
	}
}

// count is how many instances have the outcome.
func count(r Report, outcome Outcome) int {
	n := 0
	for _, i := range r.Instances {
		if i.Outcome == outcome {
			n++
		}
	}
	return n
}

func want(t *testing.T, err error, parts ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want one with %q", parts)
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("error is %q, want it to say %q", err, part)
		}
	}
}

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
