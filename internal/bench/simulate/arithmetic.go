package main

import (
	"time"

	"github.com/tandem-iac/tandem/simulate"
)

// arithmetic is what no simulator of these semantics can leave out, on fixed
// fleets: per minute the share of an instance, its CPU and what is served; per
// group the running sums; per alarm a window, a comparison and the count of
// breaches among the newest N.
func arithmetic(load *simulate.Samples) (alarms int) {
	const groups, ring = 2, 16
	alarm := [3]struct{ period, n, threshold int }{{5, 1, 500_000}, {1, 2, 850_000}, {1, 10, 300_000}}
	var sums, counts [groups][ring]int
	var points [groups][3][ring]int
	var breaching [groups][3]int
	instances := [groups]int{8, 1}
	served, demand := 0.0, 0.0
	values := make([]float64, 4096)
	minutes := int(load.Duration().Minutes())
	for from := 0; from < minutes; from += len(values) {
		piece := values[:min(len(values), minutes-from)]
		load.Fill(piece, time.Duration(from)*time.Minute, time.Minute)
		for i, v := range piece {
			minute := from + i
			share := v / float64(instances[0]+instances[1])
			cpu := min(1_000_000, int(share/2*1_000_000+0.5))
			demand += v
			served += min(v, 18)
			for g := range groups {
				now, next := minute%ring, (minute+1)%ring
				sums[g][next] = sums[g][now] + instances[g]*cpu
				counts[g][next] = counts[g][now] + instances[g]
				for a := range alarm {
					begin := (minute + 1 - alarm[a].period + ring) % ring
					sum, n := sums[g][next]-sums[g][begin], counts[g][next]-counts[g][begin]
					point := 0
					if sum >= alarm[a].threshold*n {
						point = 1
					}
					breaching[g][a] += point - points[g][a][(minute-alarm[a].n+ring*ring)%ring]
					points[g][a][minute%ring] = point
					if breaching[g][a] >= alarm[a].n {
						alarms++
					}
				}
			}
		}
	}
	if served > demand {
		return 0
	}
	return alarms
}
