package load

import (
	"slices"
	"time"

	"github.com/tandem-iac/tandem/simulate"
)

// Gaps is what a trace holds where the next point is later than usual.
type Gaps string

const (
	// Hold keeps the value of the point before.
	Hold Gaps = "hold"
	// Interpolate goes to the next point in a straight line.
	Interpolate Gaps = "interpolate"
	// Zero means no load.
	Zero Gaps = "zero"
	// Refuse makes a gap an error.
	Refuse Gaps = "refuse"
)

// gapRules are all Gaps by name.
var gapRules = []string{string(Hold), string(Interpolate), string(Zero), string(Refuse)}

// Trace is a load that was recorded. A value holds from its time for the
// trace's step, or until the next point where that is earlier; what comes
// between is a gap. Values are kept with the seven digits of a float32: four
// bytes a point where points come in even steps.
type Trace struct {
	start    time.Time
	unit     simulate.Unit
	gaps     Gaps
	step     time.Duration // the usual distance of two points
	duration time.Duration
	count    int
	chunks   [][]float32
	runs     []run
}

// run is a row of points at even distances.
type run struct {
	at    time.Duration // of the first, since the trace's start
	step  time.Duration // 0: a single point so far
	first int           // its index
	line  int           // where it was read
}

// chunkBits makes chunks of 256 KiB: growing one list would need twice the
// memory for a moment, and copy it.
const chunkBits = 16

// Start is the time of the first point.
func (t *Trace) Start() time.Time { return t.start }

// Duration is from the first point to a step after the last.
func (t *Trace) Duration() time.Duration { return t.duration }

// Unit is what the values count.
func (t *Trace) Unit() simulate.Unit { return t.unit }

// Step is the usual distance of two points: the most frequent one.
func (t *Trace) Step() time.Duration { return t.step }

// Points is how many points there are.
func (t *Trace) Points() int { return t.count }

func (t *Trace) value(i int) float64 {
	return float64(t.chunks[i>>chunkBits][i&(1<<chunkBits-1)])
}

// append adds a point; at grows from one to the next.
func (t *Trace) append(at time.Duration, value float64, line int) {
	if t.count&(1<<chunkBits-1) == 0 {
		size := 0 // the first grows as needed: most traces are short
		if t.count > 0 {
			size = 1 << chunkBits
		}
		t.chunks = append(t.chunks, make([]float32, 0, size))
	}
	last := len(t.chunks) - 1
	t.chunks[last] = append(t.chunks[last], float32(value))
	t.place(at, line)
	t.count++
}

func (t *Trace) place(at time.Duration, line int) {
	if len(t.runs) > 0 {
		r := &t.runs[len(t.runs)-1]
		points := time.Duration(t.count - r.first)
		if points == 1 {
			r.step = at - r.at
		}
		if at == r.at+points*r.step {
			return
		}
	}
	t.runs = append(t.runs, run{at: at, first: t.count, line: line})
}

// end is the index after the run's last point.
func (t *Trace) end(r int) int {
	if r+1 < len(t.runs) {
		return t.runs[r+1].first
	}
	return t.count
}

// next is when the point after the run comes: the trace's end after the last.
func (t *Trace) next(r int) time.Duration {
	if r+1 < len(t.runs) {
		return t.runs[r+1].at
	}
	return t.duration
}

// finish finds the usual step and the duration.
func (t *Trace) finish() {
	points := map[time.Duration]int{}
	for i, r := range t.runs {
		points[r.step] += t.end(i) - r.first - 1
		if i+1 < len(t.runs) {
			last := r.at + time.Duration(t.end(i)-r.first-1)*r.step
			points[t.runs[i+1].at-last]++
		}
	}
	delete(points, 0)
	most := 0
	for step, n := range points {
		if n > most || n == most && step < t.step {
			t.step, most = step, n
		}
	}
	last := t.runs[len(t.runs)-1]
	t.duration = last.at + time.Duration(t.count-1-last.first)*last.step + t.step
}

// gap is the first gap's length and the line of the point after it.
func (t *Trace) gap() (line int, length time.Duration) {
	for i, r := range t.runs {
		if n := t.end(i) - r.first; n > 1 && r.step > t.step {
			return r.line + 1, r.step
		}
		last := r.at + time.Duration(t.end(i)-r.first-1)*r.step
		if i+1 < len(t.runs) && t.runs[i+1].at-last > t.step {
			return t.runs[i+1].line, t.runs[i+1].at - last
		}
	}
	return 0, 0
}

// Fill implements simulate.Load. Before the first point and after the end the
// load is 0.
func (t *Trace) Fill(values []float64, from, step time.Duration) {
	c := t.seek(from)
	for i := range values {
		begin := from + time.Duration(i)*step
		end := begin + step
		sum := 0.0
		for c.run < len(t.runs) && c.at < end {
			if c.at >= begin {
				sum += c.whole(end)
			}
			sum += c.area(max(begin, c.at), min(end, c.next))
			if c.next > end {
				break
			}
			c.advance()
		}
		values[i] = sum / float64(step)
	}
}

// cursor is at one point of a trace.
type cursor struct {
	*Trace
	run, index int
	at, next   time.Duration
	step       time.Duration // the run's
	last       int           // the run's last index
}

// seek returns the last point at or before at, or else the first.
func (t *Trace) seek(at time.Duration) cursor {
	r, found := slices.BinarySearchFunc(t.runs, at, func(r run, at time.Duration) int { return int(min(1, max(-1, r.at-at))) })
	if !found {
		r = max(0, r-1)
	}
	c := cursor{Trace: t, run: r}
	c.enter()
	if c.step > 0 && at > c.at {
		skip := min(int((at-c.at)/c.step), c.last-c.index)
		c.index += skip
		c.at += time.Duration(skip) * c.step
		c.settle()
	}
	return c
}

// enter goes to the first point of the run.
func (c *cursor) enter() {
	r := c.runs[c.run]
	c.index, c.at, c.step, c.last = r.first, r.at, r.step, c.end(c.run)-1
	c.settle()
}

func (c *cursor) settle() {
	if c.next = c.at + c.step; c.index == c.last {
		c.next = c.Trace.next(c.run)
	}
}

func (c *cursor) advance() {
	if c.index < c.last {
		c.index++
		c.at = c.next
		c.settle()
		return
	}
	if c.run++; c.run < len(c.runs) {
		c.enter()
	}
}

// whole is the integral over all points of the run that end before end, but for
// its last, which may have a gap behind it; it goes on to what follows them.
func (c *cursor) whole(end time.Duration) float64 {
	if c.step <= 0 || c.step > c.Trace.step || c.next >= end {
		return 0
	}
	n := min(int((end-c.at-1)/c.step), c.last-c.index)
	sum := 0.0
	for first, left := c.index, n; left > 0; {
		chunk := c.chunks[first>>chunkBits][first&(1<<chunkBits-1):]
		chunk = chunk[:min(left, len(chunk))]
		for _, value := range chunk {
			sum += float64(value)
		}
		first, left = first+len(chunk), left-len(chunk)
	}
	c.index += n
	c.at += time.Duration(n) * c.step
	c.settle()
	return sum * float64(c.step)
}

// area is the integral over [a, b), which lies between the point and the next.
func (c *cursor) area(a, b time.Duration) float64 {
	if a >= b {
		return 0
	}
	value := c.value(c.index)
	held := c.at + c.Trace.step // what comes after it is a gap
	if c.gaps == Hold || b <= held {
		return value * float64(b-a)
	}
	sum := 0.0
	if a < held {
		sum, a = value*float64(held-a), held
	}
	if c.gaps == Zero {
		return sum
	}
	following := c.value(c.index + 1) // after the last point there is no gap
	share := func(at time.Duration) float64 { return float64(at-held) / float64(c.next-held) }
	return sum + float64(b-a)*(value+(following-value)*(share(a)+share(b))/2)
}
