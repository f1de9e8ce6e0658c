package simulate

// size is all instances of the cluster with as many vCPUs.
type size struct {
	vcpus   float64
	serving int
	cpu     int // in this step, parts per million
}

// overload is the work of the cluster and what becomes of it.
type overload struct {
	objective float64 // fraction of CPU
	byCores   bool
	queue     float64 // seconds of capacity that may wait
	seconds   float64 // of a step

	serving  int     // instances
	smallest float64 // vCPUs of the smallest that serves
	capacity float64 // cores

	backlog                  float64 // core-seconds
	demand, served, unserved float64 // core-seconds
	lost                     float64 // cores, in this step
	over                     int     // steps above the objective
	peak                     float64 // cores
	fleet                    histogram
}

// refresh follows changes of instances: what is in service, what is billed.
func (sim *Simulator) refresh(now int) {
	for i := range sim.sizes {
		sim.sizes[i].serving = 0
	}
	for i := range sim.groups {
		g := &sim.groups[i]
		if g.changed {
			g.accrue(now)
			g.tally.settle(now)
			g.changed = false
		}
		for _, t := range g.types {
			sim.sizes[t.size].serving += t.serving
		}
	}
	o := &sim.overload
	o.serving, o.capacity, o.smallest = 0, 0, 0
	for _, s := range sim.sizes {
		o.serving += s.serving
		o.capacity += float64(s.serving) * s.vcpus
		if s.serving > 0 && (o.smallest == 0 || s.vcpus < o.smallest) {
			o.smallest = s.vcpus
		}
	}
}

// serve spreads the demand, and what waits from before, over all instances in
// service: evenly, whatever their size, or by choice in proportion to it. One that
// is saturated lets work wait, as far as the queue goes, or drops it.
func (sim *Simulator) serve(demand float64) {
	o := &sim.overload
	o.demand += demand * o.seconds
	o.peak = max(o.peak, demand)
	o.fleet.add(demand)
	offered := demand
	if o.backlog > 0 {
		offered += o.backlog / o.seconds
	}
	served := offered
	if o.serving == 0 {
		served = 0
		if offered > 0 {
			o.over++
		}
	} else {
		each, perCore := offered/float64(o.serving), 0.0 // one of them is 0
		if o.byCores {
			each, perCore = 0, offered/o.capacity
		}
		least := each + perCore*o.smallest
		if least > o.smallest*o.objective {
			o.over++
		}
		if least > o.smallest {
			served = 0
		}
		for i := range sim.sizes {
			s := &sim.sizes[i]
			share := each + perCore*s.vcpus
			s.cpu = min(million, int(share/s.vcpus*million+0.5))
			if least > o.smallest {
				served += float64(s.serving) * min(share, s.vcpus)
			}
		}
	}
	rest := max(0, offered-served) * o.seconds
	o.backlog = min(rest, o.queue*o.capacity)
	rest -= o.backlog
	o.served += served * o.seconds
	o.unserved += rest
	o.lost = rest / o.seconds
}

// publish adds the step to the groups' metrics.
func (sim *Simulator) publish() {
	for i := range sim.groups {
		g := &sim.groups[i]
		for k := range g.types {
			t := &g.types[k]
			sum := t.measured * sim.sizes[t.size].cpu
			g.metric.sum += sum + t.settingUp*sim.clock.setupCPU
			g.metric.n += t.measured + t.settingUp + t.idle
			if g.metric.extremes {
				g.metric.classes[k].add(sum, t.measured)
				g.metric.classes[len(g.types)].add(t.settingUp*sim.clock.setupCPU, t.settingUp)
				g.metric.classes[len(g.types)+1].add(0, t.idle)
			}
		}
	}
}

// histogram counts steps by how many instances of a constant fleet they need, of
// the smallest where work is shared by cores.
type histogram struct {
	vcpus   float64 // of an instance
	perCore float64 // instances
	steps   []int
}

// maxFleet is the largest constant fleet that is told from larger ones.
const maxFleet = 4096

func (h *histogram) add(demand float64) {
	x := demand * h.perCore
	if x >= maxFleet {
		h.steps[maxFleet]++
		return
	}
	n := int(x)
	if float64(n) < x {
		n++
	}
	h.steps[n]++
}

// least is the smallest fleet that is too small for at most spare steps.
func (h *histogram) least(spare int) int {
	for n := maxFleet; n > 0; n-- {
		if spare -= h.steps[n]; spare < 0 {
			return n
		}
	}
	return 0
}
