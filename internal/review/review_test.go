package review_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tandem-iac/tandem/internal/price"
	"github.com/tandem-iac/tandem/internal/review"
	"github.com/tandem-iac/tandem/internal/review/plan"
	"github.com/tandem-iac/tandem/internal/review/rule"
)

type object = map[string]any

// changed is a resource before and after; an action other than update is
// derived from what is nil.
type changed struct {
	address       string
	before, after object
	actions       []string
}

func planOf(t *testing.T, list ...changed) *plan.Plan {
	t.Helper()
	var changes []object
	for _, c := range list {
		actions := c.actions
		switch {
		case actions != nil:
		case c.before == nil:
			actions = []string{"create"}
		case c.after == nil:
			actions = []string{"delete"}
		case cmp.Equal(c.before, c.after):
			actions = []string{"no-op"}
		default:
			actions = []string{"update"}
		}
		kind, name, _ := strings.Cut(c.address, ".")
		changes = append(changes, object{"address": c.address, "type": kind, "name": name, "mode": "managed",
			"change": object{"actions": actions, "before": c.before, "after": c.after}})
	}
	data, err := json.Marshal(object{"format_version": "1.2", "resource_changes": changes})
	if err != nil {
		t.Fatal(err)
	}
	p, err := plan.Read("web.json", strings.NewReader(string(data)))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func one(t *testing.T, cfg review.Config, list ...changed) review.Stack {
	t.Helper()
	r, err := review.New(t.Context(), []*plan.Plan{planOf(t, list...)}, cfg)
	if err != nil {
		t.Fatal(err)
	}
	return r.Stacks[0]
}

// TestConsequences says in words what comes of a change.
func TestConsequences(t *testing.T) {
	template := changed{"aws_launch_template.t", object{"id": "lt-1", "image_id": "ami-1"}, object{"id": "lt-1", "image_id": "ami-2"}, nil}
	group := func(refresh any) changed {
		values := object{"name": "g", "launch_template": []object{{"id": "lt-1"}}, "instance_refresh": refresh}
		return changed{"aws_autoscaling_group.g", values, values, nil}
	}
	size := func(before, after object) []changed {
		before["launch_template"], after["launch_template"] = "lt", "lt"
		return []changed{{"aws_autoscaling_group.g", before, after, nil}}
	}
	alarm := func(operator string, adjustment int) []changed {
		policy := object{"arn": "arn:p", "scaling_adjustment": adjustment}
		values := func(threshold int) object {
			return object{"threshold": threshold, "comparison_operator": operator, "alarm_actions": []string{"arn:p"}}
		}
		return []changed{{"aws_cloudwatch_metric_alarm.a", values(50), values(60), nil}, {"aws_autoscaling_policy.p", policy, policy, nil}}
	}
	replaced := []string{"delete", "create"}
	for name, c := range map[string]struct {
		changes  []changed
		severity rule.Severity
		want     string
	}{
		"template, later":      {[]changed{template, group(nil)}, rule.Look, "not now."},
		"template, now":        {[]changed{template, group([]object{{"strategy": "Rolling"}})}, rule.Look, "An instance refresh of aws_autoscaling_group.g replaces its machines now, batch by batch."},
		"image":                {[]changed{template}, rule.Look, "Machines start from another image"},
		"maximum raised":       {size(object{"max_size": 1}, object{"max_size": 2}), rule.Safe, "It may grow to 2 instances instead of 1; that is also what it may cost."},
		"maximum lowered":      {size(object{"max_size": 2}, object{"max_size": 1}), rule.Look, "less room for a peak"},
		"minimum raised":       {size(object{"min_size": 1, "desired_capacity": 2, "max_size": 9}, object{"min_size": 5, "desired_capacity": 2, "max_size": 9}), rule.Look, "3 instances start at once: the group has 2, and 5 is the least from now on."},
		"minimum lowered":      {size(object{"min_size": 2, "max_size": 3}, object{"min_size": 1, "max_size": 3}), rule.Look, "It may shrink to 1 instances instead of 2."},
		"scales out later":     {alarm("GreaterThanThreshold", 1), rule.Safe, "It scales out at 60 instead of 50: later."},
		"scales in earlier":    {alarm("LessThanThreshold", -1), rule.Safe, "It scales in at 60 instead of 50: earlier."},
		"load balancer":        {[]changed{{"aws_lb.a", object{"name": "a"}, object{"name": "b"}, replaced}}, rule.Dangerous, "Its DNS name changes, and all connections drop"},
		"target group":         {[]changed{{"aws_lb_target_group.a", object{"port": 80}, object{"port": 81}, replaced}}, rule.Dangerous, "All targets deregister first"},
		"target group, before": {[]changed{{"aws_lb_target_group.a", object{"port": 80}, object{"port": 81}, []string{"create", "delete"}}}, rule.Dangerous, "Targets move to the new group"},
		"certificate":          {[]changed{{"aws_lb_listener.a", object{"certificate_arn": "a"}, object{"certificate_arn": "b"}, nil}}, rule.Look, "Another certificate is served at once."},
		"forgotten":            {[]changed{{"aws_lb.a", object{"name": "a"}, nil, []string{"forget"}}}, rule.Look, "Terraform forgets it; at AWS it stays as it is."},
		"role":                 {[]changed{{"aws_iam_role_policy.a", object{"policy": `{"a":1}`}, object{"policy": `{"a":2}`}, nil}}, rule.Look, "Permissions change at once"},
		"unknown type":         {[]changed{{"other_thing.a", object{"a": 1}, nil, nil}, {"other_thing.b", object{"a": 1}, object{"a": 1}, nil}}, rule.Look, ""},
	} {
		s := one(t, review.Config{}, c.changes...)
		if got := strings.Join(s.Changes[0].Consequences, " "); !strings.Contains(got, c.want) || s.Severity != c.severity {
			t.Errorf("%s: %s, %q, want %s, %q", name, s.Severity, got, c.severity, c.want)
		}
	}
}

// Accepted findings do not count, and are kept with their reasons.
func TestAccepted(t *testing.T) {
	bad := []changed{{"aws_lb_target_group.a", object{"port": 80}, object{"port": 81}, []string{"delete", "create"}}}
	s := one(t, review.Config{}, bad...)
	if s.Severity != rule.Dangerous || len(s.Findings) != 1 {
		t.Fatalf("%+v", s)
	}
	known := review.NewBaseline(review.Report{Stacks: []review.Stack{s}})
	s = one(t, review.Config{Accepted: known.Accepts}, bad...)
	if s.Severity != rule.Look || len(s.Findings) != 0 || len(s.Accepted) != 1 || s.Accepted[0].Reason == "" {
		t.Errorf("%s: %+v", s.Severity, s)
	}
	for pattern, want := range map[string]bool{"": true, "*": true, "aws_lb_*.a": true, "aws_lb": false, "aws.*": false, `module.*["x"].aws_lb*`: false} {
		off := review.Switched{Rule: "traffic-interrupted", Address: pattern}
		if got := off.Accepts(review.Finding{Rule: "traffic-interrupted", Address: "aws_lb_target_group.a"}); got != want {
			t.Errorf("%q accepts: %t", pattern, got)
		}
	}
}

func TestBadBaseline(t *testing.T) {
	for text, want := range map[string]string{
		`{`:                         "known.json is no baseline: unexpected EOF; --write-baseline writes one",
		`{"version":2}`:             "known.json: version is 2, want 1",
		`{"version":1,"accept":[]}`: `known.json is no baseline: json: unknown field "accept"; --write-baseline writes one`,
		`{"version":1,"accepted":[{"rule":"r"}]}`: "known.json: accepted[0] has no rule or no address",
	} {
		if _, err := review.ReadBaseline("known.json", []byte(text)); fmt.Sprint(err) != want {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
}

// What rules and prices do not know is named.
func TestUnknownIsSaid(t *testing.T) {
	prices, err := price.Default()
	if err != nil {
		t.Fatal(err)
	}
	queue := changed{"aws_mq_broker.q", nil, object{"a": 1}, nil}
	s := one(t, review.Config{Prices: prices, Region: "us-east-1"}, queue, changed{"aws_mq_broker.r", nil, object{}, nil}, changed{"aws_route53_zone.z", nil, object{}, nil})
	if diff := cmp.Diff([]review.TypeCount{{Type: "aws_mq_broker", Count: 2}, {Type: "aws_route53_zone", Count: 1}}, s.Uncovered); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := fmt.Sprint(s.Cost.After.Unknown); !strings.Contains(got, "aws_mq_broker (2)") {
		t.Errorf("unknown costs: %s", got)
	}
	s = one(t, review.Config{Prices: prices}, queue)
	if s.Cost != nil || !strings.Contains(strings.Join(s.Notes, " "), "--region names it") {
		t.Errorf("without a region: cost %v, notes %q", s.Cost, s.Notes)
	}
}
