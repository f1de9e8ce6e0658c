package simulate_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"github.com/tandem-iac/tandem/simulate"
)

// dice make random scenarios; the same number gives the same one.
type dice struct{ *rand.Rand }

func newDice(n uint64) dice { return dice{rand.New(rand.NewPCG(n, 7))} }

func (d dice) chance(p float64) bool { return d.Float64() < p }

func pick[T any](d dice, from ...T) T { return from[d.IntN(len(from))] }

func (d dice) seconds(of ...int) time.Duration { return time.Duration(pick(d, of...)) * time.Second }

func (d dice) maybe(of ...int) *time.Duration {
	if d.chance(0.4) {
		return nil
	}
	return ptr(d.seconds(of...))
}

func randomScenario(n uint64) simulate.Scenario {
	d := newDice(n)
	m := simulate.DefaultModel()
	span := time.Duration(60+d.IntN(240)) * time.Minute
	if d.chance(0.2) {
		m.Step = d.seconds(1, 5, 15, 20, 30)
		span = 100*m.Step + time.Duration(d.IntN(1200))*m.Step
	}
	d.model(&m)
	s := simulate.Scenario{Cluster: d.cluster(), Model: m, Seed: d.Uint64(), Options: simulate.Options{Record: true}}
	s.Market = d.market(s.Cluster, span)
	s.Load = d.load(span, m.Step)
	return s
}

func (d dice) model(m *simulate.Model) {
	for _, p := range simulate.Parameters() {
		if len(p.Sweep) > 0 && d.chance(0.4) {
			p.Set(m, pick(d, p.Sweep...))
		}
	}
	m.Queue = d.seconds(0, 0, 10, 90)
	m.ObjectiveCPU = pick(d, 50., 80, 100)
	m.FlapWindow = d.seconds(300, 1800)
	m.CPUPerRequest = pick(d, 0.05, 0.2)
	if d.chance(0.1) {
		m.BootMedian, m.SetupMedian = 0, 0
	}
}

func (d dice) load(span, step time.Duration) simulate.Load {
	values := make([]float64, int(span/step))
	level, top := 0., pick(d, 4., 20, 60)
	for i := range values {
		if i == 0 || d.chance(0.03) {
			level = top * d.Float64() * d.Float64()
		}
		values[i] = level * (0.9 + 0.2*d.Float64())
		if d.chance(0.02) {
			values[i] = 0
		}
	}
	return table{values: values, step: step, unit: pick(d, simulate.Cores, simulate.Cores, simulate.RequestsPerSecond)}
}

// table is a load from a list.
type table struct {
	values []float64
	step   time.Duration
	unit   simulate.Unit
	start  time.Time
}

func (t table) Start() time.Time        { return t.start }
func (t table) Duration() time.Duration { return time.Duration(len(t.values)) * t.step }
func (t table) Unit() simulate.Unit     { return t.unit }
func (t table) Fill(values []float64, from, _ time.Duration) {
	copy(values, t.values[int(from/t.step):])
}

func (d dice) cluster() simulate.Cluster {
	kinds := []simulate.InstanceType{
		{Name: "m4.large", VCPUs: 2, OnDemandPrice: 0.1, SpotPrice: 0.02},
		{Name: "m5.large", VCPUs: 2, OnDemandPrice: 0.096, SpotPrice: 0.03},
		{Name: "m5.xlarge", VCPUs: 4, OnDemandPrice: 0.192, SpotPrice: 0.05},
	}
	c := simulate.Cluster{Name: "web"}
	groups := 1 + d.IntN(3)
	for i := range groups {
		g := simulate.Group{Name: fmt.Sprint("g", i), Min: d.IntN(3), Monitoring: pick(d, time.Minute, time.Minute, 5*time.Minute)}
		g.Max = g.Min + pick(d, 0, 3, 10, 25)
		g.Initial = d.IntN(g.Max + 1)
		g.OnDemandPercent = pick(d, 0., 0, 100, 30)
		g.OnDemandBase = pick(d, 0, 0, 1)
		for _, k := range d.Perm(len(kinds))[:1+d.IntN(len(kinds))] {
			g.Types = append(g.Types, kinds[k])
		}
		g.Bid = pick(d, 0, 0, 0.06)
		g.Warmup, g.Cooldown = d.maybe(0, 60, 120, 300), d.maybe(0, 60, 240, 600)
		g.LoadBalancerHealth, g.GracePeriod = d.chance(0.5), d.seconds(0, 60, 300)
		g.LaunchHook, g.TerminateHook = d.seconds(0, 0, 0, 90), d.seconds(0, 0, 0, 90)
		g.DeregistrationDelay = d.seconds(0, 60, 300)
		g.CapacityRebalance = d.chance(0.4)
		if groups > 1 && d.chance(0.5) {
			g.RescuedBy = fmt.Sprint("g", (i+1)%groups)
		}
		for k := range pick(d, 0, 2, 2, 3) {
			g.Policies = append(g.Policies, d.policy(fmt.Sprintf("p%d.%d", i, k), k%2 == 0, groups))
		}
		c.Groups = append(c.Groups, g)
	}
	return c
}

func (d dice) policy(name string, out bool, groups int) simulate.Policy {
	p := simulate.Policy{Name: name, Kind: pick(d, simulate.StepScaling, simulate.SimpleScaling),
		Adjustment: pick(d, simulate.ChangeInCapacity, simulate.PercentChangeInCapacity, simulate.PercentChangeInCapacity, simulate.ExactCapacity)}
	if p.Adjustment == simulate.PercentChangeInCapacity {
		p.MinMagnitude = pick(d, 0, 0, 2)
	}
	amount := func() int {
		switch {
		case p.Adjustment == simulate.ExactCapacity:
			return d.IntN(12)
		case p.Adjustment == simulate.ChangeInCapacity && out:
			return d.IntN(4)
		case p.Adjustment == simulate.ChangeInCapacity:
			return -d.IntN(3)
		case out:
			return pick(d, 5, 10, 30, 100)
		}
		return -pick(d, 5, 10, 30)
	}
	for range 1 + d.IntN(2) {
		p.Alarms = append(p.Alarms, d.alarm(fmt.Sprint(name, ".", len(p.Alarms)), out, groups))
	}
	if p.Kind == simulate.SimpleScaling {
		p.Amount, p.Cooldown = amount(), d.maybe(0, 60, 300, 900)
		return p
	}
	p.Warmup = d.maybe(0, 60, 180)
	sign := 1.
	if !out {
		sign = -1
	}
	edges := []float64{0, 10 * sign, 25.5 * sign}
	for i := range edges {
		step := simulate.Step{Lower: ptr(edges[i]), Amount: amount()}
		if i+1 < len(edges) {
			step.Upper = ptr(edges[i+1])
		}
		if !out {
			step.Lower, step.Upper = step.Upper, step.Lower
		}
		p.Steps = append(p.Steps, step)
	}
	return p
}

func (d dice) alarm(name string, out bool, groups int) simulate.Alarm {
	a := simulate.Alarm{Name: name, Period: time.Duration(pick(d, 1, 1, 2, 5)) * time.Minute,
		EvaluationPeriods: 1 + d.IntN(6), MissingData: pick(d, "", simulate.Missing, simulate.Ignore, simulate.Breaching, simulate.NotBreaching),
		Statistic: pick(d, "", "", simulate.Average, simulate.Maximum, simulate.Minimum)}
	if d.chance(0.5) {
		a.DatapointsToAlarm = 1 + d.IntN(a.EvaluationPeriods)
	}
	a.Comparison, a.Threshold = pick(d, simulate.Below, simulate.AtOrBelow), pick(d, 20., 30, 42.5)
	if out {
		a.Comparison, a.Threshold = pick(d, simulate.AtOrAbove, simulate.Above), pick(d, 50., 65, 85)
	}
	if d.chance(0.2) {
		a.Group = fmt.Sprint("g", d.IntN(groups))
	}
	return a
}

func (d dice) market(c simulate.Cluster, span time.Duration) simulate.Market {
	m := simulate.Market{ReclaimRate: pick(d, 0, 0, 0.1, 2)}
	when := func(i, n int) time.Duration {
		return time.Duration((float64(i) + d.Float64()) / float64(n) * float64(span)).Round(time.Second)
	}
	name := func() string { return pick(d, c.Groups[0].Types...).Name }
	for i, n := 0, pick(d, 0, 0, 5); i < n; i++ {
		m.Reclaims = append(m.Reclaims, simulate.Reclaim{At: when(i, n), Type: pick(d, "", name()), Share: math.Max(0.1, d.Float64())})
	}
	for i, n := 0, pick(d, 0, 0, 2); i < n; i++ {
		from := when(i, n)
		m.Outages = append(m.Outages, simulate.Outage{From: from, Until: from + d.seconds(300, 3000), Type: pick(d, "", name()), OnDemand: d.chance(0.3)})
	}
	for i, n := 0, pick(d, 0, 0, 4); i < n; i++ {
		m.Prices = append(m.Prices, simulate.PriceChange{At: when(i, n), Type: name(), Price: pick(d, 0.01, 0.04, 0.08, 0.3)})
	}
	return m
}
