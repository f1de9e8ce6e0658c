// Package report says what simulations found, for people and programs.
//
//	Run... ──> Report ──┬─> WriteJSON   versioned, for programs
//	                    ├─> WriteTable  a terminal
//	                    ├─> WritePage   one self-contained HTML file with charts
//	                    ├─> WriteChart  SVG or PNG
//	                    └─> Condition   an exit code, for continuous integration
package report

import (
	"encoding/json"
	"io"
	"math"
	"time"

	"github.com/tandem-iac/tandem/simulate"
)

// Version is that of the JSON form. It rises when a name changes its meaning
// or goes; new names may come without.
const Version = 1

// Run is a simulation with what a reader has to know about it.
type Run struct {
	// Name tells runs apart: that of the cluster, or of what it was read from.
	Name string
	// Load says in words what the demand was.
	Load string
	// Start is the time of the load's first value.
	Start time.Time
	// Objective is the CPU to stay below, in percent.
	Objective float64
	// Cluster is what was simulated.
	Cluster simulate.Cluster
	// Result is what was found. Series and activities are drawn where they
	// were recorded.
	Result *simulate.Result
	// Warnings are what the reader of the input had to say.
	Warnings []string
}

// Report is one run, or several to compare.
type Report struct{ runs []Run }

// New returns a report on runs, of which there is at least one. The first is
// what the others are compared with.
func New(runs ...Run) Report { return Report{runs: runs} }

// Verdict is the answer at one look on the last run, which in a comparison is
// the new policy.
func (r Report) Verdict() Verdict { return verdict(r.runs[len(r.runs)-1]) }

// WriteJSON writes every run with its figures, verdict, groups and activities,
// and its series where withSeries is set.
func (r Report) WriteJSON(w io.Writer, withSeries bool) error {
	document := documentJSON{Version: Version}
	for _, run := range r.runs {
		document.Runs = append(document.Runs, run.document(withSeries))
	}
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	return encoder.Encode(document)
}

// atMax is how long a group stood at its maximum.
func (r Run) atMax(group string) time.Duration {
	series := r.Result.Series
	if series == nil {
		return 0
	}
	var steps int
	for n, g := range r.Cluster.Groups {
		if g.Name != group || g.Max == g.Min {
			continue
		}
		for _, desired := range series.Groups[n].Desired {
			if int(desired) >= g.Max {
				steps++
			}
		}
	}
	return time.Duration(steps) * series.Step
}

type documentJSON struct {
	Version int       `json:"version"`
	Runs    []runJSON `json:"runs"`
}

type runJSON struct {
	Name       string         `json:"name"`
	Load       string         `json:"load" jsonschema_description:"what the demand was, in words"`
	Start      time.Time      `json:"start" jsonschema_description:"time of the first step"`
	Seconds    float64        `json:"seconds" jsonschema_description:"how long was simulated"`
	Objective  float64        `json:"objective_cpu" jsonschema_description:"CPU to stay below, percent"`
	Verdict    Verdict        `json:"verdict" jsonschema_description:"the answer at one look"`
	Summary    figures        `json:"summary"`
	Groups     []groupJSON    `json:"groups"`
	Activities []activityJSON `json:"activities"`
	Warnings   []string       `json:"warnings" jsonschema_description:"what the reader of the input had to say"`
	Series     *seriesJSON    `json:"series,omitempty"`
}

type groupJSON struct {
	Name          string  `json:"name"`
	Min           int     `json:"min"`
	Max           int     `json:"max"`
	OnDemandHours float64 `json:"on_demand_hours"`
	SpotHours     float64 `json:"spot_hours"`
	Cost          float64 `json:"cost_usd"`
	MinInService  int     `json:"min_in_service"`
	MeanInService float64 `json:"mean_in_service" jsonschema_description:"instances"`
	MaxInService  int     `json:"max_in_service"`
	ScaleOuts     int     `json:"scale_outs"`
	ScaleIns      int     `json:"scale_ins"`
	Reclaims      int     `json:"reclaims"`
	AtMaxMinutes  float64 `json:"at_max_minutes" jsonschema_description:"how long it stood at its maximum"`
}

type activityJSON struct {
	Seconds float64        `json:"seconds"`
	Time    time.Time      `json:"time"`
	Group   string         `json:"group"`
	Cause   simulate.Cause `json:"cause"`
	Policy  string         `json:"policy,omitempty"`
	Alarm   string         `json:"alarm,omitempty"`
	From    int            `json:"from"`
	To      int            `json:"to"`
}

type seriesJSON struct {
	StepSeconds float64           `json:"step_seconds" jsonschema_description:"what one value of each list covers"`
	Demand      numbers           `json:"demand_cores"`
	Capacity    numbers           `json:"capacity_cores"`
	Unserved    numbers           `json:"unserved_cores"`
	Groups      []groupSeriesJSON `json:"groups"`
}

type groupSeriesJSON struct {
	Name      string            `json:"name"`
	Desired   []int32           `json:"desired"`
	InService []int32           `json:"in_service"`
	Pending   []int32           `json:"pending"`
	Spot      []int32           `json:"spot"`
	CPU       numbers           `json:"cpu_percent" jsonschema_description:"average of the group, at most 100; null without instances"`
	SpotPrice numbers           `json:"spot_price_usd" jsonschema_description:"that of the preferred type, an hour"`
	Alarms    []alarmSeriesJSON `json:"alarms"`
}

type alarmSeriesJSON struct {
	Name       string              `json:"name"`
	Policy     string              `json:"policy"`
	Comparison simulate.Comparison `json:"comparison"`
	Threshold  float64             `json:"threshold"`
	// State is a step's: 0 OK, 1 ALARM, 2 INSUFFICIENT_DATA.
	State []int `json:"state" jsonschema_description:"0 OK, 1 ALARM, 2 INSUFFICIENT_DATA"`
}

func (r Run) document(withSeries bool) runJSON {
	result := r.Result
	document := runJSON{
		Name: r.Name, Load: r.Load, Start: r.Start, Seconds: result.Summary.Duration.Seconds(),
		Objective: r.Objective, Verdict: verdict(r), Summary: figures(result.Summary),
		Groups: []groupJSON{}, Activities: []activityJSON{}, Warnings: append([]string{}, r.Warnings...),
	}
	for n, g := range result.Groups {
		group := r.Cluster.Groups[n]
		document.Groups = append(document.Groups, groupJSON{
			Name: g.Name, Min: group.Min, Max: group.Max, OnDemandHours: g.OnDemandHours, SpotHours: g.SpotHours, Cost: g.Cost,
			MinInService: g.MinInService, MeanInService: g.MeanInService, MaxInService: g.MaxInService,
			ScaleOuts: g.ScaleOuts, ScaleIns: g.ScaleIns, Reclaims: g.Reclaims, AtMaxMinutes: r.atMax(g.Name).Minutes(),
		})
	}
	for _, a := range result.Activities {
		document.Activities = append(document.Activities, activityJSON{
			Seconds: a.At.Seconds(), Time: r.Start.Add(a.At), Group: a.Group, Cause: a.Cause,
			Policy: a.Policy, Alarm: a.Alarm, From: a.From, To: a.To,
		})
	}
	if withSeries && result.Series != nil {
		document.Series = r.series(*result.Series)
	}
	return document
}

func (r Run) series(s simulate.Series) *seriesJSON {
	document := &seriesJSON{StepSeconds: s.Step.Seconds(), Demand: s.Demand, Capacity: s.Capacity, Unserved: s.Unserved}
	for n, g := range s.Groups {
		group := groupSeriesJSON{
			Name: g.Name, Desired: g.Desired, InService: g.InService, Pending: g.Pending, Spot: g.Spot,
			CPU: g.CPU, SpotPrice: g.SpotPrice, Alarms: []alarmSeriesJSON{},
		}
		for _, a := range g.Alarms {
			alarm := alarmOf(r.Cluster.Groups[n], a)
			states := make([]int, len(a.State)) // not bytes, which JSON would write as text
			for i, state := range a.State {
				states[i] = int(state)
			}
			group.Alarms = append(group.Alarms, alarmSeriesJSON{
				Name: a.Name, Policy: a.Policy, Comparison: alarm.Comparison, Threshold: alarm.Threshold, State: states,
			})
		}
		document.Groups = append(document.Groups, group)
	}
	return document
}

// numbers are values of which some are none: NaN, which JSON has no word for,
// becomes null. What a chart cannot show is rounded off.
type numbers []float64

// MarshalJSON writes an array of numbers and nulls.
func (values numbers) MarshalJSON() ([]byte, error) {
	list := make([]any, len(values))
	for n, v := range values {
		if !math.IsNaN(v) {
			list[n] = math.Round(v*1e4) / 1e4
		}
	}
	return json.Marshal(list)
}

// alarmOf finds the alarm that a series belongs to. Names are a policy's own.
func alarmOf(g simulate.Group, series simulate.AlarmSeries) simulate.Alarm {
	for _, p := range g.Policies {
		for _, a := range p.Alarms {
			if p.Name == series.Policy && a.Name == series.Name {
				return a
			}
		}
	}
	return simulate.Alarm{Name: series.Name, Threshold: math.NaN()}
}
