// Package rule holds what can be wrong with the resources that a plan leaves
// behind or with what it does to them. Each rule is a value in a table, one
// file a noun:
//
//	loss firewall access bucket store instance group spot alarm topic policy
//	loadbalancer limit
//
// A rule about a state is tried on what is there before and on what is there
// after, so that what a plan brings in is told from what was there already.
package rule

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/tandem-iac/tandem/internal/review/inventory"
	"github.com/tandem-iac/tandem/internal/review/plan"
)

// Severity says what a finding asks of the reader.
type Severity int

const (
	// Safe asks for nothing.
	Safe Severity = iota
	// Look asks for a person's judgement.
	Look
	// Dangerous loses service, data, money or control as it stands.
	Dangerous
)

func (s Severity) String() string { return [...]string{"safe", "look", "dangerous"}[s] }

// MarshalText writes the severity's name.
func (s Severity) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// ParseSeverity reads look or dangerous.
func ParseSeverity(text string) (Severity, bool) {
	for _, s := range []Severity{Look, Dangerous} {
		if s.String() == text {
			return s, true
		}
	}
	return Safe, false
}

// Rule is one thing that can be wrong.
type Rule struct {
	// ID names the rule, in words joined by hyphens.
	ID string
	// Severity is that of a finding which the plan brings in.
	Severity Severity
	// Title says what is wrong, in a few words.
	Title string
	// Why says what comes of it, and Fix what to do, in whole sentences.
	Why, Fix string
	// Source is the page that documents it. Empty: it follows by itself.
	Source string

	// state finds it in what is there at one time; change in what happens.
	// A rule has either or both.
	state  func(s *Set, found Found)
	change func(w *World, found Found)
}

// Found takes a finding: the resource and what exactly is wrong with it.
type Found func(r *Resource, format string, args ...any)

// Finding is a rule that a resource breaks.
type Finding struct {
	Rule    Rule
	Address string
	// Detail is what exactly is wrong.
	Detail string
	// Existing says that it was so before, too.
	Existing bool
	// order is the rule's place among all.
	order int
}

// All returns every rule, in the order in which findings of one severity are told.
func All() []Rule {
	return slices.Concat(lossRules(), firewallRules(), accessRules(), bucketRules(), storeRules(), instanceRules(),
		groupRules(), spotRules(), alarmRules(), topicRules(), policyRules(), loadBalancerRules(), limitRules())
}

// IDs returns every rule's ID.
func IDs() []string {
	var ids []string
	for _, r := range All() {
		ids = append(ids, r.ID)
	}
	return ids
}

// Prices says what an instance type costs on demand in a region, in USD per hour.
type Prices func(region, instanceType string) (usd float64, known bool)

// World is a plan's resources before and after.
type World struct {
	Plan          *plan.Plan
	Before, After *Set
}

// NewWorld arranges a plan's resources. Prices may be nil: no bid is judged.
func NewWorld(p *plan.Plan, prices Prices) *World {
	return &World{Plan: p, Before: newSet(p, false, prices), After: newSet(p, true, prices)}
}

// Check tries all rules and returns what it finds, the worst first, and notes
// on what it could not judge.
func (w *World) Check() (findings []Finding, notes []string) {
	for order, rule := range All() {
		first := len(findings)
		if rule.state != nil {
			findings = append(findings, w.states(rule)...)
		}
		if rule.change != nil {
			rule.change(w, func(r *Resource, format string, args ...any) {
				findings = append(findings, Finding{Rule: rule, Address: r.Address, Detail: fmt.Sprintf(format, args...)})
			})
		}
		for i := range findings[first:] {
			findings[first+i].order = order
		}
	}
	slices.SortStableFunc(findings, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(b.Rule.Severity, a.Rule.Severity), cmp.Compare(a.order, b.order), cmp.Compare(a.Address, b.Address), cmp.Compare(a.Detail, b.Detail))
	})
	findings = slices.CompactFunc(findings, func(a, b Finding) bool {
		return a.Rule.ID == b.Rule.ID && a.Address == b.Address && a.Detail == b.Detail
	})
	return findings, w.After.notes
}

// states tries a rule before and after.
func (w *World) states(rule Rule) (findings []Finding) {
	before := map[string]bool{}
	rule.state(w.Before, func(r *Resource, _ string, _ ...any) {
		if !r.Unread {
			before[r.Address] = true
		}
	})
	rule.state(w.After, func(r *Resource, format string, args ...any) {
		existing := before[r.Address] || r.Previous != "" && before[r.Previous]
		findings = append(findings, Finding{Rule: rule, Address: r.Address, Detail: fmt.Sprintf(format, args...), Existing: existing})
	})
	return findings
}

// Covers says whether any rule knows resources of a type.
func Covers(resourceType string) bool { return covered[resourceType] || bears[resourceType] != "" }

// covered are the types that rules read. A map of constants: never written to.
var covered = setOf(
	"aws_alb", "aws_alb_listener", "aws_alb_target_group", "aws_autoscaling_attachment", "aws_autoscaling_group", "aws_autoscaling_lifecycle_hook",
	"aws_autoscaling_policy", "aws_autoscaling_traffic_source_attachment", "aws_backup_vault_policy", "aws_cloudwatch_composite_alarm", "aws_cloudwatch_metric_alarm",
	"aws_ebs_volume", "aws_ecr_repository_policy", "aws_eip", "aws_elasticsearch_domain_policy", "aws_iam_group_policy", "aws_iam_group_policy_attachment",
	"aws_iam_policy", "aws_iam_role", "aws_iam_role_policy", "aws_iam_role_policy_attachment", "aws_iam_user_policy", "aws_iam_user_policy_attachment",
	"aws_instance", "aws_internet_gateway", "aws_kms_key_policy", "aws_launch_configuration", "aws_launch_template", "aws_lb", "aws_lb_listener",
	"aws_lb_listener_rule", "aws_lb_target_group", "aws_mq_broker", "aws_msk_cluster_policy", "aws_nat_gateway", "aws_opensearch_domain_policy",
	"aws_route", "aws_route_table", "aws_route_table_association", "aws_s3_bucket", "aws_s3_bucket_acl", "aws_s3_bucket_lifecycle_configuration",
	"aws_s3_bucket_policy", "aws_s3_bucket_public_access_block", "aws_s3_bucket_versioning", "aws_secretsmanager_secret_policy",
	"aws_security_group", "aws_security_group_rule", "aws_sns_topic", "aws_sns_topic_policy",
	"aws_sns_topic_subscription", "aws_sqs_queue_policy", "aws_subnet", "aws_vpc", "aws_vpc_ipv4_cidr_block_association", "aws_vpc_endpoint",
	"aws_vpc_security_group_ingress_rule",
)

func setOf(names ...string) map[string]bool {
	set := map[string]bool{}
	for _, name := range names {
		set[name] = true
	}
	return set
}

// Resource is a resource at one time.
type Resource = inventory.Resource

// Set is all resources at one time, with what rules work out about them.
type Set struct {
	*inventory.Set
	plan   *plan.Plan
	after  bool
	prices Prices
	notes  []string
	// knownTriggers are what triggers found.
	knownTriggers []trigger
	triggersKnown bool
}

func newSet(p *plan.Plan, after bool, prices Prices) *Set {
	return &Set{Set: inventory.New(p, after), plan: p, after: after, prices: prices}
}

// note records what a rule could not judge, once.
func (s *Set) note(text string) {
	if !slices.Contains(s.notes, text) {
		s.notes = append(s.notes, text)
	}
}
