package simulate_test

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tandem-iac/tandem/simulate"
)

// What AWS leaves open is a choice of the model. Each test here has both, or all,
// of what may be chosen; the first is the default.

// TestChoiceOfShare: evenly over instances, or in proportion to their cores.
func TestChoiceOfShare(t *testing.T) {
	s := lab(2, minutes(8))
	big := group("big", 2, 100)
	big.Types = []simulate.InstanceType{{Name: "big", VCPUs: 4, OnDemandPrice: 3}}
	s.Cluster.Groups = append(s.Cluster.Groups, big)
	s.Model.ShareByCores = true
	r := run(t, s)
	if a, b := r.Series.Groups[0].CPU[0], r.Series.Groups[1].CPU[0]; a != 80 || b != 80 || r.Summary.Unserved != 0 || r.Summary.OverObjective != 0 {
		t.Errorf("CPU is %v and %v, want 80: 8 of 10 cores, and the objective kept: %+v", a, b, r.Summary)
	}
	// A constant fleet of big instances is the cheapest by the core, the dearest by the instance.
	if got := r.Summary.ConstantFleet; got.Instances != 3 || math.Abs(got.Cost-9*61/60.) > 1e-9 {
		t.Errorf("constant fleet %+v, want three big instances", got)
	}
	s.Load = minutes(11)
	r = run(t, s)
	if a, b := r.Series.Groups[0].CPU[0], r.Series.Groups[1].CPU[0]; a != 100 || b != 100 || math.Abs(r.Series.Unserved[0]-1) > 1e-9 {
		t.Errorf("CPU is %v and %v, %v cores unserved, want 100 and one core", a, b, r.Series.Unserved[0])
	}
	s.Model.ShareByCores = false
	if got := run(t, s).Series.Unserved[0]; math.Abs(got-3.5) > 1e-9 {
		t.Errorf("%v cores unserved, want 3.5: the small ones get 2.75 each", got)
	}
}

// TestChoiceOfType: spot by the group's order, or the cheapest; what is removed is
// the last of that order. On-demand goes by the group's order.
func TestChoiceOfType(t *testing.T) {
	s := lab(4, minutes(1, 1, 3.9, 1), step(simulate.ChangeInCapacity, 60, open(1)), simple(simulate.ExactCapacity, 2, low(30)))
	g := &s.Cluster.Groups[0]
	g.OnDemandPercent = 0
	g.Types = append(g.Types, simulate.InstanceType{Name: "u", VCPUs: 2, OnDemandPrice: 1, SpotPrice: 0.1})
	g.Policies[1].Alarms[0].EvaluationPeriods = 2
	capacities := func(want ...float64) {
		t.Helper()
		if got := run(t, s).Series.Capacity[:len(want)]; !cmp.Equal(got, want) {
			t.Errorf("cores %v, want %v", got, want)
		}
	}
	g.Policies[1].Alarms[0].Threshold = 10 // never
	capacities(4, 4, 4, 5)
	s.Model.CheapestSpotFirst = true
	s.Load = minutes(1, 1, 7.5, 1)
	capacities(8, 8, 8, 10)
	s.Market.Prices = []simulate.PriceChange{{At: 2 * time.Minute, Type: "u", Price: 0.5}}
	capacities(8, 8, 8, 9) // of u, then of t, for u costs more
	g.Policies[1].Alarms[0].Threshold = 30
	g.Policies[0].Alarms[0].Threshold = 101 // never
	s.Load = minutes(1, 0)
	capacities(8, 8, 4)     // before the price rises, all are u
	g.OnDemandPercent = 100 // by the group's order
	capacities(4, 4, 2)

	// With two of t besides, the dearer go: those of u, or of t where u is cheap again.
	g.OnDemandPercent, g.Policies[0].Alarms[0].Threshold = 0, 60
	g.Policies[0].Steps[0].Amount, g.Policies[1].Amount = 2, 4
	s.Load = minutes(3, 3, 7.5, 0)
	capacities(8, 8, 8, 10, 10, 6)
	s.Market.Prices = append(s.Market.Prices, simulate.PriceChange{At: 4 * time.Minute, Type: "u", Price: 0.1})
	capacities(8, 8, 8, 10, 10, 8)

	// What is launched on-demand is of the first type, whatever spot costs.
	s.Market.Prices, g.OnDemandPercent = nil, 100
	s.Load = minutes(2, 2, 3.9, 2)
	capacities(4, 4, 4, 6)
}

// TestChoiceOfFirstEvaluation: once N periods lie after the start, or one, with
// those before it missing.
func TestChoiceOfFirstEvaluation(t *testing.T) {
	a := high(50)
	a.EvaluationPeriods, a.DatapointsToAlarm = 3, 1
	s := watched(minutes(9), a)
	expect(t, s, "3 g policy 10->11")
	s.Model.AlarmsFromFirstPeriod = true
	expect(t, s, "1 g policy 10->11")
	alarm := &s.Cluster.Groups[0].Policies[0].Alarms[0]
	alarm.DatapointsToAlarm = 3
	expect(t, s, "3 g policy 10->11")
	alarm.MissingData = simulate.Breaching
	expect(t, s, "1 g policy 10->11")
	s.Model.AlarmsFromFirstPeriod = false
	expect(t, s, "3 g policy 10->11")
}

// TestChoiceOfStepValue: a step is chosen with the newest period's value, or with
// one of all that the alarm's state rests on.
func TestChoiceOfStepValue(t *testing.T) {
	var steps []simulate.Step
	for i, from := range []float64{0, 10, 15, 25} {
		steps = append(steps, simulate.Step{Lower: ptr(from), Amount: i + 1})
		if i > 0 {
			steps[i-1].Upper = ptr(from)
		}
	}
	p := step(simulate.ChangeInCapacity, 50, steps...)
	p.Alarms[0].EvaluationPeriods = 3
	s := lab(10, percent(10, 76, 52, 66), p) // 64.7 on average
	for value, to := range map[simulate.StepValue]string{simulate.NewestPeriod: "13", simulate.NewestValue: "13",
		simulate.AverageValue: "12", simulate.HighestValue: "14", simulate.LowestValue: "11"} {
		s.Model.StepValue = value
		expect(t, s, "3 g policy 10->"+to)
	}
	// No more than N periods: the 76 is too old.
	s.Load = percent(10, 76, 66, 52, 66)
	s.Cluster.Groups[0].Policies[0].Alarms[0].DatapointsToAlarm = 3
	s.Model.StepValue, s.Model.DetailedDelay = simulate.HighestValue, time.Minute
	expect(t, s, "4 g policy 10->14", "5 g policy 14->17")

	// With five-minute points an alarm of one minute has no data in the newest
	// period, and is in ALARM for the two extra ones.
	s = watched(minutes(9), high(50))
	s.Cluster.Groups[0].Monitoring = 5 * time.Minute
	expect(t, s, "5 g policy 10->11", "10 g policy 11->12")
	for _, value := range []simulate.StepValue{simulate.NewestValue, simulate.AverageValue, simulate.HighestValue, simulate.LowestValue} {
		s.Model.StepValue = value
		expect(t, s, "5 g policy 10->11", "6 g policy 11->12", "7 g policy 12->13", "10 g policy 13->14")
	}
}

// TestChoiceOfScaleInOrder: the oldest, the newest, or those that end an hour next.
func TestChoiceOfScaleInOrder(t *testing.T) {
	// Three more are launched at 1 and never serve; three are removed at 31, or when
	// the old ones have begun an hour and they have not.
	s := lab(10, nil, step(simulate.ChangeInCapacity, 80, open(3)), simple(simulate.ExactCapacity, 10, low(20)))
	s.Model.SetupMedian = 24 * time.Hour
	s.Cluster.Groups[0].Warmup = ptr(time.Hour)
	removedAt := func(minute int) simulate.Load {
		values := []float64{9}
		for range minute - 2 {
			values = append(values, 5)
		}
		return minutes(append(values, 1)...)
	}
	for order, want := range map[simulate.ScaleInOrder][2]int32{simulate.OldestFirst: {7, 7}, simulate.NewestFirst: {10, 10}, simulate.ClosestToHour: {7, 10}} {
		s.Model.ScaleInOrder = order
		for i, minute := range []int{31, 60} {
			s.Load = removedAt(minute)
			r := expect(t, s, "1 g policy 10->13", fmt.Sprint(minute, " g policy 13->10"), "end")
			if got := at(r.Series.Groups[0].InService, minute); got != want[i] {
				t.Errorf("order %d: %d serve when three were removed at %d, want %d", order, got, minute, want[i])
			}
		}
	}
}

// TestChoiceOfOption: scale-in keeps the distribution, or takes spot first.
func TestChoiceOfOption(t *testing.T) {
	s := lab(10, percent(10, 10), simple(simulate.ExactCapacity, 8, low(50)))
	g := &s.Cluster.Groups[0]
	g.OnDemandBase, g.OnDemandPercent = 2, 30 // five of ten, four of eight
	for first, want := range map[bool]int32{false: 4, true: 3} {
		s.Model.ScaleInSpotFirst = first
		if got := at(run(t, s).Series.Groups[0].Spot, 1); got != want {
			t.Errorf("spot first %t: %d spot instances are left, want %d", first, got, want)
		}
	}
}

// TestChoiceOfMarked: scale-in leaves what EC2 takes anyway to the last, or takes
// it first.
func TestChoiceOfMarked(t *testing.T) {
	s := spot()
	s.Load = percent(10, 50, 10)
	s.Model.BootMedian = time.Minute
	s.Cluster.Groups[0].Policies = []simulate.Policy{simple(simulate.ExactCapacity, 7, low(20))}
	expectInService(t, run(t, s), 10, 10, 7, 4, 7)
	s.Model.ScaleInMarkedFirst = true
	expectInService(t, run(t, s), 10, 10, 10, 7, 7)
	if got := run(t, s).Series.Groups[0].Pending; got[3] != 0 {
		t.Errorf("pending %v, want no replacement", got[:6])
	}
}

// TestChoiceOfOptionsApart: on-demand launches wait for the retry of spot ones, or
// do not.
func TestChoiceOfOptionsApart(t *testing.T) {
	s := lab(10, percent(10, 90, 95, 10), step(simulate.ChangeInCapacity, 80, open(2)))
	s.Cluster.Groups[0].OnDemandPercent = 50
	s.Market.Outages = []simulate.Outage{{From: 0, Until: time.Hour}}
	s.Model.LaunchRetry = 10 * time.Minute
	// At 1 one of each is wanted, at 2 one on-demand more.
	expectInService(t, run(t, s), 10, 11, 11, 11)
	s.Model.OptionsLaunchApart = true
	expectInService(t, run(t, s), 10, 11, 12, 12)
	expect(t, s, "1 g policy 10->12", "1 g no-capacity 12->12", "2 g policy 12->13", "11 g no-capacity 13->13")
}

// TestChoiceOfLaterWarmup: what is launched at a retry has the group's warm-up, or
// that of the policy that asked for it.
func TestChoiceOfLaterWarmup(t *testing.T) {
	out, in := step(simulate.ChangeInCapacity, 50, open(1)), step(simulate.ChangeInCapacity, 20, under(-1))
	out.Warmup, in.Alarms = ptr(10*time.Minute), []simulate.Alarm{low(20)}
	in.Alarms[0].EvaluationPeriods = 4
	s := lab(10, percent(10, 60, 5), out, in)
	s.Cluster.Groups[0].OnDemandPercent = 0
	s.Market.Outages = []simulate.Outage{{From: 0, Until: 3 * time.Minute}}
	expect(t, s, "1 g policy 10->11", "1 g no-capacity 11->11", "2 g no-capacity 11->11", "5 g policy 11->10")
	s.Model.PolicyWarmupStays = true
	expect(t, s, "1 g policy 10->11", "1 g no-capacity 11->11", "2 g no-capacity 11->11", "13 g policy 11->10")
	s.Cluster.Groups[0].Policies = s.Cluster.Groups[0].Policies[1:] // no policy has acted: the group's
	s.Market = simulate.Market{Reclaims: []simulate.Reclaim{{At: time.Minute, Share: 0.1}}}
	s.Load = percent(10, 25, 25, 5)
	expect(t, s, "1 g reclaim 10->10", "6 g policy 10->9")
}

// TestChoiceOfDrain: all of the deregistration delay, or a part.
func TestChoiceOfDrain(t *testing.T) {
	s := lab(10, percent(10, 10), simple(simulate.ExactCapacity, 6, low(50)))
	s.Cluster.Groups[0].DeregistrationDelay = 4 * time.Minute
	for drain, minutes := range map[float64]float64{100: 4, 50: 2, 0: 0} {
		s.Model.Drain = drain
		if got, want := run(t, s).Summary.InstanceHours, (10+60*6+4*minutes)/60; math.Abs(got-want) > 1e-9 {
			t.Errorf("drain %v %%: %v instance-hours, want %v", drain, got, want)
		}
	}
}

// TestChoiceOfMargin: a group that is full may have one more for a rebalance, or
// none where a tenth of it is less than one.
func TestChoiceOfMargin(t *testing.T) {
	s := spot()
	s.Cluster.Groups[0].CapacityRebalance = true
	s.Cluster.Groups[0].Initial, s.Cluster.Groups[0].Max = 9, 9
	s.Model.RebalanceLead, s.Model.BootMedian = 10*time.Minute, 3*time.Minute
	s.Market.Reclaims[0].At = 11 * time.Minute
	for margin, want := range map[int]int32{1: 1, 0: 0, 2: 2} {
		s.Model.RebalanceMargin = margin
		if got := at(run(t, s).Series.Groups[0].Pending, 1); got != want {
			t.Errorf("margin %d: %d pending, want %d", margin, got, want)
		}
	}
	s.Cluster.Groups[0].Initial, s.Cluster.Groups[0].Max = 20, 20 // a tenth are two
	s.Model.RebalanceMargin = 0
	if got := at(run(t, s).Series.Groups[0].Pending, 1); got != 2 {
		t.Errorf("%d pending, want a tenth", got)
	}
}

// TestChoiceOfReclaimed: the oldest, or the newest.
func TestChoiceOfReclaimed(t *testing.T) {
	s := spot()
	s.Market.Reclaims = append(s.Market.Reclaims, simulate.Reclaim{At: 4 * time.Minute, Share: 0.7})
	s.Model.SetupMedian = 30 * time.Minute
	expectInService(t, run(t, s), 10, 10, 10, 7, 7, 7, 0)
	s.Model.ReclaimNewestFirst = true // the three that set themselves up and four that serve
	expectInService(t, run(t, s), 10, 10, 10, 7, 7, 7, 3)
}

// TestChoiceOfReclaimShare: one reclaim takes a part of a type along.
func TestChoiceOfReclaimShare(t *testing.T) {
	s := lab(20, cores{span: 200 * time.Hour, at: func(time.Duration) float64 { return 1 }})
	s.Cluster.Groups[0].OnDemandPercent = 0
	s.Market.ReclaimRate, s.Model.ReplacementDelay = 0.05, time.Minute
	for share, want := range map[float64][2]int{0.01: {17, 19}, 0.1: {14, 18}, 0.5: {5, 10}, 1: {0, 0}} {
		s.Model.ReclaimShare = share
		if got := run(t, s).Groups[0].MinInService; got < want[0] || got > want[1] {
			t.Errorf("share %v: at least %d serve, want %v", share, got, want)
		}
	}
}
