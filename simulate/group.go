package simulate

// group is an Auto Scaling group in motion.
type group struct {
	spec   *Group
	clock  *clock
	index  int
	stream draws
	// rescuer is the index of the group that RescuedBy names, or -1.
	rescuer int

	desired  int
	launches int // how many so far: the number of the next draw
	retryAt  int // no launch before, after one found no capacity
	starved  bool
	// activityEnd is when the last launch or termination ended.
	activityEnd int
	// policyWarmup is the warm-up of what is launched in step resizedAt, by a
	// step policy.
	policyWarmup, resizedAt int
	replaced                int // unhealthy instances replaced in the interval replacedIn
	replacedIn              int

	types   []typeCount
	pools   []pool
	cohorts []cohort
	taken   []cohort // scratch of oldest
	next    int      // first step with an event in cohorts
	changed bool

	books, pending, notWarm       int
	ghosts, terminating, released int

	metric metric
	tally  tally
	t      timings
}

// typeCount is a group's instances of one type, by what they do.
type typeCount struct {
	size      int     // index into Simulator.sizes
	market    int     // index into market.types
	bid       float64 // the highest spot price, USD an hour
	spot      int     // serving, on spot
	serving   int
	measured  int // serving and in the metric
	settingUp int // in the metric, before they serve
	idle      int // in the metric, after they served
}

// timings are durations of the group in steps.
type timings struct {
	warmup, cooldown, grace, terminateHook, deregistration int
}

// advance applies all events that are due.
func (g *group) advance(now int, sim *Simulator) {
	for i := 0; i < len(g.cohorts); i++ {
		if c := &g.cohorts[i]; c.n > 0 && c.next() <= now {
			g.count(c, -1)
			g.step(i, now, sim)
			if c := &g.cohorts[i]; c.n > 0 {
				g.count(c, 1)
			}
		}
	}
	g.compact()
}

// step applies the due events of one cohort, which is not counted meanwhile.
func (g *group) step(i, now int, sim *Simulator) {
	c := &g.cohorts[i]
	switch c.life {
	case ghost:
		c.n = 0
		return
	case terminating:
		if now >= c.quietAt {
			c.serving = false
		}
		if now >= c.endAt {
			c.n = 0
			g.activityEnd = now
		}
		return
	}
	if !c.in && now >= c.inAt {
		c.in = true
		if c.booked {
			g.activityEnd = now
		}
	}
	c.warm = c.warm || now >= c.warmAt
	c.ready = c.ready || now >= c.readyAt
	if c.life == alive && !c.ready && now >= c.failAt {
		g.replaceUnhealthy(i, now)
		c = &g.cohorts[i]
	}
	if now >= c.noticeAt {
		c.noticeAt = never
		if g.spec.CapacityRebalance {
			c.booked = false
		}
		sim.rescue(g, c.n, now)
	}
	if now >= c.killAt {
		c.life, c.goneAt = ghost, c.killAt+g.clock.replacement
		if !c.booked || now >= c.goneAt {
			c.n = 0
		}
	}
}

// replaceUnhealthy takes as much of a cohort as may be replaced in this interval:
// 10 % of the desired capacity, at least one
// (https://docs.aws.amazon.com/autoscaling/ec2/userguide/health-checks-overview.html).
// The rest waits for the next one.
func (g *group) replaceUnhealthy(i, now int) {
	if interval := now / g.clock.unhealthy; interval != g.replacedIn {
		g.replaced, g.replacedIn = 0, interval
	}
	c := g.cohorts[i]
	k := max(0, min(c.n, max(1, g.desired/10)-g.replaced)) // fewer may be allowed than have been
	g.replaced += k
	g.cohorts[i].n -= k
	g.cohorts[i].failAt = now + 1
	if k > 0 {
		c.n = k
		g.terminate(c, now)
	}
}

// compact drops what is empty, merges what has matured into its pool as long
// as nothing older in the pool has not, and finds the next event.
func (g *group) compact() {
	kept, next := g.cohorts[:0], never
	young := uint64(0) // pools with an older cohort that stays
	for i := range g.cohorts {
		c := g.cohorts[i]
		if c.n == 0 {
			continue
		}
		bit := uint64(1) << (c.pool & 63)
		if c.mature() && young&bit == 0 {
			g.pools[c.pool].mature += c.n
			continue
		}
		if c.life == alive {
			young |= bit
		}
		next = min(next, c.next())
		kept = append(kept, c)
	}
	g.cohorts, g.next = kept, next
}

// terminate begins the end of a cohort that is not counted.
func (g *group) terminate(c cohort, now int) {
	end := now + g.t.terminateHook + g.clock.termination
	if c.in {
		end += g.t.deregistration
	}
	c.life, c.booked = terminating, false
	c.quietAt, c.endAt = min(now+g.clock.lag, end), end
	c.serving = c.ready && c.quietAt > now
	c.noticeAt, c.killAt = never, never
	if end > now {
		g.add(c)
	} else {
		g.changed = true
		g.activityEnd = now
	}
}

// reconcile launches and terminates until the group has its desired capacity.
func (g *group) reconcile(now int, sim *Simulator) {
	if g.released > 0 && g.pending == 0 && g.books >= g.desired {
		g.finishRebalance(now)
	}
	if g.books < g.desired && now >= g.retryAt {
		g.launch(g.desired-g.books, now, sim)
	}
	if g.books > g.desired {
		g.shrink(g.books-g.desired, now)
	}
}

// finishRebalance ends the instances whose replacements are InService.
func (g *group) finishRebalance(now int) {
	for i, end := 0, len(g.cohorts); i < end; i++ {
		if c := g.cohorts[i]; c.n > 0 && c.life == doomed && !c.booked {
			g.count(&c, -1)
			g.cohorts[i].n = 0
			g.terminate(c, now)
		}
	}
}

// shrink removes capacity: what is gone already, then living instances in the
// order of the termination policy, then those that EC2 takes anyway.
func (g *group) shrink(n, now int) {
	for i := range g.cohorts {
		if c := &g.cohorts[i]; n > 0 && c.n > 0 && c.life == ghost {
			k := min(n, c.n)
			gone := *c
			gone.n = k
			g.count(&gone, -1)
			c.n -= k
			n -= k
		}
	}
	for n > 0 {
		p, k := g.surplus(n)
		if k == 0 {
			break
		}
		for _, c := range g.oldest(p, k) {
			g.terminate(c, now)
		}
		n -= k
	}
	for i, end := 0, len(g.cohorts); i < end && n > 0; i++ {
		if c := g.cohorts[i]; c.n > 0 && c.life == doomed && c.booked {
			c.n = min(n, c.n)
			g.count(&c, -1)
			g.cohorts[i].n -= c.n
			n -= c.n
			c.booked = false
			g.add(c)
		}
	}
}

// surplus is the pool that loses instances next, and how many of n: on-demand
// as far as there are more than the distribution wants, else spot; of its types
// the least preferred. 0: none lives.
func (g *group) surplus(n int) (pool, k int) {
	if over := g.onDemand() - g.onDemandTarget(g.desired); over > 0 {
		if pool, k = g.last(0, min(n, over)); k > 0 {
			return pool, k
		}
	}
	if pool, k = g.last(1, n); k > 0 {
		return pool, k
	}
	return g.last(0, n)
}

// last is the least preferred pool of a purchase option that has instances.
func (g *group) last(spot, n int) (pool, k int) {
	for t := len(g.types) - 1; t >= 0; t-- {
		if p := 2*t + spot; g.pools[p].alive > 0 {
			return p, min(n, g.pools[p].alive)
		}
	}
	return 0, 0
}

// onDemand counts living on-demand instances.
func (g *group) onDemand() int {
	n := 0
	for p := 0; p < len(g.pools); p += 2 {
		n += g.pools[p].alive
	}
	return n
}
