package simulate

import (
	"math"
	"time"
)

// result sums up a run of so many steps.
func (sim *Simulator) result(total int) *Result {
	o := &sim.overload
	o.unserved += o.backlog
	for t := range sim.market.types {
		sim.settle(t, total)
	}
	hours := sim.clock.step.Hours()
	r := &Result{Summary: Summary{
		Duration: time.Duration(total) * sim.clock.step,
		Demand:   o.demand, Served: o.served, Unserved: o.unserved,
		OverObjective: time.Duration(o.over) * sim.clock.step,
		Rescues:       sim.rescues,
	}}
	waits, waited, longest := 0, 0, 0
	for i := range sim.groups {
		g := &sim.groups[i]
		s := g.summary(hours, total)
		r.Groups = append(r.Groups, s)
		t := &g.tally
		r.Summary.ScaleOuts += t.outs
		r.Summary.ScaleIns += t.ins
		r.Summary.Flaps += t.flaps
		r.Summary.Reclaims += t.reclaims
		r.Summary.InstanceHours += s.OnDemandHours + s.SpotHours
		r.Summary.Cost += s.Cost
		waits, waited, longest = waits+t.waits, waited+t.waited, max(longest, t.longest)
	}
	r.Summary.BreachToCapacity = time.Duration(longest) * sim.clock.step
	if waits > 0 {
		r.Summary.MeanBreachToCapacity = time.Duration(waited) * sim.clock.step / time.Duration(waits)
	}
	r.Summary.PeakFleet = sim.peakFleet(hours*float64(total), r.Summary.Cost)
	r.Summary.ConstantFleet = sim.constantFleet(hours, total, r.Summary.Cost)
	if sim.recording != nil {
		r.Activities, r.Series = sim.recording.activities, sim.recording.series
	}
	return r
}

func (g *group) summary(hours float64, total int) GroupSummary {
	t := &g.tally
	s := GroupSummary{Name: g.spec.Name, MinInService: t.fewest, MaxInService: t.most,
		MeanInService: float64(t.servingSteps) / float64(total),
		ScaleOuts:     t.outs, ScaleIns: t.ins, Reclaims: t.reclaims}
	for k := range g.types {
		g.pools[2*k].charge(g.spec.Types[k].OnDemandPrice)
		s.OnDemandHours += float64(g.pools[2*k].steps) * hours
		s.SpotHours += float64(g.pools[2*k+1].steps) * hours
		s.Cost += (g.pools[2*k].cost + g.pools[2*k+1].cost) * hours
	}
	return s
}

// peakFleet is the cheapest on-demand fleet of one type that holds the
// objective at the peak.
func (sim *Simulator) peakFleet(hours, cost float64) Fleet {
	best := Fleet{Cost: math.Inf(1)}
	for i := range sim.groups {
		for _, t := range sim.groups[i].spec.Types {
			n := math.Ceil(sim.overload.peak / (t.VCPUs * sim.overload.objective))
			if c := n * t.OnDemandPrice * hours; c < best.Cost {
				best = Fleet{Instances: int(n), Cost: c}
			}
		}
	}
	return best.against(cost)
}

// constantFleet gives every group its minimum, and what is needed beyond to the
// cheapest that has room. Its spot instances are never reclaimed. Where work is
// shared by cores, it is they that are needed and have to be cheap.
func (sim *Simulator) constantFleet(hours float64, total int, cost float64) Fleet {
	need := float64(sim.overload.fleet.least(sim.overload.over))
	sizes := make([]int, len(sim.groups))
	have := 0.0
	for i := range sim.groups {
		sizes[i] = sim.groups[i].spec.Min
		have += sim.constantSize(&sim.groups[i], sizes[i])
	}
	for have < need {
		best, least, gained := 0, math.Inf(1), 1.0
		for i := range sim.groups {
			g := &sim.groups[i]
			size := sim.constantSize(g, sizes[i]+1) - sim.constantSize(g, sizes[i])
			more := (sim.constantCost(g, sizes[i]+1, total) - sim.constantCost(g, sizes[i], total)) / size
			if sizes[i] < g.spec.Max && more < least {
				best, least, gained = i, more, size
			}
		}
		sizes[best]++
		have += gained
	}
	var f Fleet
	for i := range sim.groups {
		f.Instances += sizes[i]
		f.Cost += sim.constantCost(&sim.groups[i], sizes[i], total) * hours
	}
	return f.against(cost)
}

// constantSize is how much n instances of a group are of the fleet that is needed:
// as many, or where work is shared by cores, as many of the smallest.
func (sim *Simulator) constantSize(g *group, n int) float64 {
	if !sim.overload.byCores {
		return float64(n)
	}
	onDemand := g.onDemandTarget(n)
	return (float64(onDemand)*g.spec.Types[0].VCPUs + float64(n-onDemand)*g.spec.Types[g.first].VCPUs) / sim.overload.fleet.vcpus
}

// constantCost is n instances of a group's preferred type over a run, in USD
// times steps by the hour.
func (sim *Simulator) constantCost(g *group, n, total int) float64 {
	onDemand := g.onDemandTarget(n)
	return float64(onDemand*total)*g.spec.Types[0].OnDemandPrice +
		float64(n-onDemand)*sim.market.types[g.types[g.first].market].paid
}

// against fills in the saving.
func (f Fleet) against(cost float64) Fleet {
	if f.Cost > 0 {
		f.Saving = (f.Cost - cost) / f.Cost * 100
	}
	return f
}
