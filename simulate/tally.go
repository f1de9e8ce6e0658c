package simulate

// tally is what a group's summary is made of.
type tally struct {
	outs, ins, flaps, reclaims int
	turn, turnedAt             int // direction and step of the last change

	since         int // the step up to which instances are accrued
	serving       int // since then
	servingSteps  int
	fewest, most  int
	waiting       bool // for capacity that an alarm asked for
	breachedAt    int
	awaited       int // capacity
	waits, waited int // how often, steps in all
	longest       int
}

// resized counts a change of the desired capacity.
func (t *tally) resized(g *group, to, now int) {
	turn := 1
	if to > g.desired {
		t.outs++
	} else {
		t.ins++
		turn = -1
	}
	if t.turn == -turn && now-t.turnedAt <= g.clock.flap {
		t.flaps++
	}
	t.turn, t.turnedAt = turn, now
	if t.waiting && to < t.awaited {
		t.waiting = false
	}
}

// await starts to measure, or goes on with more to wait for.
func (t *tally) await(g *group, to, now int, by *alarm) {
	if to <= g.desired {
		return
	}
	if !t.waiting {
		t.waiting, t.breachedAt = true, now
		if by.breachedSince >= 0 {
			t.breachedAt = by.breachedSince * g.clock.perMinute
		}
	}
	t.awaited = to
}

// settle follows the number of instances in service.
func (t *tally) settle(now int) {
	if now == 0 {
		t.fewest, t.most = t.serving, t.serving
	}
	t.fewest, t.most = min(t.fewest, t.serving), max(t.most, t.serving)
	if t.waiting && t.serving >= t.awaited {
		t.waiting = false
		t.waits++
		t.waited += now - t.breachedAt
		t.longest = max(t.longest, now-t.breachedAt)
	}
}

// accrue adds what ran and served until now.
func (g *group) accrue(now int) {
	t := &g.tally
	span := now - t.since
	t.since = now
	t.servingSteps += t.serving * span
	t.serving = 0
	for i := range g.types {
		t.serving += g.types[i].serving
	}
	for i := range g.pools {
		p := &g.pools[i]
		p.unpriced += p.billedBefore * span
		p.billedBefore = p.billed
	}
}

// settle closes the accounts of a type before its spot price changes.
func (sim *Simulator) settle(t, now int) {
	m := &sim.market.types[t]
	m.paid += m.price * float64(now-m.pricedAt)
	m.pricedAt = now
	for i := range sim.groups {
		g := &sim.groups[i]
		for k := range g.types {
			if g.types[k].market == t {
				g.accrue(now)
				g.changed = true
				g.pools[2*k+1].charge(m.price)
			}
		}
	}
}

// charge adds what is not priced yet; price is for a step.
func (p *pool) charge(price float64) {
	p.cost += float64(p.unpriced) * price
	p.steps += p.unpriced
	p.unpriced = 0
}
