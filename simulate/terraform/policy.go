package terraform

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/tandem-iac/tandem/simulate"
)

// policy is a scaling policy that acts on a group.
type policy struct {
	*resource
	group *group
	sim   simulate.Policy
	// refused tells that an alarm invokes it that cannot be used.
	refused bool
}

// rescueSuffix ends what tandem calls its policy for interrupted spot instances.
const rescueSuffix = "-rescue"

// newPolicy reads a policy of a group; nil: it changes nothing, or cannot be used.
func newPolicy(r *resource, g *group) *policy {
	b := r.block(&g.findings)
	if !b.flag("enabled", true) {
		b.warn("enabled is false: it does nothing")
		return nil
	}
	p := &policy{resource: r, group: g, sim: simulate.Policy{Name: cmp.Or(b.text("name"), r.name), Address: r.address}}
	switch kind := cmp.Or(b.text("policy_type"), string(simulate.SimpleScaling)); kind {
	case string(simulate.SimpleScaling):
		p.sim.Kind = simulate.SimpleScaling
		p.sim.Amount = b.required("scaling_adjustment", -maxSize, maxSize)
		p.sim.Cooldown = p.duration(b, "cooldown")
	case string(simulate.StepScaling):
		p.sim.Kind = simulate.StepScaling
		p.sim.Warmup = p.duration(b, "estimated_instance_warmup")
		p.steps(b)
	case "PredictiveScaling":
		p.predictive(b)
		return nil
	default:
		b.refuse("policy_type is %s, which is not simulated, want SimpleScaling or StepScaling", kind)
		return nil
	}
	p.adjustment(b)
	return p
}

// predictive refuses forecasts that scale, and warns of those that do not.
func (p *policy) predictive(b block) {
	if c, ok := b.one("predictive_scaling_configuration"); ok {
		if mode := c.text("mode"); mode == "" || mode == "ForecastOnly" {
			b.warn("policy_type is PredictiveScaling in mode ForecastOnly: it does nothing")
			return
		}
	}
	b.refuse("policy_type is PredictiveScaling, which is not simulated, want SimpleScaling or StepScaling")
}

// duration is a time of the policy's own. What has been applied shows 0 for
// none; written down, 0 is 0.
func (p *policy) duration(b block, name string) (own *time.Duration) {
	d := b.seconds(name, maxSeconds)
	if d != nil && *d == 0 && p.get("arn") != nil {
		return nil
	}
	return d
}

func (p *policy) adjustment(b block) {
	switch kind := simulate.Adjustment(b.text("adjustment_type")); kind {
	case simulate.ChangeInCapacity, simulate.ExactCapacity:
		p.sim.Adjustment = kind
	case simulate.PercentChangeInCapacity:
		p.sim.Adjustment = kind
		p.sim.MinMagnitude = b.integer("min_adjustment_magnitude", 0, maxSize, 0)
	default:
		b.refuse("adjustment_type is %q, want ChangeInCapacity, ExactCapacity or PercentChangeInCapacity", clip(string(kind)))
	}
}

func (p *policy) steps(b block) {
	if aggregation := b.text("metric_aggregation_type"); aggregation != "" && aggregation != "Average" {
		b.warn("metric_aggregation_type is %s: steps are chosen by the alarm's statistic all the same", clip(aggregation))
	}
	for _, step := range b.blocks("step_adjustment") {
		p.sim.Steps = append(p.sim.Steps, simulate.Step{
			Lower:  step.number("metric_interval_lower_bound", -math.MaxFloat64, math.MaxFloat64),
			Upper:  step.number("metric_interval_upper_bound", -math.MaxFloat64, math.MaxFloat64),
			Amount: step.required("scaling_adjustment", -maxSize, maxSize),
		})
	}
	if len(p.sim.Steps) == 0 {
		b.refuse("step_adjustment is not set, or not known")
	}
	slices.SortStableFunc(p.sim.Steps, func(a, b simulate.Step) int { return cmp.Compare(lowest(a), lowest(b)) })
}

func lowest(s simulate.Step) float64 {
	if s.Lower == nil {
		return math.Inf(-1)
	}
	return *s.Lower
}

// rescues tells whether it adds one instance and nothing else.
func (p *policy) rescues() bool {
	return p.sim.Kind == simulate.SimpleScaling && p.sim.Adjustment == simulate.ChangeInCapacity && p.sim.Amount == 1 && !p.group.spot
}

// removes tells whether it may remove instances.
func (p *policy) removes() bool {
	if p.sim.Adjustment == simulate.ExactCapacity {
		return true
	}
	return p.sim.Amount < 0 || slices.ContainsFunc(p.sim.Steps, func(s simulate.Step) bool { return s.Amount < 0 })
}

// invoke adds policies to their groups, by name, and tells what nobody invokes.
func (c *assembly) invoke(policies []*policy) {
	slices.SortStableFunc(policies, func(a, b *policy) int {
		return cmp.Or(cmp.Compare(a.sim.Name, b.sim.Name), cmp.Compare(a.address, b.address))
	})
	for _, p := range policies {
		if len(p.sim.Alarms) > 0 {
			p.group.sim.Policies = append(p.group.sim.Policies, p.sim)
			continue
		}
		if p.refused {
			continue // which is told already
		}
		if rescued := c.spotSiblings(p.group); p.rescues() && len(rescued) > 0 {
			for _, g := range rescued {
				g.sim.RescuedBy = p.group.sim.Name
			}
			if !strings.HasSuffix(p.sim.Name, rescueSuffix) {
				p.group.warn(p.address, "no alarm invokes it: it is taken for what is executed at the interruption of a spot instance")
			}
			continue
		}
		if c.idle {
			p.group.warn(p.address, "no alarm here invokes it: it does nothing")
			continue
		}
		p.group.findings = append(p.group.findings, Finding{Address: p.address, Refuses: true,
			Problem: "no alarm here invokes it, want one that has its ARN in alarm_actions"})
	}
	for _, g := range c.groups {
		g.oneSided(policies)
	}
}

func (g *group) warn(address, problem string) {
	g.findings = append(g.findings, Finding{Address: address, Problem: problem})
}

// oneSided warns of a group that can only grow, or never changes.
func (g *group) oneSided(policies []*policy) {
	var own []*policy
	for _, p := range policies {
		if p.group == g && len(p.sim.Alarms) > 0 {
			own = append(own, p)
		}
	}
	switch {
	case g.sim.Min == g.sim.Max:
	case len(own) == 0:
		g.warn(g.address, "no policy acts on it: its size stays as it is")
	case !slices.ContainsFunc(own, (*policy).removes):
		g.warn(g.address, "no policy removes instances: it only grows")
	}
}
