package spec

import (
	"fmt"
	"math"
	"time"

	"github.com/tandem-iac/tandem/internal/check"
)

// OnDemand is the anchor group: one instance at steady state, more only where
// spot cannot keep up or an interruption asks for rescue.
type OnDemand struct {
	// InstanceType is the only type of the group. Default: m4.large.
	InstanceType string `yaml:"instance_type,omitempty" format:"instance_type"`
	Group        `yaml:",inline"`
}

// Spot is the group that carries the load at spot prices.
type Spot struct {
	// InstanceTypes are the types to choose from, all of one architecture; the
	// more there are, the rarer are interruptions
	// (https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/spot-best-practices.html).
	// Default: the on-demand group's type.
	InstanceTypes []string `yaml:"instance_types,omitempty" items:"1..40"`
	// MaxPrice is the bid in USD per hour, above the on-demand price of every
	// type, so that no instance is lost for its price; capacity can still be
	// reclaimed. What is paid is the market price, never the bid. Default: 1.2
	// times the highest on-demand price of the types.
	MaxPrice float64 `yaml:"max_price,omitempty" range:"0.0001..1000"`
	Group    `yaml:",inline"`
}

// Group is the size of an Auto Scaling group and how it scales.
type Group struct {
	// Min is the smallest size. Default: 1.
	Min int `yaml:"min,omitempty" range:"1..1000"`
	// Max is the largest size. Default: 10.
	Max int `yaml:"max,omitempty" range:"1..1000"`
	// Warmup keeps an instance out of the group's metrics from InService on
	// (https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-default-instance-warmup.html).
	// Default: 120s.
	Warmup Duration `yaml:"warmup,omitempty" range:"1s..3600s"`
	// GracePeriod is how long after InService failed health checks do not
	// count: the time an instance needs to set itself up. Default: 300s.
	GracePeriod Duration `yaml:"grace_period,omitempty" range:"1s..7200s"`
	// ScaleOut adds instances.
	ScaleOut ScaleOut `yaml:"scale_out,omitempty"`
	// ScaleIn removes them.
	ScaleIn ScaleIn `yaml:"scale_in,omitempty"`
}

// ScaleOut is a pair of step scaling policies
// (https://docs.aws.amazon.com/autoscaling/ec2/userguide/as-scaling-simple-step.html).
type ScaleOut struct {
	// Sustained answers a load that grows. Default: average CPU at or above
	// 50 % (spot) or 65 % (on-demand) over one period of 5m.
	Sustained StepPolicy `yaml:"sustained,omitempty"`
	// Spike answers a load that jumps. Default: CPU at or above 85 % (spot) or
	// 95 % (on-demand) in two periods of 60s.
	Spike StepPolicy `yaml:"spike,omitempty"`
}

// StepPolicy adds the more instances the higher the CPU.
type StepPolicy struct {
	// Threshold is the group's average CPU, in percent, at or above which the
	// alarm fires.
	Threshold float64 `yaml:"threshold,omitempty" range:"1..100"`
	// Period is what one datapoint averages over: whole minutes.
	Period Duration `yaml:"period,omitempty" range:"60s..86400s"`
	// EvaluationPeriods is how many periods in a row have to breach.
	EvaluationPeriods int `yaml:"evaluation_periods,omitempty" range:"1..1440"`
	// Unit is what steps add: percent of the group's size, or instances. Default: percent.
	Unit string `yaml:"unit,omitempty" enum:"percent,instances"`
	// MinimumAdd is the least that a step in percent adds, in instances. Default: 1.
	MinimumAdd int `yaml:"minimum_add,omitempty" range:"1..1000"`
	// Warmup replaces the group's warm-up for instances that this policy adds.
	// Nil: the group's.
	Warmup *Duration `yaml:"warmup,omitempty" range:"0s..3600s"`
	// Steps cover the CPU from the threshold upward without gap or overlap.
	// Default, sustained: 10, 20 and 30 percent from the threshold, 15 and 30
	// points above it; spike: 30 percent from the threshold.
	Steps []Step `yaml:"steps,omitempty" items:"1..20"`
}

// Step adds instances while the CPU is in [From, To).
type Step struct {
	// From is the CPU in percent at which the step begins. Required.
	From float64 `yaml:"from" required:"true" range:"1..100"`
	// To is the CPU in percent before which it ends. Nil: open, as the last step is.
	To *float64 `yaml:"to,omitempty" range:"1..100"`
	// Add is how much to add, in the policy's unit. Required.
	Add int `yaml:"add" required:"true" range:"1..1000"`
}

// ScaleIn is a simple scaling policy, which waits for its cooldown between two
// removals as step policies do not.
type ScaleIn struct {
	// Threshold is the group's average CPU, in percent, under which the alarm
	// fires. Default: 30.
	Threshold float64 `yaml:"threshold,omitempty" range:"1..100"`
	// Period is what one datapoint averages over: whole minutes. Default: 60s,
	// or 5m with basic monitoring.
	Period Duration `yaml:"period,omitempty" range:"60s..86400s"`
	// EvaluationPeriods is how many periods in a row have to be below. Default: 10.
	EvaluationPeriods int `yaml:"evaluation_periods,omitempty" range:"1..1440"`
	// Unit is what Remove counts: percent of the group's size, or instances. Default: percent.
	Unit string `yaml:"unit,omitempty" enum:"percent,instances"`
	// Remove is how much to remove; one instance at least. Default: 10.
	Remove int `yaml:"remove,omitempty" range:"1..100"`
	// Cooldown is the time after a scaling activity before this policy may act
	// again. Default: 300s.
	Cooldown Duration `yaml:"cooldown,omitempty" range:"60s..86400s"`
}

const (
	// UnitPercent counts in percent of the group's size.
	UnitPercent = "percent"
	// UnitInstances counts in instances.
	UnitInstances = "instances"

	// basicPeriod is how often basic monitoring publishes:
	// https://docs.aws.amazon.com/autoscaling/ec2/userguide/enable-as-instance-metrics.html
	basicPeriod = Duration(5 * time.Minute)
	// maxAlarmSpan bounds period times evaluation periods:
	// https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html
	maxAlarmSpan = Duration(24 * time.Hour)
	// scaleInMargin is how far, in points of CPU, scale-in stays below every
	// scale-out, so that removing an instance does not call for it again.
	scaleInMargin = 10
	// bidMargin is how far above the on-demand price the default bid lies.
	bidMargin = 1.2
)

func (o OnDemand) withDefaults() OnDemand {
	setDefault(&o.InstanceType, "m4.large")
	o.Group = o.Group.withDefaults(65, 95)
	return o
}

func (s Spot) withDefaults(onDemandType string, prices map[string]float64) Spot {
	if s.InstanceTypes == nil {
		s.InstanceTypes = []string{onDemandType}
	}
	if s.MaxPrice == 0 {
		// In 1/100 of a cent, so that 1.2 × 0.125 is 0.15 to the last bit.
		s.MaxPrice = math.Ceil(highestPrice(s.InstanceTypes, prices)*bidMargin*1e4-1e-6) / 1e4
	}
	s.Group = s.Group.withDefaults(50, 85)
	return s
}

func highestPrice(types []string, prices map[string]float64) float64 {
	highest := 0.0
	for _, t := range types {
		highest = max(highest, prices[t])
	}
	return highest
}

func (g Group) withDefaults(sustained, spike float64) Group {
	setDefault(&g.Min, 1)
	setDefault(&g.Max, max(10, g.Min))
	setDefault(&g.Warmup, Duration(120*time.Second))
	setDefault(&g.GracePeriod, Duration(300*time.Second))
	g.ScaleOut.Sustained = g.ScaleOut.Sustained.withDefaults(sustained, basicPeriod, 1)
	g.ScaleOut.Spike = g.ScaleOut.Spike.withDefaults(spike, Duration(time.Minute), 2)
	if g.ScaleOut.Sustained.Steps == nil {
		g.ScaleOut.Sustained.Steps = rising(g.ScaleOut.Sustained.Threshold)
	}
	if g.ScaleOut.Spike.Steps == nil {
		g.ScaleOut.Spike.Steps = []Step{{From: g.ScaleOut.Spike.Threshold, Add: 30}}
	}
	g.ScaleIn = g.ScaleIn.withDefaults()
	return g
}

func (p StepPolicy) withDefaults(threshold float64, period Duration, evaluations int) StepPolicy {
	setDefault(&p.Threshold, threshold)
	setDefault(&p.Period, period)
	setDefault(&p.EvaluationPeriods, evaluations)
	setDefault(&p.Unit, UnitPercent)
	setDefault(&p.MinimumAdd, 1)
	return p
}

// rising are the default steps of a sustained policy, as many as fit under 100 %.
func rising(threshold float64) []Step {
	const width = 15
	var steps []Step
	for i, from := 1, threshold; i <= 3 && from < 100; i, from = i+1, from+width {
		steps = append(steps, Step{From: from, Add: 10 * i})
		if i > 1 {
			to := from
			steps[i-2].To = &to
		}
	}
	return steps
}

func (s ScaleIn) withDefaults() ScaleIn {
	setDefault(&s.Threshold, 30)
	setDefault(&s.Period, Duration(time.Minute))
	setDefault(&s.EvaluationPeriods, 10)
	setDefault(&s.Unit, UnitPercent)
	setDefault(&s.Remove, 10)
	setDefault(&s.Cooldown, Duration(300*time.Second))
	return s
}

// namedGroup is one of a cluster's groups under its key in the file.
type namedGroup struct {
	name string
	Group
}

func (c Cluster) groups() []namedGroup {
	return []namedGroup{{"on_demand", c.OnDemand.Group}, {"spot", c.Spot.Group}}
}

func (c Cluster) validateGroups(faults *check.Errors, ctx clusterContext) {
	for _, group := range c.groups() {
		group.validate(faults, check.Join(ctx.path, group.name), c.Instance.Monitoring)
	}
	c.validatePrices(faults, ctx)
	for _, pair := range []struct {
		path           string
		onDemand, spot float64
	}{
		{"sustained", c.OnDemand.ScaleOut.Sustained.Threshold, c.Spot.ScaleOut.Sustained.Threshold},
		{"spike", c.OnDemand.ScaleOut.Spike.Threshold, c.Spot.ScaleOut.Spike.Threshold},
	} {
		faults.Require(pair.onDemand > pair.spot, ctx.path+".on_demand.scale_out."+pair.path+".threshold", number(pair.onDemand),
			fmt.Sprintf("above the spot group's %s, so that on-demand follows only where spot fails", number(pair.spot)))
	}
}

// validatePrices keeps the bid above the on-demand price of every type and the
// types on one architecture, as they share an image.
func (c Cluster) validatePrices(faults *check.Errors, ctx clusterContext) {
	types := ctx.path + ".spot.instance_types"
	checkEach(faults, types, c.Spot.InstanceTypes, formats["instance_type"])
	checkDistinct(faults, types, c.Spot.InstanceTypes)
	prices := ctx.environment.OnDemandPrices
	needPrice := func(path, instanceType string) {
		_, known := prices[instanceType]
		faults.Require(known, path, quote(instanceType), "a type whose price is listed in on_demand_prices")
	}
	needPrice(ctx.path+".on_demand.instance_type", c.OnDemand.InstanceType)
	for i, t := range c.Spot.InstanceTypes {
		path := check.Index(types, i)
		needPrice(path, t)
		faults.Require(isARM(t) == isARM(c.OnDemand.InstanceType), path, quote(t),
			fmt.Sprintf("the architecture of the on-demand group's %s: both groups start from one image", c.OnDemand.InstanceType))
	}
	highest := highestPrice(c.Spot.InstanceTypes, prices)
	faults.Require(c.Spot.MaxPrice > highest || highest == 0, ctx.path+".spot.max_price", number(c.Spot.MaxPrice),
		"above the on-demand price "+number(highest))
}

func (g Group) validate(faults *check.Errors, path, monitoring string) {
	faults.Require(g.Min <= g.Max, path+".min", fmt.Sprint(g.Min), fmt.Sprintf("at most %s.max %d", path, g.Max))
	sustained, spike := path+".scale_out.sustained", path+".scale_out.spike"
	g.ScaleOut.Sustained.validate(faults, sustained)
	g.ScaleOut.Spike.validate(faults, spike)
	for _, alarm := range []struct {
		path        string
		period      Duration
		evaluations int
	}{
		{sustained, g.ScaleOut.Sustained.Period, g.ScaleOut.Sustained.EvaluationPeriods},
		{spike, g.ScaleOut.Spike.Period, g.ScaleOut.Spike.EvaluationPeriods},
		{path + ".scale_in", g.ScaleIn.Period, g.ScaleIn.EvaluationPeriods},
	} {
		validateAlarm(faults, alarm.path, alarm.period, alarm.evaluations, monitoring)
	}
	lowest := min(g.ScaleOut.Sustained.Threshold, g.ScaleOut.Spike.Threshold)
	faults.Require(g.ScaleIn.Threshold <= lowest-scaleInMargin, path+".scale_in.threshold", number(g.ScaleIn.Threshold),
		fmt.Sprintf("at most %s, %d points below the lowest scale-out threshold %s", number(lowest-scaleInMargin), scaleInMargin, number(lowest)))
}

// validateAlarm keeps the period to what CloudWatch accepts and the instances publish.
func validateAlarm(faults *check.Errors, path string, period Duration, evaluations int, monitoring string) {
	step := Duration(time.Minute)
	want := "whole minutes"
	if monitoring == MonitoringBasic {
		step, want = basicPeriod, "a multiple of 5m, or instance.monitoring detailed: basic monitoring has one point in 5m"
	}
	faults.Require(period%step == 0, path+".period", period.String(), want)
	if period > 0 && evaluations > 0 {
		faults.Require(evaluations <= int(maxAlarmSpan/period), path+".evaluation_periods", fmt.Sprint(evaluations),
			fmt.Sprintf("at most %d periods of %s: an alarm spans a day at most", maxAlarmSpan/period, period))
	}
}

// validate requires steps that cover everything from the threshold upward.
func (p StepPolicy) validate(faults *check.Errors, path string) {
	next := p.Threshold
	last := len(p.Steps) - 1
	for i, step := range p.Steps {
		at := check.Index(path+".steps", i)
		want := "the threshold " + number(next)
		if i > 0 {
			want = "the end of the step before, " + number(next)
		}
		faults.Require(step.From == next, at+".from", number(step.From), want)
		if step.To == nil {
			faults.Require(i == last, at+".to", "", "the CPU at which the next step begins: only the last step is open")
			continue
		}
		faults.Require(i < last, at+".to", number(*step.To), "unset: the last step is open")
		faults.Require(*step.To > step.From, at+".to", number(*step.To), "above from "+number(step.From))
		next = *step.To
	}
}
