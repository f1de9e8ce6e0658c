// Package load makes the loads that simulations replay: from CSV, and from
// shapes such as diurnal or flash with parameters and a seed.
//
//	"diurnal:low=20,high=200 + flash:at=18:00,add=500" ──> Parse ──┐
//	time,value in CSV ───────────────────────────────────> ReadCSV ┴─> simulate.Load
//
// A value at a time depends on nothing but parameters, seed and the time since
// the start, so that any piece can be asked for in any order and another start
// shifts the load in time.
package load

import (
	"time"

	"github.com/tandem-iac/tandem/simulate"
)

// Config is what a load's text leaves open.
type Config struct {
	// Start is the time of the first value; its zone is the one of times of
	// day, without summer time. Zero: Monday, 1 January 2024, 00:00 UTC. CSV
	// with dates has a start of its own.
	Start time.Time
	// Duration is how long generated shapes go on; >= 0. 0: a week where there
	// is a weekly shape, else a day. Beside CSV they last as long as it does.
	Duration time.Duration
	// Seed sets the noise.
	Seed uint64
	// Unit is what values count. Empty: what the CSV's header says, else
	// simulate.RequestsPerSecond.
	Unit simulate.Unit
	// Gaps is what holds in the gaps of CSV. Empty: Hold.
	Gaps Gaps
}

const (
	day = 24 * time.Hour
	// maxValue bounds every value, so that sums of all of them stay finite.
	maxValue = 1e12
	// maxDuration bounds what a load may cover: a century.
	maxDuration = 36525 * day
)

func (cfg Config) withDefaults() Config {
	if cfg.Start.IsZero() {
		cfg.Start = time.Date(2024, time.January, 1, 0, 0, 0, 0, time.UTC)
	}
	return cfg
}
