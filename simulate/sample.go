package simulate

import "time"

// Samples is a load read once, to be shared by many runs on all cores. It holds
// 8 bytes a step.
type Samples struct {
	start  time.Time
	unit   Unit
	step   time.Duration
	values []float64
}

// Sample reads all whole steps of load. Runs with the same Model.Step then read
// it without a copy; with any other step they see the mean of what covers it.
func Sample(load Load, step time.Duration) *Samples {
	s := &Samples{start: load.Start(), unit: load.Unit(), step: step,
		values: make([]float64, int(load.Duration()/step))}
	load.Fill(s.values, 0, step)
	return s
}

// Start is the start of the load that was sampled.
func (s *Samples) Start() time.Time { return s.start }

// Duration is that of all whole steps.
func (s *Samples) Duration() time.Duration { return time.Duration(len(s.values)) * s.step }

// Unit is that of the load that was sampled.
func (s *Samples) Unit() Unit { return s.unit }

// Fill puts the means of consecutive steps into values; after the end there is
// no demand.
func (s *Samples) Fill(values []float64, from, step time.Duration) {
	if step == s.step && from%step == 0 {
		n := copy(values, s.values[min(int(from/step), len(s.values)):])
		clear(values[n:])
		return
	}
	for i := range values {
		values[i] = s.mean(from+time.Duration(i)*step, step)
	}
}

// mean weighs each sample by how long it covers [from, from+span).
func (s *Samples) mean(from, span time.Duration) float64 {
	sum, end := 0.0, from+span
	for i := int(from / s.step); i < len(s.values) && time.Duration(i)*s.step < end; i++ {
		begin := time.Duration(i) * s.step
		covered := min(end, begin+s.step) - max(from, begin)
		sum += s.values[i] * float64(covered)
	}
	return sum / float64(span)
}
