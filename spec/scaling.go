package spec

import (
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
	InstanceTypes []string `yaml:"instance_types,omitempty" items:"1..40" each:"instance_type"`
	// MaxPrice is the bid in USD per hour, above the on-demand price of every
	// type (on_demand_prices has where these are from), so that no instance is lost for its price; capacity can still be
	// reclaimed. What is paid is the market price, never the bid. Default: 1.2
	// times the highest on-demand price of the types.
	MaxPrice float64 `yaml:"max_price,omitempty" range:"0.0001..1000"`
	Group    `yaml:",inline"`
}

// Group is the size of an Auto Scaling group and how it scales.
type Group struct {
	// Min is the smallest size. Default: 1, or 2 for indexers.
	Min int `yaml:"min,omitempty" range:"1..1000"`
	// Max is the largest size. Default: 10, or 4 for indexers, or min where that
	// is more.
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
	// 50 % (spot, indexers) or 65 % (on-demand) over one period of 5m.
	Sustained StepPolicy `yaml:"sustained,omitempty"`
	// Spike answers a load that jumps. Default: CPU at or above 85 % (spot,
	// indexers) or 95 % (on-demand) in two periods of 60s.
	Spike StepPolicy `yaml:"spike,omitempty"`
}

// StepPolicy adds the more instances the higher the CPU.
type StepPolicy struct {
	// Threshold is the group's average CPU, in percent, at or above which the
	// alarm fires. Default: sustained 50 (spot, indexers) or 65 (on-demand), spike
	// 85 or 95.
	Threshold float64 `yaml:"threshold,omitempty" range:"1..100"`
	// Period is what one datapoint averages over: whole minutes. Default:
	// sustained 5m; spike 60s, or 5m with basic monitoring.
	Period Duration `yaml:"period,omitempty" range:"60s..86400s"`
	// EvaluationPeriods is how many periods in a row have to breach. Default:
	// sustained 1, spike 2.
	EvaluationPeriods int `yaml:"evaluation_periods,omitempty" range:"1..1440"`
	// Unit is what steps add: percent of the group's size, or instances. Default: percent.
	Unit string `yaml:"unit,omitempty" enum:"percent,instances"`
	// MinimumAdd is the least that a step in percent adds, in instances. With
	// unit instances it has no meaning and stays unset. Default: 1.
	MinimumAdd int `yaml:"minimum_add,omitempty" range:"1..1000"`
	// Warmup replaces the group's warm-up for instances that this policy adds.
	// Default: the group's.
	Warmup *Duration `yaml:"warmup,omitempty" range:"0s..3600s"`
	// Steps cover the CPU from the threshold upward without gap or overlap.
	// Default: sustained 10, 20 and 30 percent from the threshold, 15 and 30
	// points above it, spike 30 percent; with unit instances 1, 2 and 3, and 3.
	Steps []Step `yaml:"steps,omitempty" items:"1..20"`
}

// Step adds instances while the CPU is at or above from and below to.
type Step struct {
	// From is the CPU in percent at which the step begins. Required.
	From float64 `yaml:"from" required:"true" range:"1..100"`
	// To is the CPU in percent before which it ends. Default: open, as only the
	// last step may be.
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
	// Unit is what remove counts: percent of the group's size, or instances. Default: percent.
	Unit string `yaml:"unit,omitempty" enum:"percent,instances"`
	// Remove is how much to remove; one instance at least. Default: 10, or 1
	// with unit instances.
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

func (o OnDemand) withDefaults(published Duration) OnDemand {
	setDefault(&o.InstanceType, "m4.large")
	o.Group = o.Group.withDefaults(65, 95, published)
	return o
}

func (s Spot) withDefaults(onDemandType string, prices pricing, published Duration) Spot {
	if s.InstanceTypes == nil {
		s.InstanceTypes = []string{onDemandType}
	}
	if _, highest, _ := prices.highest(s.InstanceTypes); s.MaxPrice == 0 && highest > 0 {
		// In 1/100 of a cent, so that 1.2 × 0.125 is 0.15 to the last bit.
		s.MaxPrice = math.Ceil(highest*bidMargin*1e4-1e-6) / 1e4
	}
	s.Group = s.Group.withDefaults(50, 85, published)
	return s
}

// withDefaults takes the default thresholds, and how often instances publish
// their CPU.
func (g Group) withDefaults(sustained, spike float64, published Duration) Group {
	setDefault(&g.Min, 1)
	setDefault(&g.Max, max(10, g.Min))
	setDefault(&g.Warmup, Duration(120*time.Second))
	setDefault(&g.GracePeriod, Duration(300*time.Second))
	g.ScaleOut.Sustained = g.ScaleOut.Sustained.withDefaults(sustained, basicPeriod, 1)
	g.ScaleOut.Spike = g.ScaleOut.Spike.withDefaults(spike, published, 2)
	if p := &g.ScaleOut.Sustained; p.wantsSteps() {
		p.Steps = rising(p.Threshold, p.inUnit(10, 1))
	}
	if p := &g.ScaleOut.Spike; p.wantsSteps() {
		p.Steps = []Step{{From: p.Threshold, Add: p.inUnit(30, 3)}}
	}
	g.ScaleIn = g.ScaleIn.withDefaults(published)
	return g
}

// WithSpotDefaults returns the group with every unset field as a spot group has
// it whose instances publish as often as monitoring says.
func (g Group) WithSpotDefaults(monitoring string) Group {
	return g.withDefaults(50, 85, publishes(monitoring))
}

// Validate reports every broken rule of a group on its own as a check.Errors
// with paths below path. Monitoring is how often its instances publish.
func (g Group) Validate(path, monitoring string) error {
	var tags check.Errors
	var rules relations
	checkTags(&tags, path, g)
	g.validate(&rules, path, monitoring)
	return joined(tags, rules, nothingBroken).Err()
}

// publishes is how often instances publish their CPU.
func publishes(monitoring string) Duration {
	if monitoring == MonitoringBasic {
		return basicPeriod
	}
	return Duration(time.Minute)
}

func (p StepPolicy) withDefaults(threshold float64, period Duration, evaluations int) StepPolicy {
	setDefault(&p.Threshold, threshold)
	setDefault(&p.Period, period)
	setDefault(&p.EvaluationPeriods, evaluations)
	setDefault(&p.Unit, UnitPercent)
	if p.Unit == UnitPercent {
		setDefault(&p.MinimumAdd, 1)
	}
	return p
}

// wantsSteps reports whether default steps can be laid out: above a broken
// threshold they would tell its fault once more.
func (p StepPolicy) wantsSteps() bool {
	return p.Steps == nil && p.Threshold >= 1 && p.Threshold <= 100
}

func (p StepPolicy) inUnit(percent, instances int) int {
	if p.Unit == UnitInstances {
		return instances
	}
	return percent
}

// rising are the default steps of a sustained policy, as many as fit under
// 100 %, each adding one unit more than the step before.
func rising(threshold float64, unit int) []Step {
	const width = 15
	var steps []Step
	for i, from := 1, threshold; i == 1 || i <= 3 && from < 100; i, from = i+1, from+width {
		steps = append(steps, Step{From: from, Add: unit * i})
		if i > 1 {
			to := from
			steps[i-2].To = &to
		}
	}
	return steps
}

func (s ScaleIn) withDefaults(published Duration) ScaleIn {
	setDefault(&s.Threshold, 30)
	setDefault(&s.Period, published)
	setDefault(&s.EvaluationPeriods, 10)
	setDefault(&s.Unit, UnitPercent)
	if s.Unit == UnitInstances {
		setDefault(&s.Remove, 1)
	}
	setDefault(&s.Remove, 10)
	setDefault(&s.Cooldown, Duration(300*time.Second))
	return s
}
