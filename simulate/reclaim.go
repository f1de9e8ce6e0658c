package simulate

import (
	"cmp"
	"slices"
	"time"
)

// market is what is to come from the Market.
type market struct {
	spec  *Market
	types []spotType
	share float64

	reclaims, prices int // next of the spec's
	next             int // first step with an event
}

// spotType is an instance type anywhere in the cluster.
type spotType struct {
	name  string
	price float64
	// pricedAt is since when; paid what an instance would have cost until then,
	// in USD times steps by the hour.
	pricedAt int
	paid     float64
	// draws and due are those of reclaims at the rate; due in steps, infinite
	// where there are none.
	draws draws
	due   float64
	gap   float64 // mean steps between two
}

func (m *market) reset(sim *Simulator, s *Scenario) {
	c := &sim.clock
	*m = market{spec: &s.Market, types: m.types[:0], share: s.Model.ReclaimShare}
	for i := range s.Cluster.Groups {
		for _, t := range s.Cluster.Groups[i].Types {
			if m.find(t.Name) < 0 {
				m.types = append(m.types, spotType{name: t.Name, price: t.SpotPrice})
			}
		}
	}
	for i := range m.types {
		t := &m.types[i]
		t.due = never
		if m.spec.ReclaimRate > 0 {
			t.draws = stream(s.Seed, t.name)
			t.gap = m.share / m.spec.ReclaimRate * float64(time.Hour) / float64(c.step)
			t.due = t.gap * t.draws.exponential()
		}
	}
}

func (m *market) find(name string) int {
	return slices.IndexFunc(m.types, func(t spotType) bool { return t.name == name })
}

// marked is when a reclaim of the spec is known: at the recommendation.
func (m *market) marked(r *Reclaim, c *clock) int { return max(0, c.steps(r.At)-c.lead) }

// plan finds the next event.
func (m *market) plan(c *clock) {
	m.next = never
	if m.prices < len(m.spec.Prices) {
		m.next = c.steps(m.spec.Prices[m.prices].At)
	}
	if m.reclaims < len(m.spec.Reclaims) {
		m.next = min(m.next, m.marked(&m.spec.Reclaims[m.reclaims], c))
	}
	for i := range m.types {
		if m.types[i].due < 1e12 {
			m.next = min(m.next, int(m.types[i].due))
		}
	}
}

// advance applies what is due: prices, then reclaims of the spec, then those at
// the rate, type by type.
func (m *market) advance(now int, sim *Simulator) {
	c := &sim.clock
	for ; m.prices < len(m.spec.Prices) && c.steps(m.spec.Prices[m.prices].At) <= now; m.prices++ {
		change := m.spec.Prices[m.prices]
		if t := m.find(change.Type); t >= 0 {
			sim.settle(t, now)
			m.types[t].price = change.Price
			sim.outbid(now)
		}
	}
	for ; m.reclaims < len(m.spec.Reclaims) && m.marked(&m.spec.Reclaims[m.reclaims], c) <= now; m.reclaims++ {
		r := m.spec.Reclaims[m.reclaims]
		for i := range m.types {
			if r.Type == "" || r.Type == m.types[i].name {
				sim.reclaim(i, r.Share, 0.5, now, max(now, c.steps(r.At)))
			}
		}
	}
	for i := range m.types {
		for t := &m.types[i]; t.due < float64(now+1); t.due += t.gap * t.draws.exponential() {
			sim.reclaim(i, m.share, t.draws.uniform(), now, now+c.lead)
		}
	}
	m.plan(c)
}

// reclaim marks a share of a type's spot instances in every group.
func (sim *Simulator) reclaim(t int, share, round float64, now, notice int) {
	for i := range sim.groups {
		g := &sim.groups[i]
		for k := range g.types {
			if g.types[k].market == t {
				n := g.pools[2*k+1].alive
				sim.doom(g, 2*k+1, min(n, int(float64(n)*share+round)), now, notice)
			}
		}
	}
}

// outbid interrupts the spot instances whose price is above their group's bid.
func (sim *Simulator) outbid(now int) {
	for i := range sim.groups {
		g := &sim.groups[i]
		for k := range g.types {
			if sim.market.types[g.types[k].market].price > g.types[k].bid {
				sim.doom(g, 2*k+1, g.pools[2*k+1].alive, now, now)
			}
		}
	}
}

// doom marks n of a spot pool, the oldest or by choice the newest. With capacity rebalance as many are
// replaced at once as the group's maximum and its margin allow.
// https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-capacity-rebalancing.html
func (sim *Simulator) doom(g *group, pool, n, now, notice int) {
	if n == 0 {
		return
	}
	margin := 0
	if g.spec.CapacityRebalance {
		limit := g.spec.Max + max(g.model.RebalanceMargin, g.spec.Max/10)
		margin = max(0, limit-g.books-g.released)
	}
	g.tally.reclaims += n
	sim.note(g, now, ByReclaim)
	if min(margin, n) > 0 {
		sim.note(g, now, ByRebalance)
	}
	taken := g.oldest
	if g.model.ReclaimNewestFirst {
		taken = g.newest
	}
	for _, c := range taken(pool, n) {
		c.life, c.failAt = doomed, never
		c.noticeAt, c.killAt = notice, notice+sim.clock.notice
		if replaced := c; margin > 0 {
			replaced.n = min(margin, c.n)
			replaced.booked = false
			margin -= replaced.n
			c.n -= replaced.n
			g.add(replaced)
		}
		if c.n > 0 {
			g.add(c)
		}
	}
}

// rescue gives the group that rescues g an instance more for each notice,
// whatever its cooldown.
func (sim *Simulator) rescue(g *group, n, now int) {
	if g.rescuer < 0 {
		return
	}
	r := &sim.groups[g.rescuer]
	for n = min(n, r.spec.Max-r.desired); n > 0; n-- {
		sim.rescues++
		sim.resize(r, r.desired+1, now, ByRescue, nil)
	}
}

// available is the first type of a group that can be launched now, or of spot by
// choice the cheapest; -1 where there is none.
func (sim *Simulator) available(g *group, spot bool, now int) int {
	best := -1
	for k := range g.types {
		t := &sim.market.types[g.types[k].market]
		if spot && t.price > g.types[k].bid || sim.outage(t.name, spot, now) {
			continue
		}
		if !spot || !g.model.CheapestSpotFirst {
			return k
		}
		if best < 0 || t.price < sim.market.types[g.types[best].market].price {
			best = k
		}
	}
	return best
}

func (sim *Simulator) outage(name string, spot bool, now int) bool {
	for _, o := range sim.market.spec.Outages {
		if (spot || o.OnDemand) && (o.Type == "" || o.Type == name) &&
			sim.clock.steps(o.From) <= now && now < sim.clock.steps(o.Until) {
			return true
		}
	}
	return false
}

// byTime tells whether events are in order.
func byTime[T any](events []T, at func(T) time.Duration) bool {
	return slices.IsSortedFunc(events, func(a, b T) int { return cmp.Compare(at(a), at(b)) })
}
