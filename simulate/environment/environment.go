// Package environment makes simulated clusters of the description in
// tandem.yaml, without a synthesis in between.
package environment

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/tandem-iac/tandem/internal/check"
	"github.com/tandem-iac/tandem/simulate"
	"github.com/tandem-iac/tandem/simulate/catalog"
	"github.com/tandem-iac/tandem/spec"
)

// FromSpec returns a cluster of an environment as package terraform finds it in
// what is synthesized of it, but for addresses, which are those of tandem.yaml
// here. The environment's on-demand prices come before those of the catalog,
// whose own overrides come before both. Errors are a check.InputError for a
// cluster that is not there, the environment's faults, and the catalog's.
func FromSpec(env spec.Environment, cluster string, prices catalog.Catalog) (simulate.Cluster, error) {
	env = env.WithDefaults()
	if err := env.Validate(); err != nil {
		return simulate.Cluster{}, err
	}
	c, known := env.Clusters[cluster]
	if !known {
		return simulate.Cluster{}, check.InputErrorf("cluster %q is not there; %s", cluster, check.Suggest(cluster, slices.Sorted(maps.Keys(env.Clusters))))
	}
	onDemandPrices := map[string]float64{}
	maps.Copy(onDemandPrices, env.OnDemandPrices)
	maps.Copy(onDemandPrices, prices.OnDemand)
	prices.OnDemand = onDemandPrices

	b := builder{environment: env, cluster: c, path: check.Join("clusters", cluster), name: env.Name + "-" + cluster, prices: prices}
	onDemand, err := b.onDemand()
	spot, spotErr := b.spot(onDemand.Name)
	if err := check.Merge(err, spotErr); err != nil {
		return simulate.Cluster{}, fmt.Errorf("cluster %s: %w", cluster, err)
	}
	return simulate.Cluster{Name: b.name, Groups: []simulate.Group{onDemand, spot}}, nil
}

type builder struct {
	environment spec.Environment
	cluster     spec.Cluster
	path        string // in tandem.yaml
	name        string // environment-cluster
	prices      catalog.Catalog
}

func (b builder) onDemand() (simulate.Group, error) {
	g, err := b.group("on-demand", "on_demand", b.cluster.OnDemand.Group, []string{b.cluster.OnDemand.InstanceType}, false)
	g.OnDemandPercent = 100
	return g, err
}

func (b builder) spot(rescuer string) (simulate.Group, error) {
	rule := b.cluster.Spot
	g, err := b.group("spot", "spot", rule.Group, rule.InstanceTypes, true)
	g.Bid = rule.MaxPrice
	g.CapacityRebalance = true
	g.RescuedBy = rescuer
	return g, err
}

// group is what both groups have.
func (b builder) group(suffix, key string, rules spec.Group, types []string, spot bool) (simulate.Group, error) {
	warmup := time.Duration(rules.Warmup)
	g := simulate.Group{
		Name:                b.name + "-" + suffix,
		Address:             check.Join(b.path, key),
		Min:                 rules.Min,
		Max:                 rules.Max,
		Monitoring:          time.Minute,
		Warmup:              &warmup,
		GracePeriod:         time.Duration(rules.GracePeriod),
		TerminateHook:       time.Duration(b.cluster.Drain.Heartbeat),
		DeregistrationDelay: time.Duration(b.cluster.TargetGroup.DeregistrationDelay),
	}
	if b.cluster.Instance.Monitoring == spec.MonitoringBasic {
		g.Monitoring = 5 * time.Minute
	}
	g.Policies = []simulate.Policy{scaleIn(g, rules.ScaleIn), scaleOut(g, "spike", rules.ScaleOut.Spike), scaleOut(g, "sustained", rules.ScaleOut.Sustained)}
	var errs []error
	for _, name := range types {
		t, err := b.prices.Type(b.environment.Region, name, spot)
		g.Types, errs = append(g.Types, t), append(errs, err)
	}
	return g, check.Merge(errs...)
}

// adjustments are those of the description's units.
var adjustments = map[string]simulate.Adjustment{
	spec.UnitPercent:   simulate.PercentChangeInCapacity,
	spec.UnitInstances: simulate.ChangeInCapacity,
}

func scaleOut(g simulate.Group, name string, rule spec.StepPolicy) simulate.Policy {
	p := simulate.Policy{
		Name: g.Name + "-" + name, Address: check.Join(g.Address, "scale_out."+name),
		Kind: simulate.StepScaling, Adjustment: adjustments[rule.Unit], MinMagnitude: rule.MinimumAdd,
	}
	if rule.Warmup != nil {
		warmup := time.Duration(*rule.Warmup)
		p.Warmup = &warmup
	}
	for _, s := range rule.Steps {
		lower := s.From - rule.Threshold
		step := simulate.Step{Lower: &lower, Amount: s.Add}
		if s.To != nil {
			upper := *s.To - rule.Threshold
			step.Upper = &upper
		}
		p.Steps = append(p.Steps, step)
	}
	p.Alarms = alarms(p, simulate.AtOrAbove, rule.Threshold, rule.Period, rule.EvaluationPeriods)
	return p
}

func scaleIn(g simulate.Group, rule spec.ScaleIn) simulate.Policy {
	cooldown := time.Duration(rule.Cooldown)
	p := simulate.Policy{
		Name: g.Name + "-scale-in", Address: check.Join(g.Address, "scale_in"),
		Kind: simulate.SimpleScaling, Adjustment: adjustments[rule.Unit], Amount: -rule.Remove, Cooldown: &cooldown,
	}
	if rule.Unit == spec.UnitPercent {
		p.MinMagnitude = 1
	}
	p.Alarms = alarms(p, simulate.Below, rule.Threshold, rule.Period, rule.EvaluationPeriods)
	return p
}

// alarms is the one alarm of a policy.
func alarms(p simulate.Policy, comparison simulate.Comparison, threshold float64, period spec.Duration, evaluations int) []simulate.Alarm {
	return []simulate.Alarm{{
		Name: p.Name, Address: p.Address,
		Statistic: simulate.Average, Comparison: comparison, Threshold: threshold,
		Period: time.Duration(period), EvaluationPeriods: evaluations, MissingData: simulate.Missing,
	}}
}
