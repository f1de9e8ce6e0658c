package simulate_test

import (
	"context"
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tandem-iac/tandem/internal/check"
	"github.com/tandem-iac/tandem/simulate"
)

// TestValidate breaks one rule at a time; the fault names the place and no
// other is reported.
func TestValidate(t *testing.T) {
	for want, spoil := range map[string]func(*simulate.Scenario){
		"cluster.groups is 0":                   func(s *simulate.Scenario) { s.Cluster.Groups = nil },
		"asg.spot.min is 21":                    func(s *simulate.Scenario) { s.Cluster.Groups[0].Min = 21 },
		"asg.spot.initial is -1":                func(s *simulate.Scenario) { s.Cluster.Groups[0].Initial = -1 },
		"asg.spot.on_demand_percent is NaN":     func(s *simulate.Scenario) { s.Cluster.Groups[0].OnDemandPercent = math.NaN() },
		"asg.spot.bid is -1":                    func(s *simulate.Scenario) { s.Cluster.Groups[0].Bid = -1 },
		"asg.spot.monitoring is 2m0s":           func(s *simulate.Scenario) { s.Cluster.Groups[0].Monitoring = 2 * time.Minute },
		"asg.spot.warmup is 2h0m0s":             func(s *simulate.Scenario) { s.Cluster.Groups[0].Warmup = ptr(2 * time.Hour) },
		"asg.spot.cooldown is -1s":              func(s *simulate.Scenario) { s.Cluster.Groups[0].Cooldown = ptr(-time.Second) },
		"asg.spot.rescued_by is \"spot\"":       func(s *simulate.Scenario) { s.Cluster.Groups[0].RescuedBy = "spot" },
		"asg.spot.types is 0":                   func(s *simulate.Scenario) { s.Cluster.Groups[0].Types = nil },
		"asg.spot.types[0].vcpus is 0":          func(s *simulate.Scenario) { s.Cluster.Groups[0].Types[0].VCPUs = 0 },
		"on-demand.name is \"on-demand\"":       func(s *simulate.Scenario) { s.Cluster.Groups = append(s.Cluster.Groups, s.Cluster.Groups[1]) },
		"asg.spot.launch_hook is 49h0m0s":       func(s *simulate.Scenario) { s.Cluster.Groups[0].LaunchHook = 49 * time.Hour },
		"spot-in.steps is 1":                    func(s *simulate.Scenario) { s.Cluster.Groups[0].Policies[2].Steps = []simulate.Step{open(1)} },
		"spot-in.warmup is \"set\"":             func(s *simulate.Scenario) { s.Cluster.Groups[0].Policies[2].Warmup = ptr(time.Minute) },
		"spot-spike.cooldown is \"set\"":        func(s *simulate.Scenario) { s.Cluster.Groups[0].Policies[1].Cooldown = ptr(time.Minute) },
		"spot-spike.kind is \"TargetTracking\"": func(s *simulate.Scenario) { s.Cluster.Groups[0].Policies[1].Kind = "TargetTracking" },
		"spot-spike.min_magnitude is 1": func(s *simulate.Scenario) {
			p := &s.Cluster.Groups[0].Policies[1]
			p.MinMagnitude, p.Adjustment = 1, simulate.ChangeInCapacity
		},
		"spot-spike.alarms is \"none\"":         func(s *simulate.Scenario) { s.Cluster.Groups[0].Policies[1].Alarms = nil },
		"spot-sustained.steps is \"a step from": func(s *simulate.Scenario) { s.Cluster.Groups[0].Policies[0].Steps[1].Lower = ptr(16.) },
		"spot-sustained.steps[1] is \"empty":    func(s *simulate.Scenario) { s.Cluster.Groups[0].Policies[0].Steps[1].Upper = ptr(15.) },
		"spot-peak.threshold is NaN":            func(s *simulate.Scenario) { s.Cluster.Groups[0].Policies[1].Alarms[0].Threshold = math.NaN() },
		"spot-peak.period is 1m30s":             func(s *simulate.Scenario) { s.Cluster.Groups[0].Policies[1].Alarms[0].Period = 90 * time.Second },
		"spot-peak.evaluation_periods is 1441":  func(s *simulate.Scenario) { s.Cluster.Groups[0].Policies[1].Alarms[0].EvaluationPeriods = 1441 },
		"spot-peak.datapoints_to_alarm is 3":    func(s *simulate.Scenario) { s.Cluster.Groups[0].Policies[1].Alarms[0].DatapointsToAlarm = 3 },
		"spot-peak.group is \"none\"":           func(s *simulate.Scenario) { s.Cluster.Groups[0].Policies[1].Alarms[0].Group = "none" },
		"spot-peak.missing_data is \"Ignore\"":  func(s *simulate.Scenario) { s.Cluster.Groups[0].Policies[1].Alarms[0].MissingData = "Ignore" },
		"market.reclaim_rate is -1":             func(s *simulate.Scenario) { s.Market.ReclaimRate = -1 },
		"market.reclaims[0].share is 0":         func(s *simulate.Scenario) { s.Market.Reclaims = []simulate.Reclaim{{}} },
		"market.outages[0].until is 0s":         func(s *simulate.Scenario) { s.Market.Outages = []simulate.Outage{{}} },
		"market.prices[0].type is \"c4.large\"": func(s *simulate.Scenario) { s.Market.Prices = []simulate.PriceChange{{Type: "c4.large", Price: 1}} },
		"market.prices is \"out of order\"": func(s *simulate.Scenario) {
			s.Market.Prices = []simulate.PriceChange{{At: 2, Type: "m4.large", Price: 1}, {At: 1, Type: "m4.large", Price: 1}}
		},
		"model.step is 7s":                           func(s *simulate.Scenario) { s.Model.Step = 7 * time.Second },
		"model.objective_cpu is 0":                   func(s *simulate.Scenario) { s.Model.ObjectiveCPU = 0 },
		"model.queue is -1s":                         func(s *simulate.Scenario) { s.Model.Queue = -time.Second },
		"load is unset":                              func(s *simulate.Scenario) { s.Load = nil },
		"load.duration is 1s":                        func(s *simulate.Scenario) { s.Load = cores{span: time.Second} },
		"load.unit is \"bytes\"":                     func(s *simulate.Scenario) { s.Load = table{values: []float64{1}, step: time.Minute, unit: "bytes"} },
		"load at 0001-01-01T00:01:00Z is NaN cores":  func(s *simulate.Scenario) { s.Load = minutes(1, math.NaN()) },
		"load at 0001-01-01T00:00:00Z is -1 cores":   func(s *simulate.Scenario) { s.Load = minutes(-1) },
		"load at 0001-01-01T00:02:00Z is +Inf cores": func(s *simulate.Scenario) { s.Load = minutes(1, 1, math.Inf(1)) },
	} {
		s := scenario(time.Hour)
		s.Cluster.Groups[0].Address = "asg.spot"
		s.Cluster.Groups[1].Types = []simulate.InstanceType{{Name: "m4.xlarge", VCPUs: 4}}
		spoil(&s)
		_, err := simulate.Run(context.Background(), s)
		var faults check.Errors
		if !errors.As(err, &faults) || len(faults) != 1 || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("want one fault, %s: got\n%v", want, err)
		}
	}
}

func TestAllFaultsAtOnce(t *testing.T) {
	err := simulate.Scenario{Cluster: simulate.Cluster{Groups: []simulate.Group{{Policies: []simulate.Policy{{}}}}}}.Validate()
	var faults check.Errors
	if !errors.As(err, &faults) || len(faults) < 10 {
		t.Errorf("want all faults, got\n%v", err)
	}
}

// TestCancelled runs end early.
func TestCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	seen := 0
	s := scenario(time.Hour)
	s.Load = cores{span: 100 * year, at: func(time.Duration) float64 {
		if seen++; seen == 10_000 {
			cancel()
		}
		return 1
	}}
	if _, err := simulate.Run(ctx, s); !errors.Is(err, context.Canceled) || seen > 100_000 {
		t.Errorf("got %v after %d steps, want the context's error at once", err, seen)
	}
}

// TestSample gives the same run as the load itself, and means at other steps.
func TestSample(t *testing.T) {
	s := randomScenario(5)
	want := run(t, s)
	s.Load = simulate.Sample(s.Load, s.Model.Step)
	if diff := disagreement(want, run(t, s)); diff != "" {
		t.Error(diff)
	}
	samples := simulate.Sample(table{values: []float64{1, 2, 6, 7}, step: time.Minute, unit: simulate.Cores}, time.Minute)
	got := make([]float64, 4)
	samples.Fill(got, 30*time.Second, 90*time.Second)
	if want := []float64{(0.5*1 + 2) / 1.5, (6 + 0.5*7) / 1.5, 0.5 * 7 / 1.5, 0}; !cmp.Equal(got, want) {
		t.Errorf("means %v, want %v", got, want)
	}
	samples.Fill(got[:2], 0, 30*time.Second)
	if !cmp.Equal(got[:2], []float64{1, 1}) {
		t.Errorf("parts %v, want 1, 1", got[:2])
	}
}

// TestParameters: each changes its own field and no other, and a run accepts
// every value of its sweep.
func TestParameters(t *testing.T) {
	for i, p := range simulate.Parameters() {
		m := simulate.DefaultModel()
		if p.Get(m) != p.Default || p.Name == "" || p.Mark == "" || p.Source == "" {
			t.Errorf("%+v: incomplete, or DefaultModel has %v", p, p.Get(m))
		}
		for _, v := range append(p.Sweep, p.Default) {
			p.Set(&m, v)
			for j, other := range simulate.Parameters() {
				if want := other.Default; j != i && other.Get(m) != want {
					t.Errorf("%s sets %s", p.Name, other.Name)
				}
			}
			s := scenario(time.Hour)
			s.Model = m
			if p.Get(m) != v || s.Validate() != nil {
				t.Errorf("%s at %v: reads %v, %v", p.Name, v, p.Get(m), s.Validate())
			}
		}
	}
}

// TestSweepChangesOneParameter, and runs of what is not changed are the scenario's.
func TestSweepChangesOneParameter(t *testing.T) {
	s := scenario(6 * time.Hour)
	s.Model.ScaleInOrder = simulate.NewestFirst // a sweep begins with the scenario's model
	trials, err := simulate.Sweep(context.Background(), s)
	if err != nil {
		t.Fatal(err)
	}
	values := 0
	for _, p := range simulate.Parameters() {
		values += len(p.Sweep)
	}
	if len(trials) != values {
		t.Fatalf("%d trials, want %d", len(trials), values)
	}
	for _, trial := range trials {
		changed := s
		trial.Parameter.Set(&changed.Model, trial.Value)
		if diff := cmp.Diff(run(t, changed), trial.Result); diff != "" {
			t.Errorf("%s at %v: %s", trial.Parameter.Name, trial.Value, diff)
		}
	}
}
