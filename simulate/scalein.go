package simulate

// reconcile launches and terminates until the group has its desired capacity.
func (g *group) reconcile(now int, sim *Simulator) {
	if extra := g.books - g.pending - g.ghosts + g.released - g.desired; g.released > 0 && extra > 0 {
		g.finishRebalance(min(extra, g.released), now)
	}
	if g.books < g.desired && now >= min(g.retryAt[0], g.retryAt[1]) {
		g.launch(g.desired-g.books, now, sim)
	}
	if g.books > g.desired {
		g.shrink(g.books-g.desired, now, sim)
	}
}

// finishRebalance ends n instances whose replacements are InService, those that
// were marked first: each of them when a new one is, and none before the group
// has what it wants.
// https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-capacity-rebalancing.html
func (g *group) finishRebalance(n, now int) {
	for i, end := 0, len(g.cohorts); i < end && n > 0; i++ {
		if c := g.cohorts[i]; c.n > 0 && c.life == doomed && !c.booked {
			c.n = min(n, c.n)
			g.count(&c, -1)
			g.cohorts[i].n -= c.n
			n -= c.n
			g.terminate(c, now)
		}
	}
}

// shrink removes capacity: what is gone already, then living instances in the
// order of the termination policy, then those that EC2 takes anyway, or these first.
func (g *group) shrink(n, now int, sim *Simulator) {
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
	if g.model.ScaleInMarkedFirst {
		n = g.giveUp(n)
	}
	for n > 0 {
		p, k := g.surplus(n, sim)
		if k == 0 {
			break
		}
		for _, c := range g.leaving(p, k, now) {
			g.terminate(c, now)
		}
		n -= k
	}
	g.giveUp(n)
}

// giveUp no longer counts as many as n of the instances that EC2 takes, those that
// were marked first, and returns what is left of n.
func (g *group) giveUp(n int) int {
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
	return n
}

// leaving takes n living instances out of a pool, in the order of scale-in.
func (g *group) leaving(pool, n, now int) []cohort {
	switch g.model.ScaleInOrder {
	case NewestFirst:
		return g.newest(pool, n)
	case ClosestToHour:
		return g.closestToHour(pool, n, now)
	}
	return g.oldest(pool, n)
}

// surplus is the pool that loses instances next, and how many of n: on-demand
// as far as there are more than the distribution wants, else spot; of its types
// the least preferred. 0: none lives.
func (g *group) surplus(n int, sim *Simulator) (pool, k int) {
	if over := g.onDemand() - g.onDemandTarget(g.desired); over > 0 && !g.model.ScaleInSpotFirst {
		if pool, k = g.last(min(n, over)); k > 0 {
			return pool, k
		}
	}
	if pool, k = g.lastSpot(n, sim); k > 0 {
		return pool, k
	}
	return g.last(n)
}

// last is the least preferred on-demand pool that has instances.
func (g *group) last(n int) (pool, k int) {
	for t := len(g.types) - 1; t >= 0; t-- {
		if p := 2 * t; g.pools[p].alive > 0 {
			return p, min(n, g.pools[p].alive)
		}
	}
	return 0, 0
}

// lastSpot is the same of spot; by choice the dearest.
func (g *group) lastSpot(n int, sim *Simulator) (pool, k int) {
	dearest := -1.0
	for t := len(g.types) - 1; t >= 0; t-- {
		alive := g.pools[2*t+1].alive
		if price := sim.market.types[g.types[t].market].price; alive > 0 && price > dearest {
			pool, k, dearest = 2*t+1, min(n, alive), price
			if !g.model.CheapestSpotFirst {
				break
			}
		}
	}
	return pool, k
}

// onDemand counts living on-demand instances.
func (g *group) onDemand() int {
	n := 0
	for p := 0; p < len(g.pools); p += 2 {
		n += g.pools[p].alive
	}
	return n
}
