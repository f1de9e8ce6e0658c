package simulate

import (
	"math"
	"slices"
	"time"
)

// defaultCooldown applies where a group has none:
// https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-scaling-cooldowns.html
const defaultCooldown = 5 * time.Minute

// prepare sets everything to the beginning of a valid scenario.
func (sim *Simulator) prepare(s *Scenario) {
	sim.model, sim.clock = s.Model, newClock(s.Model)
	if sim.names == nil {
		sim.names = map[string]int{}
	}
	clear(sim.names)
	for i := range s.Cluster.Groups {
		sim.names[s.Cluster.Groups[i].Name] = i
	}
	sim.market.reset(sim, s)
	sim.sizes = sim.sizes[:0]
	sim.groups = grown(sim.groups, len(s.Cluster.Groups))
	for i := range sim.groups {
		sim.groups[i].reset(sim, s, i)
	}
	sim.preparePolicies(s)
	sim.wanted = cleared(sim.wanted, len(sim.groups))
	sim.overload.reset(sim, s)
	sim.recording, sim.rescues = nil, 0
	if s.Options.Record {
		sim.recording = newRecording(sim, int(s.Load.Duration()/s.Model.Step))
	}
	for i := range sim.groups {
		g := &sim.groups[i]
		g.fill(g.desired)
	}
	sim.outbid(0)
	sim.market.plan(&sim.clock)
}

// grown is s with n elements; those that it held keep their memory.
func grown[T any](s []T, n int) []T {
	if n <= cap(s) {
		return s[:n]
	}
	return append(s[:cap(s)], make([]T, n-cap(s))...)
}

func (g *group) reset(sim *Simulator, s *Scenario, index int) {
	spec := &s.Cluster.Groups[index]
	*g = group{spec: spec, clock: &sim.clock, model: &sim.model, index: index, rescuer: -1,
		stream:  stream(s.Seed, spec.Name),
		desired: max(spec.Initial, spec.Min), activityEnd: -never / 2, next: never, replacedIn: -1, resizedAt: -1,
		types: cleared(g.types, len(spec.Types)), pools: cleared(g.pools, 2*len(spec.Types)),
		cohorts: g.cohorts[:0], taken: g.taken, metric: g.metric}
	if spec.RescuedBy != "" {
		g.rescuer = sim.names[spec.RescuedBy]
	}
	for k, t := range spec.Types {
		bid := spec.Bid
		if bid == 0 {
			bid = t.OnDemandPrice
		}
		g.types[k] = typeCount{size: sim.size(t.VCPUs), market: sim.market.find(t.Name), bid: bid}
		if sim.model.CheapestSpotFirst && t.SpotPrice < spec.Types[g.first].SpotPrice {
			g.first = k
		}
	}
	c := &sim.clock
	cooldown := defaultCooldown
	if spec.Cooldown != nil {
		cooldown = *spec.Cooldown
	}
	warmup := cooldown
	if spec.Warmup != nil {
		warmup = *spec.Warmup
	}
	drain := c.steps(time.Duration(float64(spec.DeregistrationDelay) * sim.model.Drain / 100))
	g.t = timings{warmup: c.steps(warmup), cooldown: c.steps(cooldown),
		grace:         c.steps(spec.GracePeriod + c.healthCheck),
		terminateHook: c.steps(spec.TerminateHook), deregistration: drain}
}

// size is the index of a number of vCPUs.
func (sim *Simulator) size(vcpus float64) int {
	i := slices.IndexFunc(sim.sizes, func(s size) bool { return s.vcpus == vcpus })
	if i < 0 {
		i = len(sim.sizes)
		sim.sizes = append(sim.sizes, size{vcpus: vcpus})
	}
	return i
}

// preparePolicies links alarms to the metrics that they watch.
func (sim *Simulator) preparePolicies(s *Scenario) {
	policies, alarms := 0, 0
	for i := range s.Cluster.Groups {
		policies += len(s.Cluster.Groups[i].Policies)
		for _, p := range s.Cluster.Groups[i].Policies {
			alarms += len(p.Alarms)
		}
	}
	sim.policies, sim.alarms = grown(sim.policies, policies), grown(sim.alarms, alarms)
	policies, alarms = 0, 0
	for i := range s.Cluster.Groups {
		for j := range s.Cluster.Groups[i].Policies {
			spec := &s.Cluster.Groups[i].Policies[j]
			sim.policies[policies].reset(spec, i, &sim.groups[i])
			for k := range spec.Alarms {
				watched := i
				if spec.Alarms[k].Group != "" {
					watched = sim.names[spec.Alarms[k].Group]
				}
				a := &sim.alarms[alarms]
				a.reset(&spec.Alarms[k], policies, &sim.groups[watched].metric, s.Model)
				a.delay = sim.delay(sim.groups[watched].spec.Monitoring)
				alarms++
			}
			policies++
		}
	}
	for i := range sim.groups {
		sim.prepareMetric(i)
	}
}

// delay is how many whole minutes an evaluation is behind.
func (sim *Simulator) delay(monitoring time.Duration) int {
	late := sim.model.DetailedDelay
	if monitoring > time.Minute {
		late = sim.model.BasicDelay
	}
	phase := time.Duration(sim.clock.phase) * sim.clock.step
	return max(0, int(math.Ceil((late - phase).Minutes())))
}

func (sim *Simulator) prepareMetric(i int) {
	g := &sim.groups[i]
	span, extremes := 1, false
	for j := range sim.alarms {
		if a := &sim.alarms[j]; a.metric == &g.metric {
			span = max(span, a.reach(sim.model.StepValue)+a.delay)
			extremes = extremes || a.statistic != Average
		}
	}
	g.metric.reset(int(g.spec.Monitoring.Minutes()), span, extremes, len(g.types))
}

func (o *overload) reset(sim *Simulator, s *Scenario) {
	steps := cleared(o.fleet.steps, maxFleet+1)
	*o = overload{objective: s.Model.ObjectiveCPU / 100, queue: s.Model.Queue.Seconds(), seconds: sim.clock.seconds}
	o.byCores = s.Model.ShareByCores
	smallest := math.Inf(1)
	for i, g := range s.Cluster.Groups {
		smallest = min(smallest, g.Types[0].VCPUs, g.Types[sim.groups[i].first].VCPUs)
	}
	o.fleet = histogram{vcpus: smallest, perCore: 1 / (smallest * o.objective), steps: steps}
}
