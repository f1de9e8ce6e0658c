package simulate

import "math"

// onDemandTarget is how many of a capacity are on-demand: the base, and the
// percentage of what is above, fractions in favour of on-demand
// (https://docs.aws.amazon.com/autoscaling/ec2/userguide/mixed-instances-groups-set-up-overview.html).
func (g *group) onDemandTarget(capacity int) int {
	above := max(0, capacity-g.spec.OnDemandBase)
	return min(capacity, g.spec.OnDemandBase+int(math.Ceil(float64(above)*g.spec.OnDemandPercent/100)))
}

// launch starts n instances, or fewer where there is no capacity: on-demand ones
// as far as they are wanted, then spot.
func (g *group) launch(n, now int, sim *Simulator) {
	g.starved = false
	onDemand := max(0, min(n, g.onDemandTarget(g.desired)-g.onDemand()))
	for spot, k := range [2]int{onDemand, n - onDemand} {
		if now < g.retryAt[spot] {
			g.starved = g.starved || k > 0
			continue
		}
		for ; k > 0; k-- {
			t := sim.available(g, spot == 1, now)
			if t < 0 {
				g.lack(spot, now, sim)
				break
			}
			g.start(2*t+spot, now)
		}
	}
}

// lack puts launches of a purchase option off, and but for a choice those of the
// other one with it.
func (g *group) lack(spot, now int, sim *Simulator) {
	g.starved, g.retryAt[spot] = true, now+g.clock.retry
	if !g.model.OptionsLaunchApart {
		g.retryAt[1-spot] = g.retryAt[spot]
	}
	sim.note(g, now, ByNoCapacity)
}

// start launches one instance: its times are drawn from the number of its launch.
func (g *group) start(pool, now int) {
	d := g.stream.at(g.launches)
	g.launches++
	boot := g.clock.bootMedian*math.Exp(g.clock.bootSpread*d.normal()) + g.spec.LaunchHook.Seconds()
	setup := g.clock.setupMedian * math.Exp(g.clock.setupSpread*d.normal())
	in := now + g.clock.round(boot)
	warmup := g.t.warmup
	if g.resizedAt == now || g.model.PolicyWarmupStays && g.resizedAt >= 0 {
		warmup = g.policyWarmup
	}
	c := cohort{n: 1, pool: pool, booked: true, born: now, inAt: in, readyAt: now + g.clock.round(boot+setup),
		warmAt: in + warmup, failAt: never, noticeAt: never, killAt: never}
	if fail := in + g.t.grace; g.spec.LoadBalancerHealth && fail < c.readyAt {
		c.failAt = fail
	}
	if in == now {
		c.in, c.ready, c.warm = true, c.readyAt <= now, c.warmAt <= now
		g.activityEnd = now
	}
	g.add(c)
}

// fill puts n instances into the group that have been there for long.
func (g *group) fill(n int) {
	for range n {
		pool := 2*g.first + 1
		if g.onDemand() < g.onDemandTarget(n) {
			pool = 0
		}
		g.add(cohort{n: 1, pool: pool, booked: true, in: true, ready: true, warm: true, failAt: never, noticeAt: never, killAt: never})
	}
}
