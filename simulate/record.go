package simulate

import (
	"math"
	"time"
)

// recording is what a run keeps for charts.
type recording struct {
	unit       time.Duration
	activities []Activity
	series     *Series
}

func newRecording(sim *Simulator, steps int) *recording {
	r := &recording{unit: sim.clock.step, series: &Series{Step: sim.clock.step,
		Demand: make([]float64, 0, steps), Capacity: make([]float64, 0, steps), Unserved: make([]float64, 0, steps)}}
	for i := range sim.groups {
		r.series.Groups = append(r.series.Groups, GroupSeries{Name: sim.groups[i].spec.Name,
			Desired: make([]int32, 0, steps), InService: make([]int32, 0, steps), Pending: make([]int32, 0, steps),
			Spot: make([]int32, 0, steps), CPU: make([]float64, 0, steps), SpotPrice: make([]float64, 0, steps)})
	}
	for i := range sim.alarms {
		p := &sim.policies[sim.alarms[i].policy]
		g := &r.series.Groups[p.group]
		g.Alarms = append(g.Alarms, AlarmSeries{Name: sim.alarms[i].spec.Name, Policy: p.spec.Name,
			State: make([]uint8, 0, steps)})
	}
	return r
}

// note adds an activity before it takes effect.
func (r *recording) note(g *group, now int, cause Cause, to int, policy, alarm string) {
	r.activities = append(r.activities, Activity{At: time.Duration(now) * r.unit, Group: g.spec.Name,
		Cause: cause, Policy: policy, Alarm: alarm, From: g.desired, To: to})
}

// step adds a step's values.
func (r *recording) step(sim *Simulator, demand float64) {
	s := r.series
	s.Demand = append(s.Demand, demand)
	s.Capacity = append(s.Capacity, sim.overload.capacity)
	s.Unserved = append(s.Unserved, sim.overload.lost)
	for i := range sim.groups {
		r.group(sim, &sim.groups[i], &s.Groups[i])
	}
	at := 0
	for i := range sim.alarms {
		if i > 0 && sim.policies[sim.alarms[i].policy].group != sim.policies[sim.alarms[i-1].policy].group {
			at = 0
		}
		states := &s.Groups[sim.policies[sim.alarms[i].policy].group].Alarms[at].State
		*states = append(*states, uint8(sim.alarms[i].state))
		at++
	}
}

func (r *recording) group(sim *Simulator, g *group, s *GroupSeries) {
	serving, spot, cpu := 0, 0, 0
	for _, t := range g.types {
		serving += t.serving
		spot += t.spot
		cpu += t.serving * sim.sizes[t.size].cpu
	}
	mean := math.NaN()
	if serving > 0 {
		mean = float64(cpu) / float64(serving) / million * 100
	}
	s.Desired = append(s.Desired, int32(g.desired))
	s.InService = append(s.InService, int32(serving))
	s.Pending = append(s.Pending, int32(g.pending))
	s.Spot = append(s.Spot, int32(spot))
	s.CPU = append(s.CPU, mean)
	s.SpotPrice = append(s.SpotPrice, sim.market.types[g.types[0].market].price)
}
