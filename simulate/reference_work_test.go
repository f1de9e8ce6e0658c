package simulate_test

import (
	"math"
	"slices"
	"time"

	"github.com/tandem-iac/tandem/simulate"
)

// balance launches and terminates until a group has what it wants.
func (r *reference) balance(g *refGroup, now int) {
	for _, m := range g.byMark() {
		leftover := !m.member && !m.taken && !m.leaving
		if leftover && r.hasReplaced(g, now) {
			r.terminate(g, m, now)
		}
	}
	if wanted := g.desired - g.members(); wanted > 0 && (now >= g.retryAt[false] || now >= g.retryAt[true]) {
		onDemand := max(0, min(wanted, g.onDemandOf(g.desired)-g.count(isOnDemand)))
		g.starved = false
		r.launchAll(g, false, onDemand, now)
		r.launchAll(g, true, wanted-onDemand, now)
	}
	for g.members() > g.desired {
		r.remove(g, now)
	}
	if !r.s.Model.PolicyWarmupStays {
		g.warmup = r.steps(g.defaultWarmup())
	}
}

// launchAll starts n instances of a purchase option until one finds no capacity.
func (r *reference) launchAll(g *refGroup, spot bool, n, now int) {
	for range n {
		if now < g.retryAt[spot] || !r.launch(g, spot, now) {
			g.starved = true
			return
		}
	}
}

// hasReplaced tells whether so many are InService that one of those that were
// replaced can go.
func (r *reference) hasReplaced(g *refGroup, now int) bool {
	return g.count(func(m *machine) bool {
		return m.in(now) && m.member || m.marked && !m.member && !m.taken && !m.leaving
	}) > g.desired
}

// byMark are the instances that EC2 takes, those that were marked first first.
func (g *refGroup) byMark() []*machine {
	var marked []*machine
	for _, m := range g.machines {
		if m.marked {
			marked = append(marked, m)
		}
	}
	slices.SortFunc(marked, func(a, b *machine) int { return a.markedAs - b.markedAs })
	return marked
}

// launch starts an instance, or says that there is no capacity.
func (r *reference) launch(g *refGroup, spot bool, now int) bool {
	ranks := r.preference(g)
	if !spot {
		slices.Sort(ranks)
	}
	for _, rank := range ranks {
		t := g.spec.Types[rank]
		if spot && r.prices[t.Name] > g.bid(t) || r.outage(t.Name, spot, now) {
			continue
		}
		boot, setup := simulate.LaunchTimes(r.s.Seed, g.spec.Name, g.launches, r.s.Model)
		g.launches++
		boot += g.spec.LaunchHook.Seconds()
		in := now + r.rounded(boot)
		m := &machine{kind: t, rank: rank, spot: spot, launchedAt: now, member: true, inAt: in, readyAt: now + r.rounded(boot+setup),
			warmAt: in + g.warmup, failAt: eternity, noticeAt: eternity, killAt: eternity}
		if fail := in + r.steps(g.spec.GracePeriod+r.s.Model.HealthCheckTime); g.spec.LoadBalancerHealth && fail < m.readyAt {
			m.failAt = fail
		}
		if in == now {
			m.announcedIn = true
			g.activityEnd = now
		}
		g.machines = append(g.machines, m)
		return true
	}
	g.retryAt[spot] = now + max(1, r.steps(r.s.Model.LaunchRetry))
	if !r.s.Model.OptionsLaunchApart {
		g.retryAt[!spot] = g.retryAt[spot]
	}
	r.note(g, now, simulate.ByNoCapacity, g.desired, nil)
	return false
}

func (r *reference) rounded(seconds float64) int {
	return int(math.Min(seconds/r.step.Seconds()+0.5, 1e12))
}

func (r *reference) outage(name string, spot bool, now int) bool {
	for _, o := range r.s.Market.Outages {
		if (o.Type == "" || o.Type == name) && (spot || o.OnDemand) && now >= r.steps(o.From) && now < r.steps(o.Until) {
			return true
		}
	}
	return false
}

// remove takes one member away: one that is gone already, else a living one,
// else one that EC2 takes anyway; or that one first.
func (r *reference) remove(g *refGroup, now int) {
	for _, m := range g.byMark() {
		if m.taken && m.member {
			m.member = false
			return
		}
	}
	doomed := func() bool {
		for _, m := range g.byMark() {
			if m.member {
				m.member = false
				return true
			}
		}
		return false
	}
	if r.s.Model.ScaleInMarkedFirst && doomed() {
		return
	}
	var best *machine
	for _, m := range g.machines {
		if m.living() && (best == nil || r.sooner(g, m, best, now)) {
			best = m
		}
	}
	if best != nil {
		r.terminate(g, best, now)
		return
	}
	doomed()
}

// sooner tells whether scale-in takes a, the younger, before b.
func (r *reference) sooner(g *refGroup, a, b *machine, now int) bool {
	if a.spot != b.spot {
		spotFirst := r.s.Model.ScaleInSpotFirst || g.count(isOnDemand) <= g.onDemandOf(g.desired)
		return a.spot == spotFirst
	}
	if a.rank != b.rank {
		if pa, pb := r.prices[a.kind.Name], r.prices[b.kind.Name]; a.spot && r.s.Model.CheapestSpotFirst && pa != pb {
			return pa > pb
		}
		return a.rank > b.rank
	}
	hour := r.steps(time.Hour)
	switch r.s.Model.ScaleInOrder {
	case simulate.NewestFirst:
		return true
	case simulate.ClosestToHour:
		return (now-a.launchedAt)%hour > (now-b.launchedAt)%hour
	}
	return false
}

// work serves one step and writes down what there is to see.
func (r *reference) work(now int, demand float64) {
	seconds := r.step.Seconds()
	offered := demand
	if r.backlog > 0 {
		offered += r.backlog / seconds
	}
	var sizes []float64
	bySize := map[float64]int{}
	for _, g := range r.groups {
		for _, t := range g.spec.Types {
			if !slices.Contains(sizes, t.VCPUs) {
				sizes = append(sizes, t.VCPUs)
			}
		}
		for _, m := range g.machines {
			if m.runs() && m.serves(now) {
				bySize[m.kind.VCPUs]++
			}
		}
	}
	total, capacity, smallest := 0, 0.0, 0.0
	for _, v := range sizes {
		total += bySize[v]
		capacity += float64(bySize[v]) * v
		if bySize[v] > 0 && (smallest == 0 || v < smallest) {
			smallest = v
		}
	}
	served := 0.0
	over := total == 0 && offered > 0
	share := func(vcpus float64) float64 {
		if r.s.Model.ShareByCores {
			return offered / capacity * vcpus
		}
		return offered / float64(total)
	}
	r.share = func(t simulate.InstanceType) float64 { return share(t.VCPUs) }
	if total > 0 {
		over = share(smallest) > smallest*(r.s.Model.ObjectiveCPU/100)
		if served = offered; share(smallest) > smallest {
			served = 0
			for _, v := range sizes {
				served += float64(bySize[v]) * math.Min(share(v), v)
			}
		}
	}
	rest := math.Max(0, offered-served) * seconds
	r.backlog = math.Min(rest, r.s.Model.Queue.Seconds()*capacity)
	rest -= r.backlog
	s := &r.out.Summary
	s.Demand += demand * seconds
	s.Served += served * seconds
	s.Unserved += rest
	if over {
		s.OverObjective += r.step
	}
	r.out.Series.Demand = append(r.out.Series.Demand, demand)
	r.out.Series.Capacity = append(r.out.Series.Capacity, capacity)
	r.out.Series.Unserved = append(r.out.Series.Unserved, rest/seconds)
	for i, g := range r.groups {
		r.observe(g, now, &r.out.Series.Groups[i])
	}
}

func (r *reference) cpuOf(m *machine) int {
	return min(1_000_000, int(r.share(m.kind)/m.kind.VCPUs*1_000_000+0.5))
}

// sampleOf is what an instance adds to its group's metric, if anything.
func (r *reference) sampleOf(m *machine, now int) (sample, bool) {
	switch {
	case m.leaving && r.s.Model.TerminatingMeasured && m.wasWarm && m.serves(now):
		return sample{m.rank, r.cpuOf(m)}, true
	case m.leaving && r.s.Model.TerminatingMeasured && m.wasWarm:
		return sample{-2, 0}, true
	case !m.in(now) || !m.warm(now):
		return sample{}, false
	case m.ready(now):
		return sample{m.rank, r.cpuOf(m)}, true
	}
	return sample{-1, int(r.s.Model.SetupCPU*10_000 + 0.5)}, true
}

// observe publishes a group's CPU and writes its series.
func (r *reference) observe(g *refGroup, now int, out *simulate.GroupSeries) {
	minute := now / int(time.Minute/r.step)
	for len(g.samples) <= minute {
		g.samples = append(g.samples, nil)
	}
	hours, spot, cpu, serving := r.step.Hours(), 0, 0, 0
	for _, m := range g.machines {
		if !m.runs() {
			continue
		}
		if m.spot {
			g.spotSteps++
			g.cost += r.prices[m.kind.Name] * hours
		} else {
			g.onDemandSteps++
			g.cost += m.kind.OnDemandPrice * hours
		}
		if m.serves(now) {
			serving++
			cpu += r.cpuOf(m)
			if m.spot {
				spot++
			}
		}
		if s, published := r.sampleOf(m, now); published {
			g.samples[minute] = append(g.samples[minute], s)
		}
	}
	if g.waiting && serving >= g.waitFor {
		g.waiting = false
		g.waits = append(g.waits, now-g.waitSince)
	}
	mean := math.NaN()
	if serving > 0 {
		mean = float64(cpu) / float64(serving) / 1_000_000 * 100
	}
	g.inService = append(g.inService, serving)
	out.Desired = append(out.Desired, int32(g.desired))
	out.InService = append(out.InService, int32(serving))
	out.Pending = append(out.Pending, int32(g.pending(now)))
	out.Spot = append(out.Spot, int32(spot))
	out.CPU = append(out.CPU, mean)
	out.SpotPrice = append(out.SpotPrice, r.prices[g.spec.Types[0].Name])
	for k, a := range g.alarms {
		if len(out.Alarms) <= k {
			out.Alarms = append(out.Alarms, simulate.AlarmSeries{Name: a.spec.Name, Policy: a.policy.Name})
		}
		out.Alarms[k].State = append(out.Alarms[k].State, a.state)
	}
	g.machines = slices.DeleteFunc(g.machines, func(m *machine) bool { return !m.runs() && !m.member })
}

func (r *reference) sumUp(total int) {
	s := &r.out.Summary
	s.Duration = time.Duration(total) * r.step
	s.Unserved += r.backlog
	waits, waited := 0, 0
	for _, g := range r.groups {
		hours := r.step.Hours()
		sum := 0
		for _, n := range g.inService {
			sum += n
		}
		r.out.Groups = append(r.out.Groups, simulate.GroupSummary{Name: g.spec.Name,
			OnDemandHours: float64(g.onDemandSteps) * hours, SpotHours: float64(g.spotSteps) * hours, Cost: g.cost,
			MinInService: slices.Min(g.inService), MaxInService: slices.Max(g.inService),
			MeanInService: float64(sum) / float64(total), ScaleOuts: g.outs, ScaleIns: g.ins, Reclaims: g.taken})
		s.ScaleOuts += g.outs
		s.ScaleIns += g.ins
		s.Flaps += g.flaps
		s.Reclaims += g.taken
		s.Cost += g.cost
		s.InstanceHours += float64(g.onDemandSteps+g.spotSteps) * hours
		for _, w := range g.waits {
			waits++
			waited += w
			s.BreachToCapacity = max(s.BreachToCapacity, time.Duration(w)*r.step)
		}
	}
	if waits > 0 {
		s.MeanBreachToCapacity = time.Duration(waited) * r.step / time.Duration(waits)
	}
}
