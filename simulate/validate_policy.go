package simulate

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/tandem-iac/tandem/internal/check"
)

const (
	// maxAmount bounds adjustments, far above what groups can follow.
	maxAmount = 1_000_000
	// maxShortSpan and maxLongSpan bound period times N, below and from periods
	// of an hour on:
	// https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html
	maxShortSpan, maxLongSpan = 24 * time.Hour, 7 * 24 * time.Hour
)

func (p Policy) validate(f *faults, g Group, groups map[string]bool, rescuer bool) {
	at := func(field string) string { return check.Join(first(p.Address, p.Name, g.address()+".policy"), field) }
	f.require(p.Name != "", at("name"), p.Name, "a name")
	known := p.Adjustment == ChangeInCapacity || p.Adjustment == ExactCapacity || p.Adjustment == PercentChangeInCapacity
	f.require(known, at("adjustment"), string(p.Adjustment), "ChangeInCapacity, ExactCapacity or PercentChangeInCapacity")
	f.require(p.MinMagnitude >= 0 && p.MinMagnitude <= maxInstances, at("min_magnitude"), p.MinMagnitude, "0..100000")
	f.require(p.MinMagnitude == 0 || p.Adjustment == PercentChangeInCapacity, at("min_magnitude"), p.MinMagnitude,
		"unset but for PercentChangeInCapacity")
	switch p.Kind {
	case SimpleScaling:
		f.amount(p.Amount, p.Adjustment, at("amount"))
		f.require(len(p.Steps) == 0, at("steps"), len(p.Steps), "none in a SimpleScaling policy")
		f.require(p.Warmup == nil, at("warmup"), "set", "unset: only StepScaling policies have one")
		f.optional(p.Cooldown, maxHook, at("cooldown"))
	case StepScaling:
		f.require(p.Amount == 0, at("amount"), p.Amount, "unset: steps have amounts")
		f.require(p.Cooldown == nil, at("cooldown"), "set", "unset: only SimpleScaling policies have one")
		f.optional(p.Warmup, time.Hour, at("warmup"))
		f.steps(p, at("steps"))
	default:
		f.Add(at("kind"), show(string(p.Kind)), "StepScaling or SimpleScaling")
	}
	f.require(len(p.Alarms) > 0 || rescuer, at("alarms"), "none", "an alarm that invokes the policy")
	for _, a := range p.Alarms {
		a.validate(f, first(a.Address, a.Name, at("alarm")), groups)
	}
}

func (f *faults) amount(amount int, adjustment Adjustment, path string) {
	f.require(amount >= -maxAmount && amount <= maxAmount, path, amount, "-1000000..1000000")
	f.require(amount >= 0 || adjustment != ExactCapacity, path, amount, "at least 0 with ExactCapacity")
}

// steps holds that they cover their range without gap or overlap:
// https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_StepAdjustment.html
func (f *faults) steps(p Policy, path string) {
	f.require(len(p.Steps) > 0, path, "none", "at least one step")
	for i, s := range p.Steps {
		at := check.Index(path, i)
		f.amount(s.Amount, p.Adjustment, check.Join(at, "amount"))
		low, high := s.bounds()
		f.require(low < high && !math.IsInf(high-low, 1) || (s.Lower == nil) != (s.Upper == nil), at, "empty or without bounds",
			"a lower bound below the upper one, at most one of them open")
		f.bound(s.Lower, check.Join(at, "lower"))
		f.bound(s.Upper, check.Join(at, "upper"))
	}
	sorted := slices.SortedFunc(slices.Values(p.Steps), func(a, b Step) int {
		la, _ := a.bounds()
		lb, _ := b.bounds()
		return cmp.Compare(la, lb)
	})
	for i := 1; i < len(sorted); i++ {
		_, end := sorted[i-1].bounds()
		begin, _ := sorted[i].bounds()
		f.require(begin == end, path, "a step from "+number64(begin)+" after one to "+number64(end), "steps without gap or overlap")
	}
}

func (f *faults) bound(b *float64, path string) {
	if b != nil {
		f.number(*b, -1000, 1000, path)
	}
}

func (s Step) bounds() (low, high float64) {
	low, high = math.Inf(-1), math.Inf(1)
	if s.Lower != nil {
		low = *s.Lower
	}
	if s.Upper != nil {
		high = *s.Upper
	}
	return low, high
}

func (a Alarm) validate(f *faults, address string, groups map[string]bool) {
	at := func(field string) string { return check.Join(address, field) }
	f.require(a.Group == "" || groups[a.Group], at("group"), a.Group, "a group of the cluster")
	f.oneOf(string(a.Statistic), at("statistic"), "", string(Average), string(Maximum), string(Minimum))
	f.oneOf(string(a.Comparison), at("comparison"), string(AtOrAbove), string(Above), string(Below), string(AtOrBelow))
	f.oneOf(string(a.MissingData), at("missing_data"), "", string(Missing), string(Ignore), string(Breaching), string(NotBreaching))
	f.number(a.Threshold, -1000, 1000, at("threshold"))
	whole := a.Period >= time.Minute && a.Period%time.Minute == 0
	f.require(whole && a.Period <= 24*time.Hour, at("period"), a.Period, "whole minutes up to 24h")
	longest := maxShortSpan
	if a.Period >= time.Hour {
		longest = maxLongSpan
	}
	f.require(a.EvaluationPeriods >= 1 && (!whole || a.EvaluationPeriods <= int(longest/a.Period)), at("evaluation_periods"),
		a.EvaluationPeriods, "at least 1, and with the period at most "+longest.String())
	f.require(a.DatapointsToAlarm >= 0 && a.DatapointsToAlarm <= a.EvaluationPeriods, at("datapoints_to_alarm"),
		a.DatapointsToAlarm, "0..evaluation_periods")
}

func (f *faults) oneOf(value, path string, names ...string) {
	if !slices.Contains(names, value) {
		named := slices.DeleteFunc(names, func(n string) bool { return n == "" })
		f.Add(path, show(value), check.Suggest(value, named))
	}
}
