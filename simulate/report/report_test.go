package report_test

import (
	"bytes"
	"encoding/json"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tandem-iac/tandem/simulate"
	"github.com/tandem-iac/tandem/simulate/report"
)

// aDay is a day of a pair of groups, in which spot follows a wave of demand.
func aDay(name string, unserved float64) report.Run {
	const minutes = 24 * 60
	series := &simulate.Series{Step: time.Minute, Groups: []simulate.GroupSeries{{Name: "prod-obelix-on-demand"}, {Name: "prod-obelix-spot"}}}
	od, spot := &series.Groups[0], &series.Groups[1]
	spot.Alarms = []simulate.AlarmSeries{{Name: "high", Policy: "out"}}
	for m := range minutes {
		demand := 10 - 8*math.Cos(2*math.Pi*float64(m)/minutes)
		instances := int32(demand/1.2) + 1
		series.Demand = append(series.Demand, demand)
		series.Capacity = append(series.Capacity, 2*float64(instances+1))
		series.Unserved = append(series.Unserved, 0)
		cpu := 100 * demand / (2 * float64(instances+1))
		state := uint8(0)
		if m > 300 && m < 600 {
			state = 1
		}
		for _, g := range []*simulate.GroupSeries{od, spot} {
			g.CPU, g.SpotPrice = append(g.CPU, cpu), append(g.SpotPrice, 0.025)
			g.Pending = append(g.Pending, 0)
		}
		od.Desired, od.InService, od.Spot = append(od.Desired, 1), append(od.InService, 1), append(od.Spot, 0)
		spot.Desired, spot.InService = append(spot.Desired, instances), append(spot.InService, instances)
		spot.Spot = append(spot.Spot, instances)
		spot.Alarms[0].State = append(spot.Alarms[0].State, state)
	}
	od.CPU[0] = math.NaN()
	start := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	return report.Run{
		Name: name, Load: "a wave of 2 to 18 cores", Start: start, Objective: 80,
		Cluster: simulate.Cluster{Name: name, Groups: []simulate.Group{
			{Name: "prod-obelix-on-demand", Min: 1, Max: 4},
			{Name: "prod-obelix-spot", Min: 1, Max: 20, Policies: []simulate.Policy{{Name: "out", Alarms: []simulate.Alarm{
				{Name: "high", Comparison: simulate.AtOrAbove, Threshold: 50}}}}},
		}},
		Result: &simulate.Result{
			Summary: simulate.Summary{
				Duration: 24 * time.Hour, Demand: 864000, Served: 864000 - unserved, Unserved: unserved,
				ScaleOuts: 12, ScaleIns: 11, InstanceHours: 240, Cost: 9, BreachToCapacity: 4 * time.Minute,
				PeakFleet: simulate.Fleet{Instances: 12, Cost: 36, Saving: 75}, ConstantFleet: simulate.Fleet{Instances: 12, Cost: 10.8, Saving: 16.67},
			},
			Groups: []simulate.GroupSummary{
				{Name: "prod-obelix-on-demand", OnDemandHours: 24, Cost: 3, MinInService: 1, MaxInService: 1, MeanInService: 1},
				{Name: "prod-obelix-spot", SpotHours: 216, Cost: 6, MinInService: 2, MaxInService: 15, MeanInService: 9, ScaleOuts: 12, ScaleIns: 11},
			},
			Activities: []simulate.Activity{
				{At: 5 * time.Hour, Group: "prod-obelix-spot", Cause: simulate.ByPolicy, Policy: "out", Alarm: "high", From: 3, To: 4},
				{At: 6 * time.Hour, Group: "prod-obelix-spot", Cause: simulate.ByReclaim, From: 4, To: 4},
			},
			Series: series,
		},
		Warnings: []string{"aws_autoscaling_policy.<b>other</b> was left out"},
	}
}

func TestVerdict(t *testing.T) {
	stuck := aDay("stuck", 0)
	stuck.Cluster.Groups[1].Max = 10
	over := aDay("over", 0)
	over.Result.Summary.OverObjective = 2 * time.Hour
	dear := aDay("dear", 0)
	dear.Result.Summary.PeakFleet.Saving = -3
	flapping := aDay("flapping", 0)
	flapping.Result.Summary.Flaps = 5
	growing := aDay("growing", 0)
	growing.Cluster.Groups[1].Policies[0].Amount = 1
	both := aDay("both", 0)
	both.Cluster.Groups[1].Policies = append(slices.Clone(growing.Cluster.Groups[1].Policies),
		simulate.Policy{Name: "in", Steps: []simulate.Step{{Amount: -1}}, Alarms: []simulate.Alarm{{Name: "low"}}})
	constant := func(name string, saving float64) report.Run {
		run := aDay(name, 0)
		run.Result.Summary.ConstantFleet = simulate.Fleet{Instances: 4, Cost: 9 / (1 - saving/100), Saving: saving}
		return run
	}
	worse := constant("worse", -9.2)
	worse.Result.Summary.Flaps = 5
	for _, test := range []struct {
		run   report.Run
		grade report.Grade
		want  string
	}{
		{aDay("well", 0), report.Good, "75.0 % less cost"},
		{aDay("little", 10), report.Fair, "0.0012 % of the work"},
		{aDay("much", 8640), report.Poor, "1.0 % of the work"},
		{over, report.Poor, "above the objective of 80 % for 2 h"},
		{dear, report.Poor, "costs 3.0 % more than the on-demand fleet"},
		{stuck, report.Fair, "group prod-obelix-spot stood at its maximum"},
		{growing, report.Fair, "no policy removes instances from group prod-obelix-spot"},
		{both, report.Good, "75.0 % less cost"},
		{aDay("varied", 0), report.Good, "16.7 % less than the best fleet of constant size"},
		{constant("steady", 0), report.Good, "about as much as the best fleet of constant size"},
		{constant("nearly", -1), report.Good, "about as much as the best fleet of constant size"},
		{constant("needless", -1.1), report.Fair, "costs 1.1 % more than the best fleet of constant size: 4 instances"},
		{worse, report.Fair, "costs 9.2 % more than the best fleet of constant size: 4 instances"},
		{flapping, report.Fair, "5 changes were taken back"},
	} {
		v := report.New(test.run).Verdict()
		if v.Grade != test.grade || !strings.Contains(v.Headline, test.want) {
			t.Errorf("%s: %s, %q, want %s and %q", test.run.Name, v.Grade, v.Headline, test.grade, test.want)
		}
	}
}

func TestJSON(t *testing.T) {
	var b bytes.Buffer
	if err := report.New(aDay("prod", 0)).WriteJSON(&b, true); err != nil {
		t.Fatal(err)
	}
	var got struct {
		Version int
		Runs    []struct {
			Summary map[string]float64
			Series  struct {
				Demand []float64 `json:"demand_cores"`
				Groups []struct {
					CPU    []*float64 `json:"cpu_percent"`
					Alarms []struct{ State []int }
				}
			}
		}
	}
	if err := json.Unmarshal(b.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	run := got.Runs[0]
	if got.Version != report.Version || run.Summary["saving_percent"] != 75 || len(run.Series.Demand) != 1440 {
		t.Errorf("version %d, saving %v, %d values", got.Version, run.Summary["saving_percent"], len(run.Series.Demand))
	}
	if first := run.Series.Groups[0].CPU[0]; first != nil {
		t.Errorf("CPU without instances is %v, want null", *first)
	}
	if state := run.Series.Groups[1].Alarms[0].State; state[300] != 0 || state[301] != 1 {
		t.Errorf("alarm states are %v and %v, want 0 and 1", state[300], state[301])
	}
	for _, m := range report.Metrics() {
		if _, ok := run.Summary[m.Name]; !ok {
			t.Errorf("summary has no %s", m.Name)
		}
	}
}

func TestTable(t *testing.T) {
	other := aDay("after", 0)
	other.Result.Summary.Cost = 8
	for _, width := range []int{0, 40} {
		var b bytes.Buffer
		report.New(aDay("before", 0), other).WriteTable(&b, width)
		for _, want := range []string{"before: GOOD", "-1.00 USD", "after: prod-obelix-spot"} {
			if !strings.Contains(b.String(), want) {
				t.Errorf("width %d: no %q in\n%s", width, want, b.String())
			}
		}
		for line := range strings.Lines(b.String()) {
			if n := len([]rune(strings.TrimSuffix(line, "\n"))); width > 0 && n > width {
				t.Errorf("%d columns, want at most %d: %s", n, width, line)
			}
		}
	}
}

func TestCondition(t *testing.T) {
	r := report.New(aDay("prod", 10))
	for text, want := range map[string]bool{
		"over_slo_minutes>10":                          false,
		"saving_percent < 80":                          true,
		"flaps > 0 || unserved_core_hours > 0.001":     true,
		"not (cost_usd > 8) and instance_hours == 240": false,
	} {
		c, err := report.ParseCondition(text)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := c.Holds(r); err != nil || got != want {
			t.Errorf("%s is %v, %v, want %v", text, got, err, want)
		}
	}
	for text, want := range map[string]string{
		"over_slo_minute>10":   "there is no over_slo_minute: did you mean over_slo_minutes?",
		"cost_usd":             "expected bool, but got float64",
		"cost_usd >":           "unexpected token",
		"":                     "unexpected token",
		"flaps > 'much'":       "mismatched types",
		"banana > 1":           "there is no banana: ",
		"over_slo_minutes>10)": "unexpected token",
	} {
		if _, err := report.ParseCondition(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

func TestChart(t *testing.T) {
	for format, magic := range map[report.Format]string{report.SVG: "<?xml", report.PNG: "\x89PNG"} {
		var b bytes.Buffer
		if err := report.New(aDay("prod", 0)).WriteChart(&b, format); err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(b.String(), magic) || b.Len() < 10_000 {
			t.Errorf("%s: %d bytes that begin with %.10q", format, b.Len(), b.String())
		}
	}
	if err := report.New(aDay("prod", 0)).WriteChart(&bytes.Buffer{}, "gif"); err == nil {
		t.Error("a gif was drawn")
	}
	// A gap stays one: what has no value is not joined over.
	var whole, gapped bytes.Buffer
	day := aDay("prod", 0)
	day.Result.Series.Groups[0].CPU[0] = day.Result.Series.Groups[0].CPU[1]
	if err := report.New(day).WriteChart(&whole, report.SVG); err != nil {
		t.Fatal(err)
	}
	for minute := 700; minute < 800; minute++ {
		day.Result.Series.Groups[0].CPU[minute] = math.NaN()
	}
	if err := report.New(day).WriteChart(&gapped, report.SVG); err != nil {
		t.Fatal(err)
	}
	if more := strings.Count(gapped.String(), "<path") - strings.Count(whole.String(), "<path"); more != 1 {
		t.Errorf("a gap makes %d lines more, want 1", more)
	}
	bare := aDay("prod", 0)
	bare.Result.Series = nil
	if err := report.New(bare).WriteChart(&bytes.Buffer{}, report.SVG); err == nil {
		t.Error("nothing was drawn without a complaint")
	}
}
