package load

import (
	"sync"
	"time"

	"github.com/tandem-iac/tandem/simulate"
)

// generated is a sum of shapes, times noise.
type generated struct {
	start    time.Time
	duration time.Duration
	unit     simulate.Unit
	shapes   []shape
	noises   []noise
}

func (g *generated) Start() time.Time        { return g.start }
func (g *generated) Duration() time.Duration { return g.duration }
func (g *generated) Unit() simulate.Unit     { return g.unit }

func (g *generated) Fill(values []float64, from, step time.Duration) {
	g.fill(values, from, step, len(g.noises))
}

// fill applies the first n noises.
func (g *generated) fill(values []float64, from, step time.Duration, n int) {
	if n == 0 {
		clear(values)
		for _, s := range g.shapes {
			s.add(values, from.Seconds(), step.Seconds())
		}
		for i, value := range values {
			values[i] = max(0, value) // rounding may leave less than nothing
		}
		return
	}
	g.fill(values, from, step, n-1)
	last := g.noises[n-1]
	for i := range values {
		at := from + time.Duration(i)*step
		if span := floorDiv(at, last.every); floorDiv(at+step-1, last.every) == span {
			values[i] *= last.factor(span)
		} else {
			g.spans(values[i:i+1], at, at+step, n)
		}
	}
}

// spans puts into slot the mean over [from, to), which lies in several spans
// of the n-th noise.
func (g *generated) spans(slot []float64, from, to time.Duration, n int) {
	last := g.noises[n-1]
	sum := 0.0
	for at := from; at < to; {
		span := floorDiv(at, last.every)
		end := min(to, time.Duration(span+1)*last.every)
		g.fill(slot, at, end-at, n-1)
		sum += slot[0] * last.factor(span) * float64(end-at)
		at = end
	}
	slot[0] = sum / float64(to-from)
}

func floorDiv(a, b time.Duration) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return int64(q)
}

// sum adds loads that cover the same time.
type sum struct {
	loads   []simulate.Load
	scratch sync.Pool // of *[scratchSize]float64
}

const scratchSize = 128

func newSum(loads []simulate.Load) *sum {
	return &sum{loads: loads, scratch: sync.Pool{New: func() any { return new([scratchSize]float64) }}}
}

func (s *sum) Start() time.Time        { return s.loads[0].Start() }
func (s *sum) Duration() time.Duration { return s.loads[0].Duration() }
func (s *sum) Unit() simulate.Unit     { return s.loads[0].Unit() }

func (s *sum) Fill(values []float64, from, step time.Duration) {
	s.loads[0].Fill(values, from, step)
	scratch := s.scratch.Get().(*[scratchSize]float64)
	defer s.scratch.Put(scratch)
	for begin := 0; begin < len(values); begin += scratchSize {
		part := values[begin:min(begin+scratchSize, len(values))]
		for _, l := range s.loads[1:] {
			l.Fill(scratch[:len(part)], from+time.Duration(begin)*step, step)
			for i := range part {
				part[i] += scratch[i]
			}
		}
	}
}
