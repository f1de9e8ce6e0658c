package simulate_test

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/tandem-iac/tandem/simulate"
)

// reference replays a scenario the slow and obvious way: one object an
// instance, whose state is asked of the clock in every step; every window of
// every alarm summed anew from single samples. It shares no code with the
// engine but the random draws.
type reference struct {
	s        simulate.Scenario
	step     time.Duration
	groups   []*refGroup
	prices   map[string]float64
	reclaims []refReclaim
	backlog  float64
	marks    int
	share    func(simulate.InstanceType) float64 // cores of an instance, in this step

	out simulate.Result
}

const eternity = math.MaxInt

// refReclaim is a reclaim of one type, known at one step, noticed at another.
type refReclaim struct {
	at, notice  int
	name        string
	share, draw float64
}

// machine is one instance.
type machine struct {
	kind                    simulate.InstanceType
	rank                    int // in the group's types
	spot                    bool
	launchedAt              int
	inAt, readyAt, warmAt   int
	failAt                  int
	member                  bool // counts towards the group's capacity
	marked                  bool // EC2 will take it
	markedAs                int  // number of the mark
	noticeAt, killAt        int
	leaving                 bool // the group terminates it
	wasWarm                 bool // when it began to leave
	lastRequestAt, endAt    int
	announcedIn, taken, end bool
}

func (m *machine) in(now int) bool    { return now >= m.inAt && !m.taken && !m.leaving }
func (m *machine) warm(now int) bool  { return now >= m.warmAt }
func (m *machine) ready(now int) bool { return now >= m.readyAt }
func (m *machine) serves(now int) bool {
	if m.leaving {
		return now < m.lastRequestAt
	}
	return !m.taken && m.ready(now)
}
func (m *machine) runs() bool   { return !m.taken && !m.end }
func (m *machine) living() bool { return m.member && !m.marked && !m.taken && !m.leaving }

type refGroup struct {
	spec        simulate.Group
	desired     int
	machines    []*machine // in the order of launch
	launches    int
	activityEnd int
	retryAt     map[bool]int // by whether it is spot
	starved     bool
	warmup      int
	replaced    map[int]int // unhealthy instances replaced, by interval
	samples     [][]sample  // by minute
	alarms      []*refAlarm

	turn, turnedAt, flaps    int
	outs, ins, taken         int
	waiting                  bool
	waitSince, waitFor       int
	waits                    []int
	cost                     float64
	onDemandSteps, spotSteps int
	inService                []int
}

// sample is the CPU of one instance in one step, in parts per million.
type sample struct{ class, cpu int }

type refAlarm struct {
	spec    simulate.Alarm
	policy  simulate.Policy
	watched *refGroup
	state   uint8
	end     int // of the newest period, in minutes
}

func newReference(s simulate.Scenario) *reference {
	r := &reference{s: s, step: s.Model.Step, prices: map[string]float64{}}
	for _, spec := range s.Cluster.Groups {
		for _, t := range spec.Types {
			r.prices[t.Name] = t.SpotPrice
		}
		g := &refGroup{spec: spec, desired: max(spec.Initial, spec.Min), activityEnd: -eternity / 2, replaced: map[int]int{}, retryAt: map[bool]int{}}
		g.warmup = r.steps(g.defaultWarmup())
		for range g.desired {
			old := &machine{spot: g.count(isOnDemand) >= g.onDemandOf(g.desired), member: true,
				inAt: -1, readyAt: -1, warmAt: -1, failAt: eternity, noticeAt: eternity, killAt: eternity, announcedIn: true}
			if old.spot {
				old.rank = r.preference(g)[0]
			}
			old.kind = spec.Types[old.rank]
			g.machines = append(g.machines, old)
		}
		r.groups = append(r.groups, g)
	}
	for i, spec := range s.Cluster.Groups {
		for _, p := range spec.Policies {
			for _, a := range p.Alarms {
				watched := r.groups[i]
				if a.Group != "" {
					watched = r.group(a.Group)
				}
				r.groups[i].alarms = append(r.groups[i].alarms, &refAlarm{spec: a, policy: p, watched: watched, state: 2})
			}
		}
	}
	r.collectReclaims()
	return r
}

// preference is the order in which a group's types are launched on spot.
func (r *reference) preference(g *refGroup) []int {
	ranks := make([]int, len(g.spec.Types))
	for rank := range ranks {
		ranks[rank] = rank
	}
	if r.s.Model.CheapestSpotFirst {
		slices.SortStableFunc(ranks, func(a, b int) int {
			return cmp.Compare(r.prices[g.spec.Types[a].Name], r.prices[g.spec.Types[b].Name])
		})
	}
	return ranks
}

func (r *reference) steps(d time.Duration) int { return int((d + r.step/2) / r.step) }

func (r *reference) group(name string) *refGroup {
	for _, g := range r.groups {
		if g.spec.Name == name {
			return g
		}
	}
	return nil
}

// typeNames are all types, the first mentioned first.
func (r *reference) typeNames() []string {
	var names []string
	for _, g := range r.groups {
		for _, t := range g.spec.Types {
			if !slices.Contains(names, t.Name) {
				names = append(names, t.Name)
			}
		}
	}
	return names
}

func (r *reference) collectReclaims() {
	m, lead := r.s.Market, r.steps(r.s.Model.RebalanceLead)
	for _, x := range m.Reclaims {
		for _, name := range r.typeNames() {
			if x.Type == "" || x.Type == name {
				at := max(0, r.steps(x.At)-lead)
				r.reclaims = append(r.reclaims, refReclaim{at, max(at, r.steps(x.At)), name, x.Share, 0.5})
			}
		}
	}
	share := r.s.Model.ReclaimShare
	total := int(r.s.Load.Duration() / r.step)
	for _, name := range r.typeNames() {
		for _, x := range simulate.RateReclaims(r.s.Seed, name, share/m.ReclaimRate, r.step, total) {
			r.reclaims = append(r.reclaims, refReclaim{x.At, x.At + lead, name, share, x.Draw})
		}
	}
}

func (g *refGroup) cooldown() time.Duration {
	if g.spec.Cooldown != nil {
		return *g.spec.Cooldown
	}
	return 300 * time.Second
}

func (g *refGroup) defaultWarmup() time.Duration {
	if g.spec.Warmup != nil {
		return *g.spec.Warmup
	}
	return g.cooldown()
}

func (g *refGroup) onDemandOf(capacity int) int {
	n := g.spec.OnDemandBase
	if capacity > n {
		n += int(math.Ceil(float64(capacity-n) * g.spec.OnDemandPercent / 100))
	}
	return min(n, capacity)
}

func (g *refGroup) bid(t simulate.InstanceType) float64 {
	if g.spec.Bid > 0 {
		return g.spec.Bid
	}
	return t.OnDemandPrice
}

func isOnDemand(m *machine) bool { return m.living() && !m.spot }

func (g *refGroup) count(what func(*machine) bool) int {
	n := 0
	for _, m := range g.machines {
		if what(m) {
			n++
		}
	}
	return n
}

// members are what the group believes it has.
func (g *refGroup) members() int {
	return g.count(func(m *machine) bool { return m.member })
}

func (g *refGroup) pending(now int) int {
	return g.count(func(m *machine) bool { return m.member && !m.taken && now < m.inAt })
}

// young are members that are launching or warming up.
func (g *refGroup) young(now int) int {
	return g.count(func(m *machine) bool { return m.member && !m.taken && !m.warm(now) })
}

// run goes through all steps.
func (r *reference) run() *simulate.Result {
	total := int(r.s.Load.Duration() / r.step)
	demand := make([]float64, total)
	r.s.Load.Fill(demand, 0, r.step)
	if r.s.Load.Unit() == simulate.RequestsPerSecond {
		for i := range demand {
			demand[i] *= r.s.Model.CPUPerRequest
		}
	}
	r.out.Series = &simulate.Series{Step: r.step}
	for _, g := range r.groups {
		r.out.Series.Groups = append(r.out.Series.Groups, simulate.GroupSeries{Name: g.spec.Name})
	}
	r.interruptForPrice(0)
	for now := range total {
		r.marketAt(now)
		for _, g := range r.groups {
			r.lifeOf(g, now)
		}
		if perMinute := int(time.Minute / r.step); now%perMinute == min(r.steps(r.s.Model.AlarmPhase), perMinute-1) {
			r.alarmsAt(now)
		}
		for _, g := range r.groups {
			r.balance(g, now)
		}
		r.work(now, demand[now])
	}
	r.sumUp(total)
	return &r.out
}

func (r *reference) marketAt(now int) {
	for _, p := range r.s.Market.Prices {
		if r.steps(p.At) == now {
			r.prices[p.Type] = p.Price
			r.interruptForPrice(now)
		}
	}
	for _, x := range r.reclaims {
		if x.at != now {
			continue
		}
		for _, g := range r.groups {
			for rank, t := range g.spec.Types {
				if t.Name == x.name {
					n := g.count(func(m *machine) bool { return m.living() && m.spot && m.rank == rank })
					r.mark(g, rank, min(n, int(float64(n)*x.share+x.draw)), now, x.notice)
				}
			}
		}
	}
}

func (r *reference) interruptForPrice(now int) {
	for _, g := range r.groups {
		for rank, t := range g.spec.Types {
			if r.prices[t.Name] > g.bid(t) {
				r.mark(g, rank, len(g.machines), now, now)
			}
		}
	}
}

// mark dooms n living spot instances of a type, the oldest or the newest.
func (r *reference) mark(g *refGroup, rank, n, now, notice int) {
	room := 0
	if g.spec.CapacityRebalance {
		extra := g.count(func(m *machine) bool { return m.marked && !m.member && m.runs() && !m.leaving })
		room = max(0, g.spec.Max+max(r.s.Model.RebalanceMargin, g.spec.Max/10)-g.members()-extra)
	}
	replaced, marked := 0, 0
	machines := slices.Clone(g.machines)
	if r.s.Model.ReclaimNewestFirst {
		slices.Reverse(machines)
	}
	for _, m := range machines {
		if marked == n || !m.living() || !m.spot || m.rank != rank {
			continue
		}
		marked++
		r.marks++
		m.markedAs = r.marks
		m.marked, m.noticeAt, m.killAt = true, notice, notice+r.steps(120*time.Second)
		if replaced < room {
			m.member = false
			replaced++
		}
	}
	g.taken += marked
	if marked > 0 {
		r.note(g, now, simulate.ByReclaim, g.desired, nil)
	}
	if replaced > 0 {
		r.note(g, now, simulate.ByRebalance, g.desired, nil)
	}
}

// lifeOf lets every instance of a group live up to now.
func (r *reference) lifeOf(g *refGroup, now int) {
	for _, m := range slices.Clone(g.machines) {
		if m.taken && now >= m.killAt+r.steps(r.s.Model.ReplacementDelay) {
			m.member = false
		}
		if m.end || m.taken {
			continue
		}
		if m.leaving {
			if now >= m.endAt {
				m.end = true
				g.activityEnd = now
			}
			continue
		}
		if !m.announcedIn && now >= m.inAt {
			m.announcedIn = true
			if m.member {
				g.activityEnd = now
			}
		}
		if !m.marked && !m.ready(now) && now >= m.failAt {
			r.replaceUnhealthy(g, m, now)
			continue
		}
		if m.marked && now == m.noticeAt {
			if g.spec.CapacityRebalance {
				m.member = false
			}
			r.rescue(g, now)
		}
		if m.marked && now == m.killAt {
			m.taken = true
			if r.steps(r.s.Model.ReplacementDelay) == 0 {
				m.member = false
			}
		}
	}
}

func (r *reference) replaceUnhealthy(g *refGroup, m *machine, now int) {
	interval := now / max(1, r.steps(r.s.Model.ReplacementInterval))
	if g.replaced[interval] < max(1, g.desired/10) && now >= m.failAt {
		g.replaced[interval]++
		r.terminate(g, m, now)
	}
}

func (r *reference) rescue(g *refGroup, now int) {
	if g.spec.RescuedBy == "" {
		return
	}
	other := r.group(g.spec.RescuedBy)
	if other.desired < other.spec.Max {
		r.out.Summary.Rescues++
		r.resize(other, other.desired+1, now, simulate.ByRescue, nil)
	}
}

func (r *reference) terminate(g *refGroup, m *machine, now int) {
	end := now + r.steps(g.spec.TerminateHook) + r.steps(r.s.Model.TerminationTime)
	if now >= m.inAt {
		end += r.steps(time.Duration(float64(g.spec.DeregistrationDelay) * r.s.Model.Drain / 100))
	}
	m.leaving, m.member, m.marked, m.wasWarm = true, false, false, m.warm(now)
	m.endAt, m.lastRequestAt = end, min(end, now+r.steps(r.s.Model.DeregistrationLag))
	if !m.ready(now) {
		m.lastRequestAt = now
	}
	if end == now {
		m.end = true
		g.activityEnd = now
	}
}

func (r *reference) resize(g *refGroup, to, now int, cause simulate.Cause, by *refAlarm) {
	r.note(g, now, cause, to, by)
	turn := 1
	if to > g.desired {
		g.outs++
	} else {
		g.ins++
		turn = -1
	}
	if g.turn == -turn && now-g.turnedAt <= r.steps(r.s.Model.FlapWindow) {
		g.flaps++
	}
	g.turn, g.turnedAt = turn, now
	if g.waiting && to < g.waitFor {
		g.waiting = false
	}
	if by != nil {
		if by.policy.Kind == simulate.StepScaling {
			g.warmup = r.steps(g.defaultWarmup())
			if by.policy.Warmup != nil {
				g.warmup = r.steps(*by.policy.Warmup)
			}
		}
		if to > g.desired {
			if !g.waiting {
				g.waiting, g.waitSince = true, r.breachedSince(by, now)
			}
			g.waitFor = to
		}
	}
	g.desired = to
}

func (r *reference) note(g *refGroup, now int, cause simulate.Cause, to int, by *refAlarm) {
	a := simulate.Activity{At: time.Duration(now) * r.step, Group: g.spec.Name, Cause: cause, From: g.desired, To: to}
	if by != nil {
		a.Policy, a.Alarm = by.policy.Name, by.spec.Name
	}
	r.out.Activities = append(r.out.Activities, a)
}
