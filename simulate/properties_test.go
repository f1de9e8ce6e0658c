package simulate_test

import (
	"context"
	"encoding/json"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tandem-iac/tandem/simulate"
)

const properties = 200 // random scenarios each

func eachScenario(t *testing.T, check func(n uint64, s simulate.Scenario, r *simulate.Result)) {
	t.Helper()
	for n := uint64(1); n <= properties && !t.Failed(); n++ {
		s := randomScenario(1_000_000 + n)
		check(n, s, run(t, s))
	}
}

// TestBounds: the desired capacity is within the bounds, and what is InService
// or launching is not above the desired capacity but for capacity rebalance,
// which may exceed the maximum by a tenth or one, and what got its notice.
func TestBounds(t *testing.T) {
	eachScenario(t, func(n uint64, s simulate.Scenario, r *simulate.Result) {
		for i, g := range s.Cluster.Groups {
			series := r.Series.Groups[i]
			for at, desired := range series.Desired {
				if int(desired) < g.Min || int(desired) > g.Max {
					t.Fatalf("scenario %d: %s wants %d at step %d, bounds %d..%d", n, g.Name, desired, at, g.Min, g.Max)
				}
				if series.Pending[at] > desired || series.Spot[at] > series.InService[at] {
					t.Fatalf("scenario %d: %s at step %d: %d pending, %d desired, %d spot of %d", n, g.Name, at,
						series.Pending[at], desired, series.Spot[at], series.InService[at])
				}
			}
		}
	})
}

// TestNoSimpleActionInCooldown: from any change of a group a simple policy
// waits at least for its cooldown. Without a market every change launches or
// terminates something: a launch without capacity starts no cooldown.
func TestNoSimpleActionInCooldown(t *testing.T) {
	simple := 0
	eachScenario(t, func(n uint64, s simulate.Scenario, _ *simulate.Result) {
		s.Market = simulate.Market{}
		r, cooldowns := run(t, s), cooldowns(s)
		last := map[string]time.Duration{}
		for _, a := range r.Activities {
			if a.Cause != simulate.ByPolicy {
				continue
			}
			before, seen := last[a.Group]
			if c, ok := cooldowns[a.Policy]; ok && seen {
				simple++
				if rounded := (c + s.Model.Step/2) / s.Model.Step * s.Model.Step; a.At-before < rounded {
					t.Fatalf("scenario %d: %s acts at %v, %v after a change, its cooldown is %v", n, a.Policy, a.At, a.At-before, c)
				}
			}
			last[a.Group] = a.At
		}
	})
	if simple < properties {
		t.Errorf("only %d simple actions seen", simple)
	}
}

func cooldowns(s simulate.Scenario) map[string]time.Duration {
	all := map[string]time.Duration{}
	for _, g := range s.Cluster.Groups {
		for _, p := range g.Policies {
			c := 300 * time.Second
			if g.Cooldown != nil {
				c = *g.Cooldown
			}
			if p.Cooldown != nil {
				c = *p.Cooldown
			}
			if p.Kind == simulate.SimpleScaling {
				all[p.Name] = c
			}
		}
	}
	return all
}

// TestConservation: what is asked for is served or not; what is billed is what
// ran.
func TestConservation(t *testing.T) {
	eachScenario(t, func(n uint64, s simulate.Scenario, r *simulate.Result) {
		got := r.Summary
		if math.Abs(got.Demand-got.Served-got.Unserved) > 1e-9*got.Demand+1e-6 {
			t.Fatalf("scenario %d: demand %v, served %v, unserved %v", n, got.Demand, got.Served, got.Unserved)
		}
		capacity, inService := 0.0, 0.0
		for i := range r.Series.Capacity {
			capacity += r.Series.Capacity[i] * s.Model.Step.Seconds()
		}
		for _, g := range r.Series.Groups {
			for _, c := range g.InService {
				inService += float64(c) * s.Model.Step.Hours()
			}
		}
		if got.Served > capacity*(1+1e-9)+1e-6 || inService > got.InstanceHours*(1+1e-9) {
			t.Fatalf("scenario %d: served %v with %v; %v instance-hours in service of %v", n, got.Served, capacity, inService, got.InstanceHours)
		}
	})
}

// TestSameSeedSameBytes, also on a simulator that has run something else.
func TestSameSeedSameBytes(t *testing.T) {
	var sim simulate.Simulator
	eachScenario(t, func(n uint64, s simulate.Scenario, r *simulate.Result) {
		again, err := sim.Run(context.Background(), s)
		if err != nil {
			t.Fatal(err)
		}
		for _, result := range []*simulate.Result{r, again} {
			for i := range result.Series.Groups {
				for k, cpu := range result.Series.Groups[i].CPU {
					if math.IsNaN(cpu) { // which JSON cannot say
						result.Series.Groups[i].CPU[k] = -1
					}
				}
			}
		}
		a, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		if b, err := json.Marshal(again); err != nil || string(a) != string(b) {
			t.Fatalf("scenario %d: another run differs (%v)", n, err)
		}
	})
}

// shifted is a load that begins at another time.
type shifted struct{ simulate.Load }

func (s shifted) Start() time.Time { return s.Load.Start().Add(123456789 * time.Second) }

// TestShiftedInTime: nothing depends on when a load begins. What comes before
// the load does not matter either: after a stretch of no demand as long as
// every memory, the same happens, only later.
func TestShiftedInTime(t *testing.T) {
	eachScenario(t, func(n uint64, s simulate.Scenario, r *simulate.Result) {
		s.Load = shifted{s.Load}
		if diff := disagreement(r, run(t, s)); diff != "" {
			t.Fatalf("scenario %d: %s", n, diff)
		}
	})
	const pause = 7 * time.Hour
	for n := uint64(1); n <= properties/4 && !t.Failed(); n++ {
		s := randomScenario(2_000_000 + n)
		for i := range s.Cluster.Groups { // idle, so that it does nothing in the pause
			g := &s.Cluster.Groups[i]
			g.Min, g.Initial = g.Max/2, g.Max/2
			for k := range g.Policies {
				for j := range g.Policies[k].Alarms {
					a := &g.Policies[k].Alarms[j]
					a.Comparison, a.MissingData = simulate.AtOrAbove, simulate.NotBreaching
				}
			}
		}
		s.Model.Step, s.Model.SetupCPU = time.Minute, 0
		s.Market.ReclaimRate, s.Market.Prices = 0, nil
		values := sampled(s.Load)
		s.Load = table{values: append(make([]float64, int(10*time.Hour/time.Minute)), values...), step: time.Minute, unit: simulate.Cores}
		later := s
		later.Load = table{values: append(make([]float64, int((10*time.Hour+pause)/time.Minute)), values...), step: time.Minute, unit: simulate.Cores}
		s.Market, later.Market = at10(s.Market, 10*time.Hour), at10(s.Market, 10*time.Hour+pause)
		a, b := run(t, s), run(t, later)
		for i := range b.Activities {
			b.Activities[i].At -= pause
		}
		if diff := cmp.Diff(a.Activities, b.Activities); diff != "" {
			t.Fatalf("scenario %d, later: %s", n, diff)
		}
	}
}

func sampled(l simulate.Load) []float64 {
	t := l.(table)
	return t.values[:min(len(t.values), 200)]
}

// at10 moves a market.
func at10(m simulate.Market, by time.Duration) simulate.Market {
	var out simulate.Market
	for _, r := range m.Reclaims {
		r.At += by
		out.Reclaims = append(out.Reclaims, r)
	}
	for _, o := range m.Outages {
		o.From, o.Until = o.From+by, o.Until+by
		out.Outages = append(out.Outages, o)
	}
	return out
}

// TestMoreReclaimsServeLess: with more reclaims, or larger ones, no more work is
// served. It is a theorem where nothing answers to a reclaim but its own
// replacement: constant group sizes, no rescue, no rebalance, launches that all
// take as long, one size of instance (else an instance less may leave a larger
// share to larger ones), and notices that come no closer than it takes to
// notice a loss (else one may find nothing left to take).
func TestMoreReclaimsServeLess(t *testing.T) {
	fewer := 0
	for n := uint64(1); n <= properties; n++ {
		d := newDice(3_000_000 + n)
		s := simulate.Scenario{Cluster: d.cluster(), Model: simulate.DefaultModel(), Options: simulate.Options{Record: true}}
		for i := range s.Cluster.Groups {
			g := &s.Cluster.Groups[i]
			g.Initial, g.Min, g.Policies, g.RescuedBy, g.CapacityRebalance = g.Max, g.Max, nil, "", false
			g.LoadBalancerHealth, g.Bid, g.OnDemandPercent, g.OnDemandBase = false, 1, 0, 0
			g.Types = []simulate.InstanceType{{Name: "t", VCPUs: 2, OnDemandPrice: 1, SpotPrice: 0.1}}
		}
		d.model(&s.Model)
		s.Model.BootSpread, s.Model.SetupSpread, s.Model.RebalanceLead, s.Model.ReclaimNewestFirst = 0, 0, 0, false
		s.Load = d.load(5*time.Hour, time.Minute)
		apart := 3*time.Minute + s.Model.ReplacementDelay
		more := s
		for at := apart; at < 5*time.Hour; at += apart {
			share := 0.05 + 0.95*d.Float64()
			if d.chance(0.5) {
				more.Market.Reclaims = append(more.Market.Reclaims, simulate.Reclaim{At: at, Share: share})
				if d.chance(0.5) {
					s.Market.Reclaims = append(s.Market.Reclaims, simulate.Reclaim{At: at, Share: share * (0.2 + 0.8*d.Float64())})
				}
			}
		}
		a, b := run(t, s), run(t, more)
		for i := range a.Series.Capacity {
			if b.Series.Capacity[i] > a.Series.Capacity[i] {
				t.Fatalf("scenario %d: at step %d more reclaims leave %v cores instead of %v", n, i, b.Series.Capacity[i], a.Series.Capacity[i])
			}
		}
		if b.Summary.Served > a.Summary.Served*(1+1e-12) {
			t.Fatalf("scenario %d: more reclaims serve %v instead of %v", n, b.Summary.Served, a.Summary.Served)
		}
		if b.Summary.Served < a.Summary.Served*(1-1e-9) {
			fewer++
		}
	}
	if fewer < properties/10 {
		t.Errorf("only %d of %d scenarios lost work to reclaims", fewer, properties)
	}
}
