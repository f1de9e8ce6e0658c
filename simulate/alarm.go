package simulate

import "math"

// alarmState is an alarm's state.
type alarmState uint8

const (
	stateOK alarmState = iota
	stateAlarm
	stateInsufficient
)

// point is what an alarm makes of a period.
type point uint8

const (
	pointMissing point = iota
	pointOK
	pointBreaching
)

// alarm is a CloudWatch alarm in motion. It looks at the periods that end at
// the newest visible minute, at one period before that, and so on; their points
// are kept for as long as any evaluation looks back, and those of the newest N
// are counted as they come and go.
type alarm struct {
	spec      *Alarm
	metric    *metric
	policy    int
	threshold int // parts per million
	statistic Statistic
	missing   MissingData

	delay         int  // minutes until a metric is visible
	period, n, m  int  // period in minutes
	first         int  // minute of the first evaluation
	back          int  // n and the extra periods
	keeps         bool // its state, where a breach is premature
	points        []point
	mask          int
	counts        []newest // by the minute within the period
	class         int
	state         alarmState
	value         total // of the newest period; n is 0 where it has no data
	breachedSince int   // minute, or -1
}

// newest counts points among the newest N.
type newest struct{ real, breaching int32 }

func (a *alarm) reset(spec *Alarm, policy int, m *metric, model Model) {
	points, counts := a.points, a.counts
	*a = alarm{spec: spec, metric: m, policy: policy, threshold: perMillion(spec.Threshold),
		statistic: spec.Statistic, missing: spec.MissingData,
		period: int(spec.Period.Minutes()), n: spec.EvaluationPeriods, m: spec.DatapointsToAlarm,
		keeps: model.PrematureKeepsState, state: stateInsufficient, breachedSince: -1}
	if a.statistic == "" {
		a.statistic = Average
	}
	if a.missing == "" {
		a.missing = Missing
	}
	if a.m == 0 {
		a.m = a.n
	}
	if a.first = a.n * a.period; model.AlarmsFromFirstPeriod {
		a.first = a.period
	}
	a.back = a.n + model.ExtraPeriods
	size := powerAbove(a.back * a.period)
	a.points, a.mask = cleared(points, size), size-1
	a.counts = cleared(counts, a.period)
}

// perMillion turns percent into parts per million.
func perMillion(percent float64) int { return int(math.Round(percent * million / 100)) }

// evaluate looks at the periods that end at minute end. Every minute has to be
// evaluated, in order.
func (a *alarm) evaluate(end int) {
	if end < a.period {
		return
	}
	a.value = a.metric.window(a.statistic, end, a.period)
	p := a.judge()
	switch {
	case p == pointBreaching && a.breachedSince < 0:
		a.breachedSince = end - a.period
	case p == pointOK:
		a.breachedSince = -1
	}
	c := &a.counts[a.class]
	if a.class++; a.class == a.period {
		a.class = 0
	}
	a.points[end&a.mask] = p
	c.add(p, 1)
	if gone := end - a.n*a.period; gone > 0 {
		c.add(a.points[gone&a.mask], -1)
	}
	switch {
	case end < a.first: // its periods lie before the start
	case int(c.real) < a.n:
		a.state = a.withGaps(end)
	case int(c.breaching) >= a.m:
		a.state = stateAlarm
	default:
		a.state = stateOK
	}
}

func (c *newest) add(p point, sign int32) {
	if p != pointMissing {
		c.real += sign
	}
	if p == pointBreaching {
		c.breaching += sign
	}
}

// judge compares the newest value with the threshold, without rounding.
func (a *alarm) judge() point {
	if a.value.n == 0 {
		return pointMissing
	}
	above := a.value.sum - a.threshold*a.value.n
	breaches := false
	switch a.spec.Comparison {
	case AtOrAbove:
		breaches = above >= 0
	case Above:
		breaches = above > 0
	case Below:
		breaches = above < 0
	case AtOrBelow:
		breaches = above <= 0
	}
	if breaches {
		return pointBreaching
	}
	return pointOK
}

// withGaps is the state where some of the newest N points are missing: the
// newest N that are there decide, or else the treatment of missing data.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html
func (a *alarm) withGaps(end int) alarmState {
	found, breaching, oldestBreach := 0, 0, 0
	for k := 0; k < a.back && found < a.n; k++ {
		at := end - k*a.period
		if at < a.period {
			break
		}
		switch a.points[at&a.mask] {
		case pointOK:
			found++
		case pointBreaching:
			found++
			breaching++
			oldestBreach = k
		}
	}
	filled := breaching
	if a.missing == Breaching {
		filled += a.n - found
	}
	switch {
	case filled >= a.m:
		return stateAlarm
	case found == a.n, a.missing == Breaching, a.missing == NotBreaching, found > breaching:
		return stateOK
	case a.missing == Ignore:
		return a.state
	case found > 0 && oldestBreach >= a.m-1:
		return stateAlarm // no gap after the oldest breach can be trusted to be within
	case found > 0 && a.keeps:
		return a.state
	}
	return stateInsufficient
}

// reach is how many minutes back from its newest period's end the alarm's metric
// is read.
func (a *alarm) reach(how StepValue) int {
	if how == NewestPeriod {
		return a.period
	}
	return a.back * a.period
}

// rests is a value of the periods that the state at minute end rests on: the
// newest N with data of those that are looked at.
func (a *alarm) rests(how StepValue, end int) total {
	var v total
	found := 0
	for at := end; at > end-a.back*a.period && at >= a.period && found < a.n; at -= a.period {
		p := a.metric.window(a.statistic, at, a.period)
		if p.n == 0 {
			continue
		}
		found++
		switch {
		case how == NewestValue:
			return p
		case how == AverageValue:
			v.add(p.sum, p.n)
		case found == 1, how == HighestValue && p.mean() > v.mean(), how == LowestValue && p.mean() < v.mean():
			v = p
		}
	}
	return v
}
