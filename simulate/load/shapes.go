package load

import (
	"math"
	"time"
)

// shape is one term of a generated load.
type shape interface {
	// add adds to values the shape's means over consecutive steps; from is the
	// time since the start and step is above 0, both in seconds.
	add(values []float64, from, step float64)
}

// diurnal is a cosine with its highest value once a day.
type diurnal struct {
	low, high float64
	peak      float64 // of the first day, in seconds since the start
}

const daySeconds = 86400

func (d diurnal) add(values []float64, from, step float64) {
	const w = 2 * math.Pi / daySeconds
	// The mean of a cosine over a step is its value in the middle times a
	// constant, which is near 1 for short steps.
	amplitude := (d.high - d.low) / 2 * sinc(w*step/2)
	middle := d.low + (d.high-d.low)/2
	first := from + step/2 - d.peak
	for i := range values {
		values[i] += middle + amplitude*math.Cos(w*(first+float64(i)*step))
	}
}

func sinc(x float64) float64 {
	if math.Abs(x) < 1e-9 {
		return 1
	}
	return math.Sin(x) / x
}

// weekly is diurnal with its weekends multiplied.
type weekly struct {
	diurnal
	midnight float64 // the midnight at or before the start, in seconds since the start
	weekday  time.Weekday
	weekend  float64
}

func (w weekly) add(values []float64, from, step float64) {
	for i := range values {
		at := from + float64(i)*step
		values[i] += w.mean(at, at+step)
	}
}

// mean splits [from, to) where a day begins, as days have different factors.
func (w weekly) mean(from, to float64) float64 {
	sum := 0.0
	for at := from; at < to; {
		n := math.Floor((at - w.midnight) / daySeconds)
		end := min(to, w.midnight+(n+1)*daySeconds)
		if end <= at { // rounding left nothing of this day
			end = to
		}
		var value [1]float64
		w.diurnal.add(value[:], at, end-at)
		sum += value[0] * w.factor(int(n)) * (end - at)
		at = end
	}
	return sum / (to - from)
}

func (w weekly) factor(n int) float64 {
	switch time.Weekday(((int(w.weekday)+n)%7 + 7) % 7) {
	case time.Saturday, time.Sunday:
		return w.weekend
	}
	return 1
}

// ramp is from until start, to from end on and a straight line between. A
// step has its end at its start.
type ramp struct{ from, to, start, end float64 }

func (r ramp) add(values []float64, from, step float64) {
	for i := range values {
		a := from + float64(i)*step
		b := a + step
		before := overlap(a, b, math.Inf(-1), r.start)
		after := overlap(a, b, r.end, math.Inf(1))
		sum := before*r.from + after*r.to
		if lo, hi := max(a, r.start), min(b, r.end); lo < hi {
			share := ((lo+hi)/2 - r.start) / (r.end - r.start)
			sum += (hi - lo) * (r.from + (r.to-r.from)*share)
		}
		values[i] += sum / step
	}
}

func overlap(a, b, from, to float64) float64 { return max(0, min(b, to)-max(a, from)) }

// flash rises in a straight line, holds, and halves again and again.
type flash struct {
	size                  float64
	at, rise, hold, halve float64
}

func (f flash) add(values []float64, from, step float64) {
	top := f.at + f.rise
	fall := top + f.hold
	rate := math.Ln2 / f.halve
	for i := range values {
		a := from + float64(i)*step
		b := a + step
		if b <= f.at {
			continue
		}
		sum := overlap(a, b, top, fall)
		if lo, hi := max(a, f.at), min(b, top); lo < hi {
			sum += (hi - lo) * ((lo+hi)/2 - f.at) / f.rise
		}
		if lo := max(a, fall); lo < b {
			sum -= math.Exp(-rate*(lo-fall)) * math.Expm1(-rate*(b-lo)) / rate
		}
		values[i] += f.size * sum / step
	}
}

// profile is a day of hourly values, joined by straight lines, again and again.
type profile struct {
	hours    [24]float64 // at the full hour
	midnight float64     // the midnight at or before the start, in seconds since the start
	sums     [25]float64 // over the hours before, in value-seconds
}

func newProfile(hours [24]float64, midnight float64) profile {
	p := profile{hours: hours, midnight: midnight}
	for h, value := range hours {
		p.sums[h+1] = p.sums[h] + (value+hours[(h+1)%24])/2*3600
	}
	return p
}

func (p profile) add(values []float64, from, step float64) {
	dayBefore, before := p.until(from)
	for i := range values {
		dayAfter, after := p.until(from + float64(i+1)*step)
		// Whole days apart from the rest: what is subtracted stays small.
		values[i] += max(0, (dayAfter-dayBefore)*p.sums[24]+(after-before)) / step
		dayBefore, before = dayAfter, after
	}
}

// until is the number of whole days before at, and the sum over the rest.
func (p profile) until(at float64) (days, sum float64) {
	at -= p.midnight
	days = math.Floor(at / daySeconds)
	at -= days * daySeconds
	h := min(23, max(0, int(at/3600)))
	rest := at - float64(h)*3600
	slope := (p.hours[(h+1)%24] - p.hours[h]) / 3600
	return days, p.sums[h] + rest*(p.hours[h]+slope*rest/2)
}
