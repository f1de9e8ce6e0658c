package simulate

// metric is a group's CPUUtilization as CloudWatch keeps it: for each minute
// the running sums of samples, so that any window is two reads. A sample is one
// instance in one step. Points of basic monitoring belong to the last minute of
// their five.
type metric struct {
	interval  int // minutes
	sum, n    int // of the interval so far, parts per million and samples
	totals    []total
	mask      int
	extremes  bool    // whether some alarm wants minimum or maximum
	classes   []total // each type's, those that set themselves up, those that are idle
	low, high []int   // per minute; no data where low > high
}

// total is a sum of samples and their number.
type total struct{ sum, n int }

func (t *total) add(sum, n int) {
	t.sum += sum
	t.n += n
}

func (t total) mean() float64 { return float64(t.sum) / float64(t.n) }

// reset prepares for windows that begin at most span minutes before now.
func (m *metric) reset(interval, span int, extremes bool, types int) {
	size := powerAbove(span + 2)
	m.interval, m.extremes, m.mask = interval, extremes, size-1
	m.sum, m.n = 0, 0
	m.totals = cleared(m.totals, size)
	m.classes = cleared(m.classes, types+2)
	if extremes {
		m.low, m.high = cleared(m.low, size), cleared(m.high, size)
		for i := range m.low {
			m.low[i], m.high[i] = million, 0
		}
	}
}

// close ends a minute, counted from 0.
func (m *metric) close(minute int) {
	before, at := m.totals[minute&m.mask], (minute+1)&m.mask
	if m.interval > 1 && (minute+1)%m.interval != 0 {
		m.totals[at] = before
		if m.extremes {
			m.low[at], m.high[at] = million, 0
		}
		return
	}
	m.totals[at] = total{before.sum + m.sum, before.n + m.n}
	m.sum, m.n = 0, 0
	if m.extremes {
		m.closeExtremes(at)
	}
}

// closeExtremes keeps the lowest and highest mean of any instance; instances of
// one type have the same load.
func (m *metric) closeExtremes(at int) {
	m.low[at], m.high[at] = million, 0
	for i, c := range m.classes {
		if c.n > 0 {
			m.low[at] = min(m.low[at], c.sum/c.n)
			m.high[at] = max(m.high[at], c.sum/c.n)
		}
		m.classes[i] = total{}
	}
}

// window is the statistic over the minutes [end-span, end) as a fraction.
func (m *metric) window(stat Statistic, end, span int) total {
	a, b := m.totals[(end-span)&m.mask], m.totals[end&m.mask]
	t := total{b.sum - a.sum, b.n - a.n}
	if t.n == 0 || stat == Average {
		return t
	}
	low, high := million, 0
	for minute := max(0, end-span) + 1; minute <= end; minute++ {
		if at := minute & m.mask; m.low[at] <= m.high[at] {
			low, high = min(low, m.low[at]), max(high, m.high[at])
		}
	}
	if stat == Minimum {
		return total{low, 1}
	}
	return total{high, 1}
}

// powerAbove is the smallest power of two above n.
func powerAbove(n int) int {
	p := 1
	for p <= n {
		p *= 2
	}
	return p
}

// cleared is a slice of n zero values that reuses s's memory.
func cleared[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n)
	}
	s = s[:n]
	clear(s)
	return s
}
