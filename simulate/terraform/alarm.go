package terraform

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/tandem-iac/tandem/simulate"
)

const groupDimension = "AutoScalingGroupName"

// newAlarm reads an alarm that invokes policies of a cluster; ok is false
// where it cannot be used, which it reports as the group's.
func (c *assembly) newAlarm(r *resource, p *policy) (alarm simulate.Alarm, ok bool) {
	var findings []Finding
	defer func() {
		p.group.findings = append(p.group.findings, findings...)
		ok = !slices.ContainsFunc(findings, func(f Finding) bool { return f.Refuses })
	}()
	b := r.block(&findings)
	alarm = simulate.Alarm{
		Name: cmp.Or(b.text("alarm_name"), r.name), Address: r.address,
		Comparison:        simulate.Comparison(b.text("comparison_operator")),
		EvaluationPeriods: b.required("evaluation_periods", 1, 86_400),
		DatapointsToAlarm: b.integer("datapoints_to_alarm", 0, 86_400, 0),
		MissingData:       cmp.Or(simulate.MissingData(b.text("treat_missing_data")), simulate.Missing),
	}
	if !slices.Contains([]simulate.Comparison{simulate.AtOrAbove, simulate.Above, simulate.Below, simulate.AtOrBelow}, alarm.Comparison) {
		b.refuse("comparison_operator is %q, want a comparison with a fixed threshold", clip(string(alarm.Comparison)))
	}
	if !slices.Contains([]simulate.MissingData{simulate.Missing, simulate.Ignore, simulate.Breaching, simulate.NotBreaching}, alarm.MissingData) {
		b.refuse("treat_missing_data is %q, want missing, ignore, breaching or notBreaching", clip(string(alarm.MissingData)))
	}
	if threshold := b.number("threshold", -math.MaxFloat64, math.MaxFloat64); threshold != nil {
		alarm.Threshold = *threshold
	} else {
		b.refuse("threshold is not set, or not known, want a number")
	}
	if metric, ok := metricOf(b); ok {
		c.metric(&alarm, metric, p)
	}
	return alarm, true
}

// metricOf is where the alarm's one metric is described.
func metricOf(b block) (block, bool) {
	queries := b.blocks("metric_query")
	if len(queries) == 0 {
		return b, true
	}
	if len(queries) == 1 && queries[0].text("expression") == "" {
		if metric, ok := queries[0].one("metric"); ok {
			return metric, true
		}
	}
	b.refuse("metric_query is metric math, which is not simulated, want one metric: %s of a group", cpuMetric)
	return block{}, false
}

const cpuMetric = "AWS/EC2 CPUUtilization"

// metric reads what the alarm watches.
func (c *assembly) metric(alarm *simulate.Alarm, b block, p *policy) {
	if name := b.text("namespace") + " " + b.text("metric_name"); name != cpuMetric {
		b.refuse("watches %s, which is not simulated, want %s of a group", clip(name), cpuMetric)
		return
	}
	statistic := b.text("statistic")
	if nested := b.text("stat"); statistic == "" {
		statistic = nested
	}
	if !slices.Contains([]simulate.Statistic{simulate.Average, simulate.Maximum, simulate.Minimum}, simulate.Statistic(statistic)) {
		b.refuse("statistic is %q, which is not simulated, want Average, Maximum or Minimum", clip(cmp.Or(b.text("extended_statistic"), statistic)))
	}
	alarm.Statistic = simulate.Statistic(statistic)
	if unit := b.text("unit"); unit != "" && unit != "Percent" {
		b.refuse("unit is %s, in which there is no CPUUtilization, want Percent", clip(unit))
	}
	period := b.required("period", 1, 604_800)
	alarm.Period = time.Duration(period) * time.Second
	if period%60 != 0 {
		b.refuse("period is %d s, want whole minutes: CPUUtilization has no shorter ones", period)
	}
	c.dimension(alarm, b, p)
}

// dimension finds the group that the alarm watches.
func (c *assembly) dimension(alarm *simulate.Alarm, b block, p *policy) {
	var name any
	switch dimensions := b.get("dimensions").(type) {
	case unknown:
		name = dimensions
	case map[string]any:
		keys := slices.Sorted(maps.Keys(dimensions))
		if len(keys) != 1 || keys[0] != groupDimension {
			b.refuse("dimensions has %s, want %s alone", cmp.Or(strings.Join(keys, ", "), "nothing"), groupDimension)
			return
		}
		name = dimensions[groupDimension]
	default:
		b.refuse("dimensions is not set, want %s", groupDimension)
		return
	}
	found, others := c.find(name, groupType, "name", "id")
	if len(found) != 1 {
		if len(found) > 1 {
			others = []string{addresses(found)}
		}
		b.refuse("watches %s, which is not one group that is here", cmp.Or(strings.Join(others, ", "), "no group"))
		return
	}
	watched := c.byResource[found[0]]
	if watched == p.group {
		return
	}
	if watched == nil {
		b.refuse("watches %s, which is not in this cluster", found[0].address)
		return
	}
	alarm.Group = watched.sim.Name
	b.warn("watches %s, and invokes a policy of %s", watched.address, p.group.address)
}
