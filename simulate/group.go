package simulate

// group is an Auto Scaling group in motion.
type group struct {
	spec   *Group
	clock  *clock
	model  *Model
	index  int
	stream draws
	// rescuer is the index of the group that RescuedBy names, or -1.
	rescuer int

	desired  int
	launches int // how many so far: the number of the next draw
	// retryAt is when each purchase option, on-demand and spot, is launched again
	// after it found no capacity.
	retryAt [2]int
	starved bool
	// activityEnd is when the last launch or termination ended.
	activityEnd int
	// policyWarmup is the warm-up of what is launched in step resizedAt, by a
	// step policy.
	policyWarmup, resizedAt int
	replaced                int // unhealthy instances replaced in the interval replacedIn
	replacedIn              int

	// first is the type that a spot instance is of as long as nothing is lacking.
	first   int
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
		if c.mature() && young&bit == 0 && g.model.ScaleInOrder != ClosestToHour {
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
