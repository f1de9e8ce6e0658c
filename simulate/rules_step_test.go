package simulate_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/tandem-iac/tandem/simulate"
)

var equateEmpty = cmpopts.EquateEmpty()

// TestRoundsTheChange has the worked examples of the user guide, and what
// follows: it is the change that is rounded, not the resulting capacity:
// https://docs.aws.amazon.com/autoscaling/ec2/userguide/as-scaling-simple-step.html
func TestRoundsTheChange(t *testing.T) {
	for _, c := range []struct{ from, percent, least, to int }{
		{11, 30, 0, 14},  // 3.3
		{14, -10, 0, 13}, // -1.4
		{13, -30, 0, 10}, // -3.9
		{10, 127, 0, 22}, // 12.7
		{10, 67, 0, 16},  // 6.7
		{10, -67, 0, 4},  // -6.67 in the guide
		{10, 5, 0, 11},   // 0.5
		{10, -5, 0, 9},   // -0.5
		{4, 25, 2, 6},    // 1, at least 2
		{4, -25, 2, 2},
		{20, 25, 2, 25}, // more than the least
		{1, -10, 0, 0}, {11, -10, 0, 10}, {19, -10, 0, 18}, {20, -10, 0, 18}, {29, -10, 0, 27}, {30, -10, 0, 27},
	} {
		t.Run(fmt.Sprintf("%d by %d%%", c.from, c.percent), func(t *testing.T) {
			p := simple(simulate.PercentChangeInCapacity, c.percent, high(50))
			p.MinMagnitude = c.least
			expect(t, lab(c.from, percent(c.from, 80), p), fmt.Sprintf("1 g policy %d->%d", c.from, c.to))
			if c.percent > 0 {
				p = step(simulate.PercentChangeInCapacity, 50, open(c.percent))
				p.MinMagnitude = c.least
				expect(t, lab(c.from, percent(c.from, 80), p), fmt.Sprintf("1 g policy %d->%d", c.from, c.to))
			}
		})
	}
}

// TestRepeatedBreachWhileWarming is the worked example of
// https://docs.aws.amazon.com/autoscaling/ec2/userguide/as-scaling-simple-step.html: 10
// instances; at 60 one more, at 62 no change while it warms up, at 70 three in
// all and not four.
func TestRepeatedBreachWhileWarming(t *testing.T) {
	p := step(simulate.PercentChangeInCapacity, 60,
		simulate.Step{Lower: ptr(0.), Upper: ptr(10.), Amount: 10}, simulate.Step{Lower: ptr(10.), Amount: 30})
	s := lab(10, percent(10, 60, 62, 62, 70, 50), p)
	s.Cluster.Groups[0].Warmup = ptr(time.Hour)
	s.Model.SetupMedian = 24 * time.Hour // so that what warms up does not lower the load of the rest
	expect(t, s, "1 g policy 10->11", "4 g policy 11->13", "end")

	// Without a warm-up each breach counts what is there.
	s.Cluster.Groups[0].Warmup = ptr(time.Duration(0))
	s.Model.SetupMedian = 0
	s.Load = minutes(6, 6.9, 6.9, 6.9, 5)
	expect(t, s, "1 g policy 10->11", "2 g policy 11->12", "end")
}

// TestStepBounds holds inclusive and exclusive bounds on both sides of the
// threshold:
// https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_StepAdjustment.html
func TestStepBounds(t *testing.T) {
	above := step(simulate.ChangeInCapacity, 50,
		simulate.Step{Lower: ptr(0.), Upper: ptr(10.), Amount: 1}, simulate.Step{Lower: ptr(10.), Amount: 5})
	for cpu, to := range map[float64]int{50: 11, 59.99: 11, 60: 15} {
		expect(t, lab(10, percent(10, cpu), above), fmt.Sprintf("1 g policy 10->%d", to))
	}
	below := step(simulate.ChangeInCapacity, 50,
		simulate.Step{Lower: ptr(-10.), Upper: ptr(0.), Amount: -1}, simulate.Step{Upper: ptr(-10.), Amount: -5})
	below.Alarms = []simulate.Alarm{low(50)}
	for cpu, to := range map[float64]int{49.99: 9, 40.01: 9, 40: 5} {
		expect(t, lab(10, percent(10, cpu), below), fmt.Sprintf("1 g policy 10->%d", to))
	}
	below.Alarms[0].Comparison = simulate.AtOrBelow
	expect(t, lab(10, percent(10, 50), below), "end") // at the threshold the upper bound 0 is exclusive
}

func TestAdjustments(t *testing.T) {
	for want, p := range map[string]simulate.Policy{
		"1 g policy 10->12":  step(simulate.ChangeInCapacity, 50, open(2)),
		"1 g policy 10->17":  step(simulate.ExactCapacity, 50, open(17)),
		"1 g policy 10->3":   step(simulate.ExactCapacity, 50, open(3)),
		"1 g policy 10->100": step(simulate.ChangeInCapacity, 50, open(500)), // the maximum
		"1 g policy 10->0":   simple(simulate.ChangeInCapacity, -500, high(50)),
		"1 g policy 10->16":  simple(simulate.ExactCapacity, 16, high(50)),
	} {
		expect(t, lab(10, percent(10, 80), p), want)
	}
	s := lab(10, percent(10, 80), simple(simulate.ChangeInCapacity, -500, high(50)))
	s.Cluster.Groups[0].Min = 4
	expect(t, s, "1 g policy 10->4")
}

// TestWarmupPrecedence: the policy's, the group's, the cooldown, 300 s. Until an
// instance is warm its load is not in the metric; here setting up would show as
// full CPU and so as another breach:
// https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-default-instance-warmup.html
func TestWarmupPrecedence(t *testing.T) {
	warmup := func(group, policy, cooldown *time.Duration) *simulate.Result {
		p := step(simulate.ChangeInCapacity, 50, open(1))
		p.Warmup = policy
		s := lab(1, minutes(0.6, 0.1), p)
		s.Cluster.Groups[0].Warmup, s.Cluster.Groups[0].Cooldown = group, cooldown
		s.Model.SetupMedian = 24 * time.Hour
		return run(t, s)
	}
	m := func(n int) *time.Duration { return ptr(time.Duration(n) * time.Minute) }
	for _, c := range []struct {
		group, policy, cooldown *time.Duration
		minutes                 float64
	}{{m(7), m(4), m(9), 4}, {m(7), nil, m(9), 7}, {nil, nil, m(9), 9}, {nil, nil, nil, 5}, {m(0), nil, nil, 0}} {
		// Launched at 1, warm at 1+w, in the minute after that above the threshold.
		r := warmup(c.group, c.policy, c.cooldown)
		if got := r.Activities[1].At.Minutes(); got != c.minutes+2 {
			t.Errorf("%+v: the second breach was at %v min, want %v", c, got, c.minutes+2)
		}
	}
}

// TestStepScaleInWaitsForWarmup, and simple scale-in does not, but by choice:
// https://docs.aws.amazon.com/autoscaling/ec2/userguide/as-scaling-simple-step.html
func TestStepScaleInWaitsForWarmup(t *testing.T) {
	out := step(simulate.ChangeInCapacity, 50, open(1))
	out.Warmup = ptr(10 * time.Minute)
	in := step(simulate.ChangeInCapacity, 20, under(-1))
	in.Name, in.Alarms = "in", []simulate.Alarm{low(20)}
	load := percent(10, 60, 5)
	expect(t, lab(10, load, out, in), "1 g policy 10->11", "11 g policy 11->10")

	in = simple(simulate.ChangeInCapacity, -1, low(20))
	expect(t, lab(10, load, out, in), "1 g policy 10->11", "2 g policy 11->10")
	s := lab(10, load, out, in)
	s.Model.ScaleInWaitsForWarmup = true
	expect(t, s, "1 g policy 10->11", "11 g policy 11->10")
}
