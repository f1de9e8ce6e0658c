package report

import (
	"math"
	"time"

	"github.com/tandem-iac/tandem/simulate"
)

// maxPoints is how many points a page draws of one line: more than a screen
// has columns, and some megabytes.
const maxPoints = 5000

// thin returns series of at most so many points, each for several of the
// original steps: the mean of what adds up, the highest of what must not be
// missed, and ALARM where an alarm was in it at all.
func thin(s simulate.Series, points int) simulate.Series {
	per := (len(s.Demand) + points - 1) / points
	if per <= 1 {
		return s
	}
	thinned := simulate.Series{
		Step:     s.Step * time.Duration(per),
		Demand:   each(s.Demand, per, mean),
		Capacity: each(s.Capacity, per, mean),
		Unserved: each(s.Unserved, per, mean),
	}
	for _, g := range s.Groups {
		group := simulate.GroupSeries{
			Name:      g.Name,
			Desired:   each(g.Desired, per, highest),
			InService: each(g.InService, per, highest),
			Pending:   each(g.Pending, per, highest),
			Spot:      each(g.Spot, per, highest),
			CPU:       each(g.CPU, per, highestNumber),
			SpotPrice: each(g.SpotPrice, per, mean),
		}
		for _, a := range g.Alarms {
			group.Alarms = append(group.Alarms, simulate.AlarmSeries{Name: a.Name, Policy: a.Policy, State: each(a.State, per, alarmed)})
		}
		thinned.Groups = append(thinned.Groups, group)
	}
	return thinned
}

// each makes one value of every so many.
func each[T any](values []T, per int, of func([]T) T) []T {
	thinned := make([]T, 0, (len(values)+per-1)/per)
	for start := 0; start < len(values); start += per {
		thinned = append(thinned, of(values[start:min(start+per, len(values))]))
	}
	return thinned
}

func mean(values []float64) float64 {
	var sum float64
	for _, v := range values {
		sum += v
	}
	return sum / float64(len(values))
}

func highest(values []int32) int32 {
	best := values[0]
	for _, v := range values[1:] {
		best = max(best, v)
	}
	return best
}

// highestNumber leaves out what is none.
func highestNumber(values []float64) float64 {
	best := math.NaN()
	for _, v := range values {
		if math.IsNaN(best) || v > best {
			best = v
		}
	}
	return best
}

// alarmed is ALARM if there was one, else the first state.
func alarmed(states []uint8) uint8 {
	for _, s := range states {
		if s == alarmState {
			return s
		}
	}
	return states[0]
}

// alarmState is ALARM in simulate.AlarmSeries.
const alarmState = 1
