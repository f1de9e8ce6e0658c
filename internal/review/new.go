package review

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/tandem-iac/tandem/internal/price"
	"github.com/tandem-iac/tandem/internal/review/behaviour"
	"github.com/tandem-iac/tandem/internal/review/diff"
	"github.com/tandem-iac/tandem/internal/review/plan"
	"github.com/tandem-iac/tandem/internal/review/rule"
)

// Config is what a review knows besides the plans.
type Config struct {
	// Prices judge bids and make the estimate. Nil: neither is done.
	Prices *price.Catalog
	// OnDemand knows prices better than Prices, for bids alone. Nil: none.
	OnDemand rule.Prices
	// Region is that of the resources where the plan does not say.
	Region string
	// Behaviour says on what scaling is simulated. The zero value: it is not.
	// Its prices are those above.
	Behaviour behaviour.Config
	// Accepted gives the reason why a finding is accepted, if it is. Nil: none is.
	Accepted func(f Finding) (reason string, accepted bool)
}

// New reviews plans. The only error is that of ctx, which ends simulations.
func New(ctx context.Context, plans []*plan.Plan, cfg Config) (Report, error) {
	r := Report{SchemaVersion: SchemaVersion, Stacks: []Stack{}}
	for _, p := range plans {
		s, err := newStack(ctx, p, cfg)
		if err != nil {
			return Report{}, err
		}
		r.Severity = max(r.Severity, s.Severity)
		r.Stacks = append(r.Stacks, s)
	}
	r.Headline = r.headline()
	return r, nil
}

func newStack(ctx context.Context, p *plan.Plan, cfg Config) (Stack, error) {
	region := cmp.Or(p.Region, cfg.Region)
	p.Region = region
	s := Stack{
		Name: p.Name, Kind: p.Kind, Outputs: append([]string{}, p.Outputs...), Notes: append([]string{}, p.Notes...),
		Findings: []Finding{}, Existing: []Finding{}, Accepted: []Finding{}, Changes: []Change{}, Uncovered: []TypeCount{},
		Quiet: Quiet{Restated: []Restated{}},
	}
	world := rule.NewWorld(p, cfg.onDemand)
	for _, c := range p.Changes {
		s.addChange(world, c)
	}
	slices.SortStableFunc(s.Changes, byImportance)
	s.addFindings(world, cfg)
	s.Uncovered = append(s.Uncovered, uncovered(p)...)
	if cfg.Prices != nil {
		s.addCost(world, region, cfg.Prices)
	}
	s.judge()
	var err error
	if cfg.Prices != nil {
		on := cfg.Behaviour
		on.Prices = priced{cfg}
		s.Behaviour, err = behaviour.Of(ctx, p, on)
	}
	return s, err
}

// byImportance puts replaced and destroyed things first, then those with
// consequences that want a look, in the order of groups.
func byImportance(a, b Change) int {
	return cmp.Or(
		cmp.Compare(slices.Index(actionOrder, a.Action), slices.Index(actionOrder, b.Action)),
		cmp.Compare(b.severity, a.severity),
		cmp.Compare(slices.Index(GroupOrder, a.Group), slices.Index(GroupOrder, b.Group)),
		cmp.Compare(a.Address, b.Address),
	)
}

// addChange tells of a change, or folds it away.
func (s *Stack) addChange(world *rule.World, c *plan.Change) {
	action := actionOf(c)
	if action == "" {
		return
	}
	d := diff.Of(world.Plan, c)
	s.Quiet.add(c, d)
	if action == Updated && len(d.Changed) == 0 {
		return
	}
	if c.Deposed != "" {
		s.Notes = append(s.Notes, fmt.Sprintf("What an earlier, failed replacement of %s left over is destroyed.", c.Address))
		return
	}
	change := Change{
		Address: c.Address, Type: c.Type, Group: groupOf(world, c), Action: action, Previous: c.Previous,
		Attributes: []Attribute{}, Consequences: []string{},
	}
	for _, a := range append(slices.Clone(d.Changed), d.Unproved()...) {
		change.Attributes = append(change.Attributes, attribute(a))
	}
	if action == Created {
		change.Summary = summary(c)
	}
	for _, e := range effects(world, c, action, d) {
		change.Consequences = append(change.Consequences, e.text)
		change.severity = max(change.severity, e.severity)
	}
	if action == Replaced || action == Destroyed || action == Forgotten {
		change.severity = max(change.severity, rule.Look)
	}
	s.Counts.add(action)
	s.Changes = append(s.Changes, change)
}

func attribute(a diff.Attribute) Attribute {
	out := Attribute{Path: a.Path, Summary: a.Summary, Forces: a.Forces}
	if a.Summary == "" {
		out.Before, out.After = a.From(), a.To()
		if a.Unread {
			out.Before = NotRead
		}
	}
	return out
}

// add counts what is folded away of a resource.
func (q *Quiet) add(c *plan.Change, d diff.Diff) {
	if len(d.Restated) > 0 {
		r := Restated{Address: c.Address, Attributes: []Attribute{}}
		for _, a := range d.Restated {
			r.Attributes = append(r.Attributes, attribute(a))
		}
		q.Restated = append(q.Restated, r)
	}
	if len(d.Changed)+len(d.Restated) > 0 {
		return
	}
	switch {
	case d.Folded[diff.Equivalent] > 0:
		q.Equivalent++
	case d.Folded[diff.Tags] > 0:
		q.Tags++
	case d.Folded[diff.Computed] > 0:
		q.Computed++
	}
}

// telling are the attributes that say what a new resource is.
var telling = map[string][]string{
	"aws_autoscaling_group":               {"min_size", "max_size"},
	"aws_launch_template":                 {"instance_type", "image_id"},
	"aws_instance":                        {"instance_type", "ami"},
	"aws_lb":                              {"load_balancer_type", "internal"},
	"aws_lb_listener":                     {"protocol", "port", "ssl_policy"},
	"aws_lb_target_group":                 {"protocol", "port", "deregistration_delay"},
	"aws_autoscaling_policy":              {"policy_type", "adjustment_type", "scaling_adjustment"},
	"aws_cloudwatch_metric_alarm":         {"metric_name", "comparison_operator", "threshold", "period", "evaluation_periods"},
	"aws_vpc":                             {"cidr_block"},
	"aws_subnet":                          {"availability_zone", "cidr_block"},
	"aws_vpc_security_group_ingress_rule": {"cidr_ipv4", "cidr_ipv6", "from_port", "to_port"},
	"aws_s3_bucket":                       {"bucket"},
	"aws_iam_role":                        {"name"},
	"aws_msk_cluster":                     {"number_of_broker_nodes", "kafka_version"},
	"aws_opensearch_domain":               {"domain_name", "engine_version"},
	"aws_cloudwatch_log_group":            {"name", "retention_in_days"},
	"aws_cloudwatch_composite_alarm":      {"alarm_rule"},
	"aws_cloudwatch_dashboard":            {"dashboard_name"},
	"aws_sns_topic":                       {"name"},
	"aws_sns_topic_subscription":          {"protocol", "endpoint"},
	"aws_secretsmanager_secret":           {"name"},
}

func summary(c *plan.Change) string {
	var parts []string
	for _, name := range telling[c.Type] {
		if v := c.After[name]; v != nil {
			if _, later := v.(plan.Unknown); !later {
				parts = append(parts, name+" "+diff.Format(v))
			}
		}
	}
	return strings.Join(parts, ", ")
}

func (s *Stack) addFindings(world *rule.World, cfg Config) {
	findings, notes := world.Check()
	s.Notes = append(s.Notes, notes...)
	for _, f := range findings {
		out := Finding{Rule: f.Rule.ID, Severity: f.Rule.Severity, Title: f.Rule.Title, Address: f.Address, Detail: f.Detail, Why: f.Rule.Why, Fix: f.Rule.Fix}
		accepted := false
		if cfg.Accepted != nil {
			out.Reason, accepted = cfg.Accepted(out)
		}
		switch {
		case accepted:
			s.Accepted = append(s.Accepted, out)
		case f.Existing || s.Kind == plan.KindState:
			s.Existing = append(s.Existing, out)
		default:
			s.Findings = append(s.Findings, out)
		}
	}
}

func uncovered(p *plan.Plan) (list []TypeCount) {
	count := map[string]int{}
	for _, c := range p.Changes {
		if !rule.Covers(c.Type) && gone[c.Type] == "" && effectsOf[c.Type] == nil {
			count[c.Type]++
		}
	}
	for _, kind := range slices.Sorted(maps.Keys(count)) {
		list = append(list, TypeCount{kind, count[kind]})
	}
	slices.SortStableFunc(list, func(a, b TypeCount) int { return cmp.Compare(b.Count, a.Count) })
	return list
}
