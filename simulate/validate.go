package simulate

import (
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/tandem-iac/tandem/internal/check"
)

const (
	// maxInstances bounds a group's size.
	maxInstances = 100_000
	// maxTypes is AWS's limit of overrides in a mixed instances policy.
	maxTypes = 40
	// maxRecorded bounds what a run records, in steps.
	maxRecorded = 20_000_000
	// maxHook is AWS's longest lifecycle hook.
	maxHook = 48 * time.Hour
)

// faults collects broken rules; its values are printed only where a rule breaks.
type faults struct{ check.Errors }

func (f *faults) require(holds bool, path string, value any, want string) {
	if !holds {
		f.Add(path, show(value), want)
	}
}

func show(value any) string {
	switch v := value.(type) {
	case float64:
		return number64(v)
	case string:
		return strconv.Quote(v)
	}
	return fmt.Sprint(value)
}

func number64(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }

func (f *faults) duration(d, high time.Duration, path string) {
	f.require(d >= 0 && d <= high, path, d, "0s.."+high.String())
}

func (f *faults) number(v, low, high float64, path string) {
	f.require(v >= low && v <= high, path, v, number64(low)+".."+number64(high))
}

// Validate reports every fault at once, as a check.Errors with the addresses of
// groups, policies and alarms.
func (s Scenario) Validate() error {
	var f faults
	s.Model.validate(&f)
	s.Cluster.validate(&f)
	s.Market.validate(&f, s.Cluster)
	s.validateLoad(&f)
	return f.Err()
}

func (s Scenario) validateLoad(f *faults) {
	if s.Load == nil {
		f.Add("load", "", "a load")
		return
	}
	unit := s.Load.Unit()
	f.require(unit == Cores || unit == RequestsPerSecond, "load.unit", string(unit), "requests or cores")
	if s.Model.Step <= 0 {
		return // reported with the model
	}
	d := s.Load.Duration()
	f.require(d >= s.Model.Step, "load.duration", d, "at least a step of "+s.Model.Step.String())
	f.require(!s.Options.Record || d/s.Model.Step <= maxRecorded, "load.duration", d,
		fmt.Sprintf("at most %d steps to record, or a longer model.step", maxRecorded))
}

func (m Model) validate(f *faults) {
	f.require(m.Step >= time.Second && m.Step <= time.Minute && time.Minute%m.Step == 0, "model.step", m.Step,
		"1s..1m, a divisor of 1m")
	for path, d := range map[string]time.Duration{
		"detailed_delay": m.DetailedDelay, "basic_delay": m.BasicDelay, "boot_median": m.BootMedian,
		"setup_median": m.SetupMedian, "health_check_time": m.HealthCheckTime,
		"deregistration_lag": m.DeregistrationLag, "termination_time": m.TerminationTime,
		"replacement_delay": m.ReplacementDelay, "launch_retry": m.LaunchRetry, "queue": m.Queue,
		"rebalance_lead": m.RebalanceLead,
	} {
		f.duration(d, 24*time.Hour, "model."+path)
	}
	f.require(m.ReplacementInterval > 0 && m.ReplacementInterval <= 24*time.Hour, "model.replacement_interval",
		m.ReplacementInterval, "above 0s, at most 24h0m0s")
	f.duration(m.AlarmPhase, 59*time.Second, "model.alarm_phase")
	f.duration(m.FlapWindow, 365*24*time.Hour, "model.flap_window")
	f.require(m.ExtraPeriods >= 0 && m.ExtraPeriods <= 100, "model.extra_periods", m.ExtraPeriods, "0..100")
	f.require(m.StepValue >= NewestPeriod && m.StepValue <= LowestValue, "model.step_value", int(m.StepValue), "0..4")
	f.require(m.ScaleInOrder >= OldestFirst && m.ScaleInOrder <= ClosestToHour, "model.scale_in_order", int(m.ScaleInOrder), "0..2")
	f.require(m.RebalanceMargin >= 0 && m.RebalanceMargin <= maxInstances, "model.rebalance_margin", m.RebalanceMargin, "0..100000")
	f.number(m.ReclaimShare, 0.01, 1, "model.reclaim_share")
	f.number(m.Drain, 0, 100, "model.drain")
	f.number(m.BootSpread, 0, 2, "model.boot_spread")
	f.number(m.SetupSpread, 0, 2, "model.setup_spread")
	f.number(m.SetupCPU, 0, 100, "model.setup_cpu")
	f.number(m.CPUPerRequest, 1e-9, 1e6, "model.cpu_per_request")
	f.number(m.ObjectiveCPU, 1, 100, "model.objective_cpu")
}

func (c Cluster) validate(f *faults) {
	f.require(len(c.Groups) > 0, "cluster.groups", len(c.Groups), "at least one")
	groups := map[string]bool{}
	types := map[string]InstanceType{}
	rescuers := map[string]bool{}
	for _, g := range c.Groups {
		f.require(g.Name != "" && !groups[g.Name], check.Join(g.address(), "name"), g.Name, "a name that no other group has")
		groups[g.Name] = true
		rescuers[g.RescuedBy] = true
	}
	for _, g := range c.Groups {
		g.validate(f, groups, types, rescuers[g.Name])
	}
}

func (g Group) address() string { return first(g.Address, g.Name, "group") }

func first(names ...string) string {
	for _, n := range names {
		if n != "" {
			return n
		}
	}
	return ""
}

func (g Group) validate(f *faults, groups map[string]bool, types map[string]InstanceType, rescuer bool) {
	at := func(field string) string { return check.Join(g.address(), field) }
	f.require(g.Min >= 0 && g.Min <= g.Max, at("min"), g.Min, "0..max")
	f.require(g.Max <= maxInstances, at("max"), g.Max, "at most 100000")
	f.require(g.Initial >= 0 && g.Initial <= g.Max, at("initial"), g.Initial, "0..max")
	f.require(g.OnDemandBase >= 0 && g.OnDemandBase <= maxInstances, at("on_demand_base"), g.OnDemandBase, "0..100000")
	f.number(g.OnDemandPercent, 0, 100, at("on_demand_percent"))
	f.number(g.Bid, 0, 1e6, at("bid"))
	f.require(g.Monitoring == time.Minute || g.Monitoring == 5*time.Minute, at("monitoring"), g.Monitoring, "1m0s or 5m0s")
	f.duration(g.GracePeriod, maxHook, at("grace_period"))
	f.duration(g.LaunchHook, maxHook, at("launch_hook"))
	f.duration(g.TerminateHook, maxHook, at("terminate_hook"))
	f.duration(g.DeregistrationDelay, time.Hour, at("deregistration_delay"))
	f.optional(g.Warmup, time.Hour, at("warmup"))
	f.optional(g.Cooldown, maxHook, at("cooldown"))
	f.require(g.RescuedBy == "" || groups[g.RescuedBy] && g.RescuedBy != g.Name, at("rescued_by"), g.RescuedBy,
		"the name of another group")
	f.require(len(g.Types) > 0 && len(g.Types) <= maxTypes, at("types"), len(g.Types), "1..40 types")
	own := map[string]bool{}
	for i, t := range g.Types {
		path := check.Index(at("types"), i)
		f.require(t.Name != "" && !own[t.Name], check.Join(path, "name"), t.Name, "a type that is not listed yet")
		own[t.Name] = true
		t.validate(f, path, types)
	}
	for _, p := range g.Policies {
		p.validate(f, g, groups, rescuer)
	}
}

func (f *faults) optional(d *time.Duration, high time.Duration, path string) {
	if d != nil {
		f.duration(*d, high, path)
	}
}

func (t InstanceType) validate(f *faults, path string, types map[string]InstanceType) {
	f.number(t.VCPUs, 0.01, 1e4, check.Join(path, "vcpus"))
	f.number(t.OnDemandPrice, 0, 1e6, check.Join(path, "on_demand_price"))
	f.number(t.SpotPrice, 0, 1e6, check.Join(path, "spot_price"))
	if other, ok := types[t.Name]; ok {
		f.require(t == other || t != t, path, t.Name, "the same vCPUs and prices in every group")
	}
	types[t.Name] = t
}

func (m Market) validate(f *faults, c Cluster) {
	types := map[string]bool{"": true}
	for _, g := range c.Groups {
		for _, t := range g.Types {
			types[t.Name] = true
		}
	}
	f.number(m.ReclaimRate, 0, 60, "market.reclaim_rate")
	f.require(byTime(m.Reclaims, func(r Reclaim) time.Duration { return r.At }), "market.reclaims", "out of order", "the order of time")
	f.require(byTime(m.Prices, func(p PriceChange) time.Duration { return p.At }), "market.prices", "out of order", "the order of time")
	for i, r := range m.Reclaims {
		path := check.Index("market.reclaims", i)
		f.require(r.At >= 0 && r.At <= forever, check.Join(path, "at"), r.At, "a time after the start")
		f.require(r.Share > 0 && r.Share <= 1, check.Join(path, "share"), r.Share, "above 0, at most 1")
		f.require(types[r.Type], check.Join(path, "type"), r.Type, "a type of the cluster")
	}
	for i, o := range m.Outages {
		path := check.Index("market.outages", i)
		f.require(o.From >= 0 && o.From < o.Until && o.Until <= forever, check.Join(path, "until"), o.Until, "after from")
		f.require(types[o.Type], check.Join(path, "type"), o.Type, "a type of the cluster")
	}
	for i, p := range m.Prices {
		path := check.Index("market.prices", i)
		f.require(p.At >= 0 && p.At <= forever, check.Join(path, "at"), p.At, "a time after the start")
		f.require(p.Price > 0 && p.Price <= 1e6, check.Join(path, "price"), p.Price, "above 0, at most 1e6")
		f.require(p.Type != "" && types[p.Type], check.Join(path, "type"), p.Type, "a type of the cluster")
	}
}

// forever leaves room for a lead and a notice.
const forever = math.MaxInt64 / 2
