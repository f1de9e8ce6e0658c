package simulate

import (
	"math"
	"time"
)

// LaunchTimes are the boot and setup times of a group's n-th launch, in seconds.
// The reference reads the same draws and nothing else of the engine.
func LaunchTimes(seed uint64, group string, n int, m Model) (boot, setup float64) {
	d := stream(seed, group).at(n)
	boot = m.BootMedian.Seconds() * math.Exp(m.BootSpread*d.normal())
	setup = m.SetupMedian.Seconds() * math.Exp(m.SetupSpread*d.normal())
	return boot, setup
}

// RateReclaim is one reclaim of those at the market's rate.
type RateReclaim struct {
	At   int // step
	Draw float64
}

// RateReclaims are a type's reclaims before a step; hours are the mean between two,
// infinite where there are none.
func RateReclaims(seed uint64, name string, hours float64, step time.Duration, before int) []RateReclaim {
	if math.IsInf(hours, 1) {
		return nil
	}
	d := stream(seed, name)
	gap := hours * float64(time.Hour) / float64(step)
	var out []RateReclaim
	for due := gap * d.exponential(); due < float64(before); due += gap * d.exponential() {
		out = append(out, RateReclaim{At: int(due), Draw: d.uniform()})
	}
	return out
}
