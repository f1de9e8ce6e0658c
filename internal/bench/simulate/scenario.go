package main

import (
	"math"
	"time"

	"github.com/tandem-iac/tandem/simulate"
)

// wave is a day with its peak in the afternoon, in cores.
type wave time.Duration

func (w wave) Start() time.Time        { return time.Time{} }
func (w wave) Duration() time.Duration { return time.Duration(w) }
func (w wave) Unit() simulate.Unit     { return simulate.Cores }
func (w wave) Fill(values []float64, from, step time.Duration) {
	for i := range values {
		at := from + time.Duration(i)*step
		values[i] = 8 - 6*math.Cos(2*math.Pi*at.Hours()/24) + 0.3*math.Sin(at.Minutes())
	}
}

func sampled(span time.Duration) *simulate.Samples {
	return simulate.Sample(wave(span), time.Minute)
}

func ptr[T any](v T) *T { return &v }

// scenario is a spot group and the on-demand group that rescues it, with three
// alarms each and a few reclaims a day.
func scenario(load simulate.Load) simulate.Scenario {
	spot := group("spot", 0, 50, 85)
	spot.RescuedBy = "on-demand"
	return simulate.Scenario{Load: load, Model: simulate.DefaultModel(), Seed: 1,
		Cluster: simulate.Cluster{Name: "web", Groups: []simulate.Group{spot, group("on-demand", 100, 65, 95)}},
		Market:  simulate.Market{ReclaimRate: 0.005}}
}

func group(name string, onDemand, sustained, spike float64) simulate.Group {
	policy := func(kind simulate.PolicyKind, a simulate.Alarm) simulate.Policy {
		return simulate.Policy{Name: name + "-" + a.Name, Kind: kind, Adjustment: simulate.PercentChangeInCapacity, Alarms: []simulate.Alarm{a}}
	}
	up := policy(simulate.StepScaling, simulate.Alarm{Name: "sustained", Comparison: simulate.AtOrAbove, Threshold: sustained, Period: 5 * time.Minute, EvaluationPeriods: 1})
	up.Steps = []simulate.Step{{Lower: ptr(0.), Upper: ptr(15.), Amount: 10}, {Lower: ptr(15.), Amount: 30}}
	fast := policy(simulate.StepScaling, simulate.Alarm{Name: "spike", Comparison: simulate.AtOrAbove, Threshold: spike, Period: time.Minute, EvaluationPeriods: 2})
	fast.Steps = []simulate.Step{{Lower: ptr(0.), Amount: 30}}
	down := policy(simulate.SimpleScaling, simulate.Alarm{Name: "low", Comparison: simulate.Below, Threshold: 30, Period: time.Minute, EvaluationPeriods: 10})
	down.Amount = -10
	return simulate.Group{Name: name, Min: 1, Max: 20, Initial: 1, OnDemandPercent: onDemand, Monitoring: time.Minute,
		Types:  []simulate.InstanceType{{Name: "m4.large", VCPUs: 2, OnDemandPrice: 0.1, SpotPrice: 0.02}},
		Warmup: ptr(2 * time.Minute), GracePeriod: 5 * time.Minute, LoadBalancerHealth: true, DeregistrationDelay: time.Minute,
		Policies: []simulate.Policy{up, fast, down}}
}
