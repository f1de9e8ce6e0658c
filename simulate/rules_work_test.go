package simulate_test

import (
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tandem-iac/tandem/simulate"
)

// TestEvenShare spreads work over instances, not over cores: the small are
// saturated first.
func TestEvenShare(t *testing.T) {
	s := lab(2, minutes(8))
	big := group("big", 2, 100)
	big.Types = []simulate.InstanceType{{Name: "big", VCPUs: 4, OnDemandPrice: 4}}
	s.Cluster.Groups = append(s.Cluster.Groups, big)
	r := run(t, s)
	if a, b := r.Series.Groups[0].CPU[0], r.Series.Groups[1].CPU[0]; a != 100 || b != 50 {
		t.Errorf("CPU is %v and %v, want 100 and 50: 2 cores for each of four", a, b)
	}
	if got := r.Series.Unserved[0]; got != 2 {
		t.Errorf("%v cores unserved, want 2", got)
	}
	if got := r.Summary; got.OverObjective != got.Duration {
		t.Errorf("%v above the objective, want %v", got.OverObjective, got.Duration)
	}
	s.Load = minutes(3.2, 3.3) // 80 % of the small ones, then more
	if got := run(t, s).Summary; got.OverObjective != got.Duration-time.Minute {
		t.Errorf("%v above the objective of %v, want all but a minute", got.OverObjective, got.Duration)
	}
}

// TestOverload drops what does not fit, or lets it wait as far as the queue goes.
func TestOverload(t *testing.T) {
	s := lab(10, minutes(15, 5))
	if got := run(t, s).Series.Unserved[:3]; got[0] != 5 || got[1] != 0 {
		t.Errorf("unserved %v, want 5 cores, then none", got)
	}
	s.Model.Queue = time.Minute
	r := run(t, s)
	if r.Summary.Unserved != 0 || math.Abs(r.Series.Groups[0].CPU[1]-100) > 1e-6 {
		t.Errorf("unserved %v, CPU %v, want 5 cores to wait for a minute", r.Summary.Unserved, r.Series.Groups[0].CPU[:3])
	}
	s.Model.Queue = 15 * time.Second // of ten cores: a quarter of a minute
	r = run(t, s)
	if r.Series.Unserved[0] != 2.5 || r.Series.Groups[0].CPU[1] != 75 {
		t.Errorf("unserved %v, CPU %v, want 2.5 cores and 75 %%", r.Series.Unserved[0], r.Series.Groups[0].CPU[1])
	}
	s.Load = minutes(15) // what waits at the end is not served
	if got := run(t, s).Summary; math.Abs(got.Demand-got.Served-got.Unserved) > 1e-6 || got.Unserved != 5*61*60 {
		t.Errorf("%+v: want demand 15, served 10", got)
	}
}

func TestRequests(t *testing.T) {
	s := lab(10, table{values: []float64{100, 100}, step: time.Minute, unit: simulate.RequestsPerSecond})
	s.Model.CPUPerRequest = 0.05
	if got := run(t, s).Series; got.Demand[1] != 5 || got.Capacity[1] != 10 {
		t.Errorf("demand %v of %v cores, want 5 of 10", got.Demand, got.Capacity)
	}
}

// TestBootAndSetup: InService after the boot, in service for users after the
// setup; billed from the launch on.
func TestBootAndSetup(t *testing.T) {
	s := lab(10, percent(10, 90, 10), step(simulate.ChangeInCapacity, 50, open(1)))
	s.Model.BootMedian, s.Model.SetupMedian = 2*time.Minute, 3*time.Minute
	r := run(t, s)
	expectInService(t, r, 10, 10, 10, 10, 10, 10, 11)
	if got := r.Series.Groups[0].Pending[:4]; !cmp.Equal(got, []int32{0, 1, 1, 0}) {
		t.Errorf("pending %v, want from minute 1 to 3", got)
	}
	if want := (10*62 + 61) / 60.; math.Abs(r.Summary.InstanceHours-want) > 1e-9 || math.Abs(r.Summary.Cost-want) > 1e-9 {
		t.Errorf("%v instance-hours for %v USD, want %v for as much", r.Summary.InstanceHours, r.Summary.Cost, want)
	}
	if got := r.Summary.BreachToCapacity; got != 6*time.Minute {
		t.Errorf("from breach to capacity %v, want 6m", got)
	}
}

// TestWarmingIsNotMeasured: an instance that serves already, at less load than
// the others had, does not end an alarm before it is warm.
func TestWarmingIsNotMeasured(t *testing.T) {
	p := step(simulate.ChangeInCapacity, 50, open(10))
	s := lab(10, percent(10, 50, 50, 50, 50), p)
	s.Model.SetupMedian = 24 * time.Hour
	s.Model.SetupCPU = 0
	s.Cluster.Groups[0].Warmup = ptr(2 * time.Minute)
	r := run(t, s)
	// Ten at 50 % and, once warm, ten at 0 %: 25 % on average.
	got := r.Series.Groups[0].Alarms[0].State[:6]
	if want := []uint8{2, 1, 1, 1, 0, 0}; !cmp.Equal(got, want) {
		t.Errorf("alarm %v, want %v", got, want)
	}
}

// TestTerminatingMeasured: what terminates is in the metric only by choice. Then
// five of ten that have gone from the load balancer halve it, until they end.
func TestTerminatingMeasured(t *testing.T) {
	s := lab(10, percent(10, 40), simple(simulate.ExactCapacity, 5, low(50)))
	s.Model.DeregistrationLag, s.Model.TerminationTime = time.Minute, 4*time.Minute
	for measured, want := range map[bool][]uint8{false: {2, 1, 1, 0, 0, 0, 0}, true: {2, 1, 1, 1, 1, 1, 0}} {
		s.Model.TerminatingMeasured = measured
		for _, statistic := range []simulate.Statistic{simulate.Average, simulate.Minimum} {
			s.Cluster.Groups[0].Policies[0].Alarms[0].Statistic = statistic
			if got := run(t, s).Series.Groups[0].Alarms[0].State[:7]; !cmp.Equal(got, want) {
				t.Errorf("measured %t: %s alarm %v, want %v", measured, statistic, got, want)
			}
		}
	}
}

// TestGracePeriod: an instance that is not ready when its grace period ends is
// replaced, a tenth of the group at a time; without load balancer checks never:
// https://docs.aws.amazon.com/autoscaling/ec2/userguide/health-check-grace-period.html
func TestGracePeriod(t *testing.T) {
	s := lab(10, percent(10, 90, 10), step(simulate.ChangeInCapacity, 50, open(30)))
	s.Model.SetupMedian = 10 * time.Minute
	g := &s.Cluster.Groups[0]
	g.GracePeriod, g.Warmup = 5*time.Minute, ptr(time.Hour)
	expectInService(t, run(t, s), 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 40)
	g.LoadBalancerHealth = true
	r := run(t, s)
	// From minute 6 on four a minute are replaced, 4 of 40, until the others are ready at 11.
	if got := r.Series.Groups[0].InService; got[10] != 10 || got[11] != 40-20 {
		t.Errorf("in service %v, want 20 from minute 11", got[:14])
	}
	s.Model.ReplacementInterval = 2 * time.Minute // at 6, 8 and 10
	if got := run(t, s).Series.Groups[0].InService; got[11] != 40-12 {
		t.Errorf("in service %v, want 28 from minute 11", got[:14])
	}
	s.Model.ReplacementInterval = time.Minute
	s.Model.HealthCheckTime = 3 * time.Minute
	if got := run(t, s).Series.Groups[0].InService; got[11] != 40-8 {
		t.Errorf("in service %v, want 32 from minute 11", got[:14])
	}
	g.GracePeriod = 7 * time.Minute
	if got := run(t, s).Series.Groups[0].InService; got[11] != 40 {
		t.Errorf("in service %v, want 40 from minute 11", got[:14])
	}
}

// TestUnhealthyWhileShrinking: a group that shrinks may have replaced more in an
// interval than its new size allows. Then it replaces none, and gains none.
func TestUnhealthyWhileShrinking(t *testing.T) {
	s := lab(10, percent(10, 90, 10), step(simulate.ChangeInCapacity, 50, open(30)), simple(simulate.ExactCapacity, 35, low(50)))
	s.Model.SetupMedian, s.Model.ReplacementInterval = 24*time.Hour, time.Hour
	g := &s.Cluster.Groups[0]
	g.LoadBalancerHealth, g.GracePeriod, g.Warmup = true, 5*time.Minute, ptr(time.Hour)
	g.Policies[1].Alarms[0].EvaluationPeriods = 6
	// At 6 four of 40 are replaced; at 7 the five oldest go, and only three of 35 might be replaced.
	r := expect(t, s, "1 g policy 10->40", "7 g policy 40->35", "end")
	expectInService(t, r, 10, 10, 10, 10, 10, 10, 10, 5, 5, 5, 5, 5)
}

// TestDeregistered targets get requests for a while, and cost until the end.
func TestDeregistered(t *testing.T) {
	s := lab(10, percent(10, 10, 90), simple(simulate.ExactCapacity, 6, low(50)))
	s.Model.TerminationTime = 3 * time.Minute
	s.Cluster.Groups[0].DeregistrationDelay = 2 * time.Minute
	r := run(t, s)
	expectInService(t, r, 10, 6)
	if want := (10 + 5*10 + 55*6 + 6) / 60.; math.Abs(r.Summary.InstanceHours-want) > 1e-9 {
		t.Errorf("%v instance-hours, want %v", r.Summary.InstanceHours, want)
	}
	s.Model.DeregistrationLag = 2 * time.Minute
	expectInService(t, run(t, s), 10, 10, 10, 6)
	s.Model.DeregistrationLag = time.Hour // no longer than it lives
	expectInService(t, run(t, s), 10, 10, 10, 10, 10, 10, 6)
}

// TestFlaps counts what takes back another change within the window.
func TestFlaps(t *testing.T) {
	s := lab(10, percent(10, 90, 10, 10, 90, 50), simple(simulate.ExactCapacity, 12, high(80)), simple(simulate.ExactCapacity, 10, low(20)))
	s.Model.FlapWindow = time.Minute
	expect(t, s, "1 g policy 10->12", "2 g policy 12->10", "4 g policy 10->12", "end")
	if got := run(t, s).Summary; got.Flaps != 1 || got.ScaleOuts != 2 || got.ScaleIns != 1 {
		t.Errorf("%d flaps, %d out, %d in, want 1, 2, 1", got.Flaps, got.ScaleOuts, got.ScaleIns)
	}
	s.Model.FlapWindow = 2 * time.Minute
	if got := run(t, s).Summary.Flaps; got != 2 {
		t.Errorf("%d flaps, want 2", got)
	}
}

// TestFleets compares with constant fleets.
func TestFleets(t *testing.T) {
	s := lab(2, minutes(1, 9, 1))
	s.Model.ObjectiveCPU = 50
	s.Cluster.Groups[0].Min = 2
	cheap := group("cheap", 0, 0)
	dear := group("dear", 0, 100)
	dear.Types = []simulate.InstanceType{{Name: "dear", VCPUs: 1, OnDemandPrice: 3}}
	s.Cluster.Groups = append(s.Cluster.Groups, cheap, dear)
	r := run(t, s).Summary
	if got := r.PeakFleet; got.Instances != 18 || math.Abs(got.Cost-18*63/60.) > 1e-9 || math.Abs(got.Saving-(1-2./18)*100) > 1e-9 {
		t.Errorf("peak fleet %+v, want 18 instances", got)
	}
	if r.OverObjective != time.Minute {
		t.Errorf("%v above the objective, want a minute", r.OverObjective)
	}
	if got := r.ConstantFleet; got.Instances != 2 || got.Saving != 0 {
		t.Errorf("constant fleet %+v, want what ran", got)
	}
	s.Cluster.Groups[1].Initial = 18 // so that nothing is above the objective
	if got := run(t, s).Summary.ConstantFleet; got.Instances != 18 || math.Abs(got.Cost-(2+16*0.2)*63/60) > 1e-9 {
		t.Errorf("constant fleet %+v, want 2 on-demand and 16 spot instances", got)
	}
}

// TestSeparateUnits: a group without instances has no CPU.
func TestSeparateUnits(t *testing.T) {
	s := lab(0, minutes(1))
	r := run(t, s)
	if cpu := r.Series.Groups[0].CPU[0]; !math.IsNaN(cpu) || r.Summary.Served != 0 || r.Summary.OverObjective != r.Summary.Duration {
		t.Errorf("CPU %v, %+v: want none, nothing served", cpu, r.Summary)
	}
}
