package simulate

import "math"

// never is a step that no run reaches.
const never = math.MaxInt

// life is where an instance is between launch and end.
type life uint8

const (
	alive       life = iota
	doomed           // marked by a reclaim, still running
	ghost            // taken back, its group has not noticed yet
	terminating      // on its way out by the group's own will
)

// cohort is instances of one pool that share every time. Those that have no
// event to come are only counted, in pool.mature.
type cohort struct {
	n, pool                  int
	life                     life
	in, ready, warm          bool // InService, serves requests, past its warm-up
	booked                   bool // counts towards the group's capacity
	born                     int  // step of the launch
	inAt, readyAt, warmAt    int
	failAt                   int // found unhealthy, unless ready before
	noticeAt, killAt, goneAt int
	serving                  bool // terminating, and still getting requests
	quietAt, endAt           int  // terminating: the last request, the end
}

// pool is a group's instances of one type and purchase option: 2*type, and one
// more for spot.
type pool struct {
	mature int // alive, booked, in, ready, warm; older than all in cohorts
	alive  int // mature and those in cohorts
	billed int // everything that runs

	billedBefore int // since the last accrual
	unpriced     int // instance-steps since the last price change
	steps        int // instance-steps
	cost         float64
}

// count adds (sign 1) or removes (sign -1) what a cohort contributes.
func (g *group) count(c *cohort, sign int) {
	k, t := sign*c.n, c.pool>>1
	g.changed = true
	if c.life == ghost {
		g.books += k
		g.ghosts += k
		return
	}
	p := &g.pools[c.pool]
	p.billed += k
	if c.life == terminating {
		g.terminating += k
		if c.serving {
			g.serve(c.pool, k)
		}
		if c.warm && g.clock.terminatingMeasured {
			if c.serving {
				g.types[t].measured += k
			} else {
				g.types[t].idle += k
			}
		}
		return
	}
	if c.booked {
		g.books += k
		if !c.in {
			g.pending += k
		}
		if !c.warm {
			g.notWarm += k
		}
	} else {
		g.released += k
	}
	if c.life == alive {
		p.alive += k
	}
	if c.ready {
		g.serve(c.pool, k)
	}
	if c.warm {
		if c.ready {
			g.types[t].measured += k
		} else {
			g.types[t].settingUp += k
		}
	}
}

// serve counts instances that get requests.
func (g *group) serve(pool, k int) {
	t := &g.types[pool>>1]
	t.serving += k
	t.spot += k * (pool & 1)
}

// add puts a cohort that is not counted yet into the group.
func (g *group) add(c cohort) {
	g.count(&c, 1)
	if last := len(g.cohorts) - 1; last >= 0 {
		if same := c; g.cohorts[last].n > 0 {
			same.n = g.cohorts[last].n
			if same == g.cohorts[last] {
				g.cohorts[last].n += c.n
				g.next = min(g.next, c.next())
				return
			}
		}
	}
	g.cohorts = append(g.cohorts, c)
	g.next = min(g.next, c.next())
}

// next is when the cohort changes of itself.
func (c *cohort) next() int {
	switch c.life {
	case ghost:
		return c.goneAt
	case terminating:
		if c.serving {
			return min(c.quietAt, c.endAt)
		}
		return c.endAt
	}
	n := min(c.noticeAt, c.killAt)
	if !c.in {
		n = min(n, c.inAt)
	}
	if !c.warm {
		n = min(n, c.warmAt)
	}
	if !c.ready {
		n = min(n, c.readyAt, c.failAt)
	}
	return n
}

// mature tells that nothing will change of itself.
func (c *cohort) mature() bool {
	return c.life == alive && c.booked && c.in && c.ready && c.warm
}

// oldest takes the n oldest living instances out of a pool and returns them, not
// counted, cohort by cohort. The slice is good until the next call.
func (g *group) oldest(pool, n int) []cohort {
	g.taken = g.taken[:0]
	n -= g.takeMature(pool, n)
	for i, end := 0, len(g.cohorts); i < end && n > 0; i++ {
		n -= g.take(i, pool, n)
	}
	return g.taken
}

// newest is oldest the other way round.
func (g *group) newest(pool, n int) []cohort {
	g.taken = g.taken[:0]
	for i := len(g.cohorts) - 1; i >= 0 && n > 0; i-- {
		n -= g.take(i, pool, n)
	}
	g.takeMature(pool, n)
	return g.taken
}

// closestToHour takes those out that end an hour since their launch next, of
// several the oldest. Nothing is mature then, as ages have to be known.
func (g *group) closestToHour(pool, n, now int) []cohort {
	g.taken = g.taken[:0]
	for n > 0 {
		best, most := -1, -1
		for i := range g.cohorts {
			c := &g.cohorts[i]
			if past := (now - c.born) % g.clock.hour; c.n > 0 && c.pool == pool && c.life == alive && past > most {
				best, most = i, past
			}
		}
		if best < 0 {
			break
		}
		n -= g.take(best, pool, n)
	}
	return g.taken
}

// take moves as many as n living instances of a pool from the i-th cohort to
// taken, not counted, and returns how many.
func (g *group) take(i, pool, n int) int {
	c := &g.cohorts[i]
	if c.n == 0 || c.pool != pool || c.life != alive {
		return 0
	}
	taken := *c
	taken.n = min(n, c.n)
	g.count(&taken, -1)
	c.n -= taken.n
	g.taken = append(g.taken, taken)
	return taken.n
}

// takeMature does the same with instances that are only counted.
func (g *group) takeMature(pool, n int) int {
	k := min(n, g.pools[pool].mature)
	if k <= 0 {
		return 0
	}
	c := cohort{n: k, pool: pool, in: true, ready: true, warm: true, booked: true,
		inAt: 0, readyAt: 0, warmAt: 0, failAt: never, noticeAt: never, killAt: never}
	g.pools[pool].mature -= k
	g.count(&c, -1)
	g.taken = append(g.taken, c)
	return k
}
