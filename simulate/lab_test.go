package simulate_test

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tandem-iac/tandem/simulate"
)

// lab is a scenario without any delay, so that a rule can be seen alone: one
// group of n one-core on-demand instances that nobody may resize but policies.
func lab(n int, load simulate.Load, policies ...simulate.Policy) simulate.Scenario {
	m := simulate.DefaultModel()
	m.DetailedDelay, m.BasicDelay, m.BootMedian, m.SetupMedian = 0, 0, 0, 0
	m.BootSpread, m.SetupSpread = 0, 0
	m.TerminationTime, m.DeregistrationLag, m.ReplacementDelay, m.HealthCheckTime = 0, 0, 0, 0
	return simulate.Scenario{Load: load, Model: m, Options: simulate.Options{Record: true},
		Cluster: simulate.Cluster{Name: "lab", Groups: []simulate.Group{group("g", n, 100, policies...)}}}
}

func group(name string, n int, onDemand float64, policies ...simulate.Policy) simulate.Group {
	return simulate.Group{Name: name, Max: 100, Initial: n, OnDemandPercent: onDemand, Monitoring: time.Minute,
		Types:  []simulate.InstanceType{{Name: "t", VCPUs: 1, OnDemandPrice: 1, SpotPrice: 0.2}},
		Warmup: ptr(time.Duration(0)), Policies: policies}
}

// minutes is a load of one value a minute, in cores; the last goes on for an hour.
func minutes(values ...float64) simulate.Load {
	all := append([]float64{}, values...)
	for range 60 {
		all = append(all, values[len(values)-1])
	}
	return table{values: all, step: time.Minute, unit: simulate.Cores}
}

// percent is a load that gives n one-core instances so much CPU.
func percent(n int, values ...float64) simulate.Load {
	for i := range values {
		values[i] *= float64(n) / 100
	}
	return minutes(values...)
}

// step is a step policy whose steps begin at offsets from the threshold.
func step(adjustment simulate.Adjustment, threshold float64, steps ...simulate.Step) simulate.Policy {
	return simulate.Policy{Name: "out", Kind: simulate.StepScaling, Adjustment: adjustment, Steps: steps,
		Alarms: []simulate.Alarm{high(threshold)}}
}

func open(amount int) simulate.Step { return simulate.Step{Lower: ptr(0.), Amount: amount} }

func under(amount int) simulate.Step { return simulate.Step{Upper: ptr(0.), Amount: amount} }

func simple(adjustment simulate.Adjustment, amount int, a simulate.Alarm) simulate.Policy {
	return simulate.Policy{Name: "simple", Kind: simulate.SimpleScaling, Adjustment: adjustment, Amount: amount,
		Cooldown: ptr(time.Duration(0)), Alarms: []simulate.Alarm{a}}
}

func high(threshold float64) simulate.Alarm {
	return simulate.Alarm{Name: "high", Comparison: simulate.AtOrAbove, Threshold: threshold, Period: time.Minute, EvaluationPeriods: 1}
}

func low(threshold float64) simulate.Alarm {
	return simulate.Alarm{Name: "low", Comparison: simulate.Below, Threshold: threshold, Period: time.Minute, EvaluationPeriods: 1}
}

// changes are the first n changes of capacity: "3m g policy 10->11".
func changes(r *simulate.Result, n int) []string {
	var out []string
	for _, a := range r.Activities {
		if len(out) < n {
			out = append(out, fmt.Sprintf("%v %s %s %d->%d", a.At.Minutes(), a.Group, a.Cause, a.From, a.To))
		}
	}
	return out
}

// expect compares the first changes of a run, as many as are wanted; "end"
// means that there are no more.
func expect(t *testing.T, s simulate.Scenario, want ...string) *simulate.Result {
	t.Helper()
	r := run(t, s)
	n := len(want)
	if n > 0 && want[n-1] == "end" {
		want, n = want[:n-1], math.MaxInt
	}
	if diff := cmp.Diff(want, changes(r, n), equateEmpty); diff != "" {
		t.Errorf("changes in minutes (-want +got):\n%s", diff)
	}
	return r
}

// at is a value of a series at a minute, with a step of a minute.
func at[T any](series []T, minute int) T { return series[minute] }
