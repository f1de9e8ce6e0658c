package review_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tandem-iac/tandem/internal/cost"
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
	updated := func(kind string, before, after object) []changed { return []changed{{kind + ".a", before, after, nil}} }
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
		"alarm, mute":          {updated("aws_cloudwatch_metric_alarm", object{"alarm_actions": []string{"arn:t"}}, object{"alarm_actions": []string{}}), rule.Look, "It fires, and nothing follows."},
		"alarm, off":           {updated("aws_cloudwatch_metric_alarm", object{"alarm_actions": []string{"a"}, "actions_enabled": true}, object{"alarm_actions": []string{"a"}, "actions_enabled": false}), rule.Look, "nothing follows"},
		"alarm, others told":   {updated("aws_cloudwatch_metric_alarm", object{"alarm_actions": []string{"arn:t"}}, object{"alarm_actions": []string{"arn:u"}}), rule.Look, "changes at once"},
		"Kafka, new version":   {updated("aws_msk_cluster", object{"kafka_version": "3.5"}, object{"kafka_version": "3.6"}), rule.Look, "cannot be taken back"},
		"Kafka, fewer brokers": {updated("aws_msk_cluster", object{"number_of_broker_nodes": 4}, object{"number_of_broker_nodes": 2}), rule.Look, "the apply fails"},
		"Kafka, more brokers":  {updated("aws_msk_cluster", object{"number_of_broker_nodes": 2}, object{"number_of_broker_nodes": 4}), rule.Safe, "carry nothing until"},
		"Kafka, configured":    {updated("aws_msk_cluster", object{"configuration_info": []object{{"revision": 1}}}, object{"configuration_info": []object{{"revision": 2}}}), rule.Look, "restart one after the other"},
		"Kafka, replaced":      {[]changed{{"aws_msk_cluster.a", object{"cluster_name": "a"}, object{"cluster_name": "b"}, replaced}}, rule.Dangerous, "A new, empty cluster"},
		"search, larger":       {updated("aws_opensearch_domain", object{"cluster_config": []object{{"instance_count": 1}}}, object{"cluster_config": []object{{"instance_count": 2}}}), rule.Look, "moves to new nodes"},
		"search, destroyed":    {[]changed{{"aws_opensearch_domain.a", object{"domain_name": "a"}, nil, nil}, {"other_thing.b", object{"a": 1}, object{"a": 1}, nil}}, rule.Dangerous, "All indices go with it"},
		"logs, kept shorter":   {updated("aws_cloudwatch_log_group", object{"retention_in_days": 0}, object{"retention_in_days": 30}), rule.Look, "Logs older than 30 days are deleted"},
		"logs, kept longer":    {updated("aws_cloudwatch_log_group", object{"retention_in_days": 30}, object{"retention_in_days": 60}), rule.Safe, ""},
		"topic, replaced":      {[]changed{{"aws_sns_topic.a", object{"name": "a"}, object{"name": "b"}, replaced}}, rule.Look, "another ARN and no subscriptions"},
		"subscription":         {[]changed{{"aws_sns_topic_subscription.a", object{"endpoint": "a"}, object{"endpoint": "b"}, replaced}}, rule.Look, "confirm it again"},
		"secret":               {[]changed{{"aws_secretsmanager_secret_version.a", object{"id": "a"}, object{"id": "b"}, replaced}}, rule.Look, "from the next start on"},
		"expiry":               {updated("aws_s3_bucket_lifecycle_configuration", object{"rule": []object{{"id": "a"}}}, object{"rule": []object{{"id": "b"}}}), rule.Look, "is deleted within days"},
		"unknown type":         {[]changed{{"other_thing.a", object{"a": 1}, nil, nil}, {"other_thing.b", object{"a": 1}, object{"a": 1}, nil}}, rule.Look, ""},
	} {
		s := one(t, review.Config{}, c.changes...)
		if got := strings.Join(s.Changes[0].Consequences, " "); !strings.Contains(got, c.want) || s.Severity != c.severity {
			t.Errorf("%s: %s, %q, want %s, %q", name, s.Severity, got, c.severity, c.want)
		}
	}
}

// Engineers look for an alarm where what it does is.
func TestGroups(t *testing.T) {
	policy := object{"arn": "arn:p"}
	s := one(t, review.Config{},
		changed{"aws_autoscaling_policy.p", policy, policy, nil},
		changed{"aws_cloudwatch_metric_alarm.scales", object{"threshold": 1, "alarm_actions": []string{"arn:p"}}, object{"threshold": 2}, nil},
		changed{"aws_cloudwatch_metric_alarm.tells", object{"threshold": 1, "alarm_actions": []string{"arn:t"}}, object{"threshold": 2}, nil},
		changed{"aws_cloudwatch_composite_alarm.c", nil, object{"alarm_rule": "ALARM(a)"}, nil},
		changed{"aws_cloudwatch_log_group.l", nil, object{"name": "l"}, nil},
		changed{"aws_msk_cluster.k", nil, object{"cluster_name": "k"}, nil},
		changed{"aws_secretsmanager_secret.s", nil, object{"name": "s"}, nil},
		changed{"aws_s3_bucket.packages", nil, object{"bucket": "p"}, nil},
		changed{"aws_mq_broker.m", nil, object{"broker_name": "m"}, nil})
	got := map[string]review.Group{}
	for _, c := range s.Changes {
		got[c.Address] = c.Group
	}
	want := map[string]review.Group{
		"aws_cloudwatch_metric_alarm.scales": review.Scaling, "aws_cloudwatch_metric_alarm.tells": review.Monitoring, "aws_cloudwatch_composite_alarm.c": review.Monitoring,
		"aws_cloudwatch_log_group.l": review.Logging, "aws_msk_cluster.k": review.Logging, "aws_secretsmanager_secret.s": review.Access,
		"aws_s3_bucket.packages": review.Release, "aws_mq_broker.m": review.Other,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
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
	queue := changed{"aws_mwaa_environment.q", nil, object{"a": 1}, nil}
	s := one(t, review.Config{Prices: prices, Region: "us-east-1"}, queue, changed{"aws_mwaa_environment.r", nil, object{}, nil}, changed{"aws_route53_zone.z", nil, object{}, nil})
	if diff := cmp.Diff([]review.TypeCount{{Type: "aws_mwaa_environment", Count: 2}, {Type: "aws_route53_zone", Count: 1}}, s.Uncovered); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := fmt.Sprint(s.Cost.After.Unknown); !strings.Contains(got, "aws_mwaa_environment (2)") {
		t.Errorf("unknown costs: %s", got)
	}
	kafka := changed{"aws_msk_cluster.k", nil, object{"number_of_broker_nodes": 3, "broker_node_group_info": []object{{"instance_type": "kafka.m5.large",
		"storage_info": []object{{"ebs_storage_info": []object{{"volume_size": 100}}}}}}}, nil}
	s = one(t, review.Config{Prices: prices, Region: "us-east-1"}, kafka, changed{"aws_sns_topic.t", nil, object{}, nil}, changed{"aws_sns_topic_policy.t", nil, object{}, nil})
	want := []cost.Unknown{
		{Name: "aws_msk_cluster.k", What: "3 brokers of kafka.m5.large with 100 GB each", Why: "tandem has no price of this type"},
		{Name: "aws_sns_topic (1)", What: "messages sent", Why: "it depends on how much there is"},
	}
	if diff := cmp.Diff(want, s.Cost.After.Unknown); diff != "" {
		t.Errorf("unknown costs (-want +got):\n%s", diff)
	}
	s = one(t, review.Config{Prices: prices}, queue)
	if s.Cost != nil || !strings.Contains(strings.Join(s.Notes, " "), "--region names it") {
		t.Errorf("without a region: cost %v, notes %q", s.Cost, s.Notes)
	}
}
