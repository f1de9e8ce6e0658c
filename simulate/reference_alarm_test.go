package simulate_test

import (
	"cmp"
	"slices"
	"time"

	"github.com/tandem-iac/tandem/simulate"
)

// value is a statistic as an exact fraction; n is 0 where there are no data.
type value struct{ sum, n int }

// datapoint is an alarm's value of the period that ends at a minute.
func (r *reference) datapoint(a *refAlarm, end int) value {
	span := int(a.spec.Period / time.Minute)
	var all value
	low, high := 1_000_000, 0
	for minute := max(0, end-span); minute < end; minute++ {
		for _, points := range r.published(a.watched, minute) {
			for _, s := range points {
				all.sum += s.cpu
				all.n++
			}
			if a.spec.Statistic == simulate.Minimum || a.spec.Statistic == simulate.Maximum {
				for _, c := range byClass(points) {
					low, high = min(low, c.sum/c.n), max(high, c.sum/c.n)
				}
			}
		}
	}
	switch {
	case all.n > 0 && a.spec.Statistic == simulate.Minimum:
		return value{low, 1}
	case all.n > 0 && a.spec.Statistic == simulate.Maximum:
		return value{high, 1}
	}
	return all
}

// byClass sums samples by the type of their instances.
func byClass(points []sample) map[int]value {
	out := map[int]value{}
	for _, s := range points {
		c := out[s.class]
		out[s.class] = value{c.sum + s.cpu, c.n + 1}
	}
	return out
}

// published are the samples that appear at a minute: its own, or with basic
// monitoring those of five minutes at the last of them.
func (r *reference) published(g *refGroup, minute int) [][]sample {
	if g.spec.Monitoring == time.Minute {
		return [][]sample{g.samples[minute]}
	}
	if minute%5 != 4 {
		return nil
	}
	var five []sample
	for m := minute - 4; m <= minute; m++ {
		five = append(five, g.samples[m]...)
	}
	return [][]sample{five}
}

func ppm(percent float64) int { return int(percent*10_000 + 0.5) }

func breaches(a *refAlarm, v value) bool {
	threshold := ppm(a.spec.Threshold) * v.n
	switch a.spec.Comparison {
	case simulate.AtOrAbove:
		return v.sum >= threshold
	case simulate.Above:
		return v.sum > threshold
	case simulate.Below:
		return v.sum < threshold
	}
	return v.sum <= threshold
}

// judge is an alarm's next state.
func (r *reference) judge(a *refAlarm, now int) uint8 {
	delay := r.s.Model.DetailedDelay
	if a.watched.spec.Monitoring == 5*time.Minute {
		delay = r.s.Model.BasicDelay
	}
	perMinute := int(time.Minute / r.step)
	phase := time.Duration(now%perMinute) * r.step
	for a.end = now / perMinute; a.end > 0; a.end-- {
		if age := time.Duration(now/perMinute-a.end)*time.Minute + phase; age >= delay {
			break
		}
	}
	period, n, m := int(a.spec.Period/time.Minute), a.spec.EvaluationPeriods, a.spec.DatapointsToAlarm
	if m == 0 {
		m = n
	}
	if a.end < period || a.end < n*period && !r.s.Model.AlarmsFromFirstPeriod {
		return a.state
	}
	var real []bool // breaching or not, newest first
	oldest := 0
	for k := 0; k < n+r.s.Model.ExtraPeriods && len(real) < n; k++ {
		if end := a.end - k*period; end >= period {
			if v := r.datapoint(a, end); v.n > 0 {
				real = append(real, breaches(a, v))
				if real[len(real)-1] {
					oldest = k
				}
			}
		}
	}
	bad := 0
	for _, b := range real {
		if b {
			bad++
		}
	}
	if len(real) == n || bad >= m {
		return stateOf(bad >= m)
	}
	switch a.spec.MissingData {
	case simulate.Breaching:
		return stateOf(bad+n-len(real) >= m)
	case simulate.NotBreaching:
		return stateOf(false)
	}
	if bad < len(real) {
		return stateOf(false)
	}
	if a.spec.MissingData == simulate.Ignore {
		return a.state
	}
	if len(real) > 0 && oldest+1 >= m {
		return stateOf(true)
	}
	if len(real) > 0 && r.s.Model.PrematureKeepsState {
		return a.state
	}
	return 2
}

func stateOf(alarm bool) uint8 {
	if alarm {
		return 1
	}
	return 0
}

// breachedSince is the start of the breach that an alarm is in, in steps.
func (r *reference) breachedSince(a *refAlarm, now int) int {
	period, since := int(a.spec.Period/time.Minute), -1
	for end := a.end; end >= period; end-- {
		v := r.datapoint(a, end)
		if v.n > 0 && !breaches(a, v) {
			break
		}
		if v.n > 0 {
			since = end - period
		}
	}
	if since < 0 {
		return now
	}
	return since * int(time.Minute/r.step)
}

// alarmsAt evaluates all alarms, then lets each group follow the policy with
// the largest result.
func (r *reference) alarmsAt(now int) {
	for _, g := range r.groups {
		for _, a := range g.alarms {
			a.state = r.judge(a, now)
		}
	}
	type choice struct {
		to int
		by *refAlarm
	}
	choices := make([]choice, len(r.groups))
	for i, g := range r.groups {
		for _, a := range g.alarms {
			if a.state != 1 {
				continue
			}
			if to, ok := r.decide(g, a, now); ok && (choices[i].by == nil || to > choices[i].to) {
				choices[i] = choice{to, a}
			}
		}
	}
	for i, c := range choices {
		if c.by != nil && c.to != r.groups[i].desired {
			r.resize(r.groups[i], c.to, now, simulate.ByPolicy, c.by)
		}
	}
}

func (r *reference) decide(g *refGroup, a *refAlarm, now int) (int, bool) {
	p := a.policy
	if p.Kind == simulate.SimpleScaling {
		cooldown := r.steps(g.cooldown())
		if p.Cooldown != nil {
			cooldown = r.steps(*p.Cooldown)
		}
		ending := g.count(func(m *machine) bool { return m.leaving && !m.end })
		lost := g.count(func(m *machine) bool { return m.taken && m.member })
		busy := g.pending(now) > 0 || ending > 0 || lost > 0 || g.members() != g.desired && (!g.starved || r.s.Model.SimpleWaitsForCapacity)
		if busy || now < g.activityEnd+cooldown {
			return 0, false
		}
		to := bounded(g, changed(p, g.desired, p.Amount))
		if to < g.desired && r.s.Model.ScaleInWaitsForWarmup && g.young(now) > 0 {
			return 0, false
		}
		return to, true
	}
	v := r.stepValue(a)
	if v.n == 0 {
		return 0, false
	}
	for _, s := range p.Steps {
		if within(s, v.sum-ppm(a.spec.Threshold)*v.n, v.n) {
			return r.decideStep(g, p, s.Amount, now)
		}
	}
	return 0, false
}

// stepValue is what a step policy chooses its step with; no data, nothing.
func (r *reference) stepValue(a *refAlarm) value {
	period := int(a.spec.Period / time.Minute)
	if r.s.Model.StepValue == simulate.NewestPeriod {
		return r.datapoint(a, a.end)
	}
	var values []value // newest first
	for k := range a.spec.EvaluationPeriods + r.s.Model.ExtraPeriods {
		if end := a.end - k*period; end >= period && len(values) < a.spec.EvaluationPeriods {
			if v := r.datapoint(a, end); v.n > 0 {
				values = append(values, v)
			}
		}
	}
	if len(values) == 0 {
		return value{}
	}
	byMean := func(a, b value) int {
		return cmp.Compare(float64(a.sum)/float64(a.n), float64(b.sum)/float64(b.n))
	}
	switch r.s.Model.StepValue {
	case simulate.HighestValue:
		return slices.MaxFunc(values, byMean)
	case simulate.LowestValue:
		return slices.MinFunc(values, byMean)
	case simulate.AverageValue:
		var all value
		for _, v := range values {
			all.sum += v.sum
			all.n += v.n
		}
		return all
	}
	return values[0]
}

func (r *reference) decideStep(g *refGroup, p simulate.Policy, amount, now int) (int, bool) {
	young := g.young(now)
	shrinks := amount < 0 || p.Adjustment == simulate.ExactCapacity && amount < g.desired
	if shrinks {
		return bounded(g, changed(p, g.desired, amount)), young == 0
	}
	base := max(0, g.desired-young-max(0, g.desired-g.members()))
	return max(g.desired, bounded(g, changed(p, base, amount))), true
}

// within tells whether offset/n lies in a step: at or above the threshold the
// lower bound is part of it, below it the upper one.
func within(s simulate.Step, offset, n int) bool {
	above := offset >= 0
	if s.Lower != nil {
		low := signedPPM(*s.Lower) * n
		if offset < low || offset == low && !above {
			return false
		}
	}
	if s.Upper != nil {
		high := signedPPM(*s.Upper) * n
		if offset > high || offset == high && above {
			return false
		}
	}
	return true
}

func signedPPM(percent float64) int {
	if percent < 0 {
		return -ppm(-percent)
	}
	return ppm(percent)
}

func bounded(g *refGroup, n int) int {
	if n < g.spec.Min {
		return g.spec.Min
	}
	if n > g.spec.Max {
		return g.spec.Max
	}
	return n
}

// changed applies an adjustment as the user guide's four rounding rules say.
func changed(p simulate.Policy, n, amount int) int {
	switch p.Adjustment {
	case simulate.ExactCapacity:
		return amount
	case simulate.ChangeInCapacity:
		return n + amount
	}
	hundredths, delta := n*amount, 0
	switch {
	case hundredths >= 100 || hundredths <= -100:
		for delta = 0; (delta+1)*100 <= hundredths; {
			delta++
		}
		for (delta-1)*100 >= hundredths {
			delta--
		}
	case hundredths > 0:
		delta = 1
	case hundredths < 0:
		delta = -1
	}
	if amount > 0 && delta < p.MinMagnitude {
		delta = p.MinMagnitude
	}
	if amount < 0 && -delta < p.MinMagnitude {
		delta = -p.MinMagnitude
	}
	return n + delta
}
