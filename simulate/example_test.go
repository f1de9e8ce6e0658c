package simulate_test

import (
	"context"
	"fmt"
	"time"

	"github.com/tandem-iac/tandem/simulate"
	"github.com/tandem-iac/tandem/simulate/load"
)

// web is a group that grows by half at 60 % CPU and shrinks by one below 30 %.
func web() simulate.Cluster {
	alarm := simulate.Alarm{Name: "high", Comparison: simulate.AtOrAbove, Threshold: 60, Period: time.Minute, EvaluationPeriods: 3}
	low := simulate.Alarm{Name: "low", Comparison: simulate.Below, Threshold: 30, Period: time.Minute, EvaluationPeriods: 10}
	bound, cooldown := 0.0, 5*time.Minute
	return simulate.Cluster{Name: "web", Groups: []simulate.Group{{
		Name: "web", Min: 2, Max: 20, Initial: 2,
		OnDemandPercent: 100, // 0 is all on spot
		Types:           []simulate.InstanceType{{Name: "m5.large", VCPUs: 2, OnDemandPrice: 0.096}},
		Monitoring:      time.Minute,
		Policies: []simulate.Policy{
			{Name: "out", Kind: simulate.StepScaling, Adjustment: simulate.PercentChangeInCapacity,
				Steps: []simulate.Step{{Lower: &bound, Amount: 50}}, Alarms: []simulate.Alarm{alarm}},
			{Name: "in", Kind: simulate.SimpleScaling, Adjustment: simulate.ChangeInCapacity,
				Amount: -1, Cooldown: &cooldown, Alarms: []simulate.Alarm{low}},
		},
	}}}
}

// A cluster of one group, a day of requests, and what became of them. Package
// terraform finds clusters in Terraform, package environment in tandem.yaml.
func Example() {
	demand, err := load.Parse("diurnal:low=20,high=600,peak=14:00", load.Config{})
	if err != nil {
		fmt.Println(err)
		return
	}
	model := simulate.DefaultModel()
	model.CPUPerRequest = 0.04          // core-seconds: measure yours
	model.SetupMedian = 2 * time.Minute // until a new instance serves

	result, err := simulate.Run(context.Background(), simulate.Scenario{
		Cluster: web(), Load: demand, Model: model, Seed: 1,
		Options: simulate.Options{Record: true}, // keeps activities and series
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	s := result.Summary
	fmt.Printf("above %g %% CPU for %v, %.2f %% not served\n", model.ObjectiveCPU, s.OverObjective, 100*s.Unserved/s.Demand)
	fmt.Printf("%.2f USD, %.1f %% less than %d instances all day\n", s.Cost, s.PeakFleet.Saving, s.PeakFleet.Instances)
	for _, a := range result.Activities[:3] {
		fmt.Printf("%v: %s %d -> %d\n", a.At, a.Policy, a.From, a.To)
	}
	// Output:
	// above 80 % CPU for 0s, 0.00 % not served
	// 29.85 USD, 13.6 % less than 15 instances all day
	// 4h7m0s: out 2 -> 3
	// 4h48m0s: out 3 -> 4
	// 5h21m0s: out 4 -> 6
}

// What AWS leaves open may matter or not: a sweep tries the range of each
// parameter of the model.
func ExampleSweep() {
	demand, err := load.Parse("step:from=20,to=200,at=6h", load.Config{Duration: 12 * time.Hour})
	if err != nil {
		fmt.Println(err)
		return
	}
	trials, err := simulate.Sweep(context.Background(), simulate.Scenario{Cluster: web(), Load: demand, Model: simulate.DefaultModel()})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, t := range trials {
		if t.Parameter.Name == "setup median" {
			fmt.Printf("%s %g %s: %v above the objective\n", t.Parameter.Name, t.Value, t.Parameter.Unit, t.Result.Summary.OverObjective)
		}
	}
	// Output:
	// setup median 30 s: 22m0s above the objective
	// setup median 90 s: 23m0s above the objective
	// setup median 300 s: 26m0s above the objective
}
