package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/tandem-iac/tandem/simulate"
)

// Metric is one figure of a summary, under the name that it has in JSON and in
// conditions.
type Metric struct {
	// Name is the figure's, with its unit at the end where it has one.
	Name string
	// Doc says what it is, in one line.
	Doc string
	// Format prints it for people.
	Format func(float64) string
	value  func(simulate.Summary) float64
}

// Metrics returns the figures of a summary in the order of reports.
func Metrics() []Metric { return append([]Metric(nil), metrics...) }

// Of returns the metric's value in a run.
func (m Metric) Of(s simulate.Summary) float64 { return m.value(s) }

var metrics = []Metric{
	{"over_slo_minutes", "time above the CPU objective", minutesText,
		func(s simulate.Summary) float64 { return s.OverObjective.Minutes() }},
	{"unserved_percent", "work that nobody served, of all demand", percent,
		func(s simulate.Summary) float64 { return share(s.Unserved, s.Demand) }},
	{"unserved_core_hours", "work that nobody served", number,
		func(s simulate.Summary) float64 { return s.Unserved / secondsPerHour }},
	{"demand_core_hours", "work that was asked for", number,
		func(s simulate.Summary) float64 { return s.Demand / secondsPerHour }},
	{"scale_outs", "times that desired capacity rose by a policy", count,
		func(s simulate.Summary) float64 { return float64(s.ScaleOuts) }},
	{"scale_ins", "times that it fell", count,
		func(s simulate.Summary) float64 { return float64(s.ScaleIns) }},
	{"flaps", "changes that were taken back soon after", count,
		func(s simulate.Summary) float64 { return float64(s.Flaps) }},
	{"breach_to_capacity_seconds", "longest time from a breach to the capacity it asked for", secondsText,
		func(s simulate.Summary) float64 { return s.BreachToCapacity.Seconds() }},
	{"mean_breach_to_capacity_seconds", "the same, on average", secondsText,
		func(s simulate.Summary) float64 { return s.MeanBreachToCapacity.Seconds() }},
	{"reclaims", "spot instances taken back", count,
		func(s simulate.Summary) float64 { return float64(s.Reclaims) }},
	{"rescues", "on-demand instances added for them", count,
		func(s simulate.Summary) float64 { return float64(s.Rescues) }},
	{"instance_hours", "hours of instances, from launch to termination", number,
		func(s simulate.Summary) float64 { return s.InstanceHours }},
	{"cost_usd", "cost of the instances", dollars,
		func(s simulate.Summary) float64 { return s.Cost }},
	{"peak_fleet_instances", "on-demand instances that hold the objective at the peak", count,
		func(s simulate.Summary) float64 { return float64(s.PeakFleet.Instances) }},
	{"peak_fleet_cost_usd", "cost of that fleet", dollars,
		func(s simulate.Summary) float64 { return s.PeakFleet.Cost }},
	{"saving_percent", "saved against that fleet", percent,
		func(s simulate.Summary) float64 { return s.PeakFleet.Saving }},
	{"constant_fleet_instances", "instances of the best fleet of constant size", count,
		func(s simulate.Summary) float64 { return float64(s.ConstantFleet.Instances) }},
	{"constant_fleet_cost_usd", "cost of the best fleet of constant size", dollars,
		func(s simulate.Summary) float64 { return s.ConstantFleet.Cost }},
	{"constant_saving_percent", "saved against the best fleet of constant size", percent,
		func(s simulate.Summary) float64 { return s.ConstantFleet.Saving }},
}

const secondsPerHour = 3600

func share(part, whole float64) float64 {
	if whole == 0 {
		return 0
	}
	return 100 * part / whole
}

func count(v float64) string       { return strconv.FormatFloat(v, 'f', 0, 64) }
func number(v float64) string      { return strconv.FormatFloat(v, 'f', 1, 64) }
func percent(v float64) string     { return strconv.FormatFloat(v, 'f', decimals(v), 64) + " %" }
func dollars(v float64) string     { return strconv.FormatFloat(v, 'f', 2, 64) + " USD" }
func minutesText(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) + " min" }
func secondsText(v float64) string {
	return time.Duration(v * float64(time.Second)).Round(time.Second).String()
}

// decimals keeps a small share from reading as none.
func decimals(percent float64) int {
	if percent != 0 && percent > -0.1 && percent < 0.1 {
		return 4
	}
	return 1
}

// figures are a summary under its metrics' names, in their order.
type figures simulate.Summary

// MarshalJSON writes an object with one number a metric.
func (f figures) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for n, m := range metrics {
		value, err := json.Marshal(m.value(simulate.Summary(f)))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", m.Name, err)
		}
		if n > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, "%q:%s", m.Name, value)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}
