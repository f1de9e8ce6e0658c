package simulate

import "time"

// Unit is what a load counts.
type Unit string

const (
	// RequestsPerSecond becomes cores by Model.CPUPerRequest.
	RequestsPerSecond Unit = "requests"
	// Cores is demand in CPU cores that are busy all the time.
	Cores Unit = "cores"
)

// Load is the demand on a cluster over time. It may be far longer than what
// fits in memory: a run asks for it piece by piece, from the start to the end.
type Load interface {
	// Start is the time of the first value; reports count from it.
	Start() time.Time
	// Duration is how long the load goes on; above 0.
	Duration() time.Duration
	// Unit is what the values count.
	Unit() Unit
	// Fill puts the mean demand of consecutive steps into values: that of
	// [from, from+step), [from+step, from+2*step) and so on. Values are finite
	// and not negative. Safe for concurrent use.
	Fill(values []float64, from, step time.Duration)
}
