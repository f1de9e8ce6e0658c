package simulate_test

import (
	"context"
	"math"
	"testing"
	"time"

	"github.com/tandem-iac/tandem/simulate"
)

// diurnal is a day with its peak in the afternoon, in cores.
func diurnal(span time.Duration) *simulate.Samples {
	return simulate.Sample(cores{span: span, at: func(at time.Duration) float64 {
		return 8 - 6*math.Cos(2*math.Pi*at.Hours()/24) + 0.3*math.Sin(at.Minutes())
	}}, time.Minute)
}

func ptr[T any](v T) *T { return &v }

// pair is a spot group and the on-demand group that rescues it, three alarms each.
func pair() simulate.Cluster {
	types := []simulate.InstanceType{{Name: "m4.large", VCPUs: 2, OnDemandPrice: 0.1, SpotPrice: 0.02}}
	group := func(name string, percent, sustained, spike float64) simulate.Group {
		return simulate.Group{Name: name, Min: 1, Max: 20, Initial: 1, OnDemandPercent: percent, Types: types,
			Monitoring: time.Minute, Warmup: ptr(2 * time.Minute), GracePeriod: 5 * time.Minute, LoadBalancerHealth: true,
			DeregistrationDelay: time.Minute, Policies: []simulate.Policy{
				{Name: name + "-sustained", Kind: simulate.StepScaling, Adjustment: simulate.PercentChangeInCapacity,
					Steps:  []simulate.Step{{Lower: ptr(0.), Upper: ptr(15.), Amount: 10}, {Lower: ptr(15.), Amount: 30}},
					Alarms: []simulate.Alarm{{Name: name + "-high", Comparison: simulate.AtOrAbove, Threshold: sustained, Period: 5 * time.Minute, EvaluationPeriods: 1}}},
				{Name: name + "-spike", Kind: simulate.StepScaling, Adjustment: simulate.PercentChangeInCapacity,
					Steps:  []simulate.Step{{Lower: ptr(0.), Amount: 30}},
					Alarms: []simulate.Alarm{{Name: name + "-peak", Comparison: simulate.AtOrAbove, Threshold: spike, Period: time.Minute, EvaluationPeriods: 2}}},
				{Name: name + "-in", Kind: simulate.SimpleScaling, Adjustment: simulate.PercentChangeInCapacity, Amount: -10,
					Alarms: []simulate.Alarm{{Name: name + "-low", Comparison: simulate.Below, Threshold: 30, Period: time.Minute, EvaluationPeriods: 10}}},
			}}
	}
	spot := group("spot", 0, 50, 85)
	spot.RescuedBy = "on-demand"
	return simulate.Cluster{Name: "web", Groups: []simulate.Group{spot, group("on-demand", 100, 65, 95)}}
}

func scenario(span time.Duration) simulate.Scenario {
	return simulate.Scenario{Cluster: pair(), Load: diurnal(span), Model: simulate.DefaultModel(), Seed: 1,
		Market: simulate.Market{ReclaimRate: 0.005}}
}

const year = 365 * 24 * time.Hour

func BenchmarkYear(b *testing.B) {
	s := scenario(year)
	var sim simulate.Simulator
	b.ReportAllocs()
	for b.Loop() {
		if _, err := sim.Run(context.Background(), s); err != nil {
			b.Fatal(err)
		}
	}
	minutes := float64(b.N) * year.Minutes() * 2
	b.ReportMetric(minutes/b.Elapsed().Seconds()/1e6, "Mgroup-minutes/s")
}
