package rule_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tandem-iac/tandem/internal/review/rule"
)

const (
	onDemand = "aws_autoscaling_group.on_demand"
	spot     = "aws_autoscaling_group.spot"
	template = "aws_launch_template.lt"
	balancer = "aws_lb.alb"
	targets  = "aws_lb_target_group.tg"
	listener = "aws_lb_listener.h"
	outAlarm = "aws_cloudwatch_metric_alarm.a"
	inAlarm  = "aws_cloudwatch_metric_alarm.in"
	out      = "aws_autoscaling_policy.out"
	in       = "aws_autoscaling_policy.in"
	bucket   = "aws_s3_bucket.b"
	mixed    = "mixed_instances_policy.0."
	overs    = mixed + "launch_template.0.override"
	dist     = mixed + "instances_distribution.0."
)

type list = []any

// statement is a policy document of one statement.
func statement(effect, principal, action, resource, condition string) string {
	text := fmt.Sprintf(`{"Version":"2012-10-17","Statement":{"Effect":%q,"Action":[%q]`, effect, action)
	for _, part := range []struct{ key, value string }{{"Principal", principal}, {"Resource", resource}} {
		if part.value != "" {
			text += fmt.Sprintf(`,%q:%q`, part.key, part.value)
		}
	}
	return text + condition + "}}"
}

const onlyOurs = `,"Condition":{"StringEquals":{"aws:SourceAccount":"123456789012"}}`

// odAlarm scales the on-demand group out at a threshold.
func odAlarm(threshold float64) patch {
	return func(p object) {
		add("aws_autoscaling_policy.od", object{"policy_type": "SimpleScaling", "adjustment_type": "ChangeInCapacity", "scaling_adjustment": 1, "autoscaling_group_name": "ref:" + onDemand})(p)
		add("aws_cloudwatch_metric_alarm.od", object{"namespace": "AWS/EC2", "metric_name": "CPUUtilization", "period": 300, "threshold": threshold,
			"comparison_operator": "GreaterThanThreshold", "alarm_actions": "ref:aws_autoscaling_policy.od", "dimensions": "ref:" + onDemand})(p)
	}
}

// all joins patches.
func all(patches ...patch) patch {
	return func(p object) {
		for _, apply := range patches {
			apply(p)
		}
	}
}

// https is a listener with a policy.
func https(policy any) patch {
	values := object{"protocol": "HTTPS", "port": 443, "load_balancer_arn": "ref:" + balancer, "default_action": list{object{"type": "forward"}}}
	if policy != nil {
		values["ssl_policy"] = policy
	}
	return add("aws_lb_listener.s", values)
}

// cases are, for each rule, a plan that breaks it and one that nearly does,
// both made of a plan in which nothing changes.
var cases = map[string]struct {
	at          string
	fires, miss patch
}{
	"everything-destroyed": {onDemand, func(p object) {
		for _, r := range p["resource_changes"].([]any) {
			destroy(r.(object)["address"].(string))(p)
		}
	}, func(p object) {
		for _, r := range p["resource_changes"].([]any) {
			if address := r.(object)["address"].(string); address != bucket {
				destroy(address)(p)
			}
		}
	}},
	"data-destroyed":      {bucket, replace(bucket, "bucket"), destroy("aws_s3_bucket_public_access_block.b")},
	"traffic-interrupted": {targets, replace(targets, "port"), destroy("aws_cloudwatch_metric_alarm.a")},
	"database-public": {"aws_db_instance.d", add("aws_db_instance.d", object{"publicly_accessible": true}),
		add("aws_db_instance.d", object{"publicly_accessible": false})},

	"instances-open-to-world": {"aws_vpc_security_group_ingress_rule.r",
		after("aws_vpc_security_group_ingress_rule.r", "cidr_ipv4", "0.0.0.0/0"),
		after("aws_vpc_security_group_ingress_rule.r", "cidr_ipv4", "10.0.0.0/8")},
	"load-balancer-open-ports": {"aws_vpc_security_group_ingress_rule.alb443",
		all(after("aws_vpc_security_group_ingress_rule.alb443", "from_port", 8080), after("aws_vpc_security_group_ingress_rule.alb443", "to_port", 8080)),
		all(after("aws_vpc_security_group_ingress_rule.alb443", "from_port", 80), after("aws_vpc_security_group_ingress_rule.alb443", "to_port", 80))},

	"role-wildcard": {"aws_iam_role_policy.p", add("aws_iam_role_policy.p", object{"policy": statement("Allow", "", "s3:*", "arn:aws:s3:::b/*", "")}),
		add("aws_iam_role_policy.p", object{"policy": statement("Allow", "", "s3:GetObject", "*", onlyOurs)})},
	"role-for-anyone": {"aws_iam_role.r", add("aws_iam_role.r", object{"assume_role_policy": statement("Allow", "*", "sts:AssumeRole", "", "")}),
		add("aws_iam_role.r", object{"assume_role_policy": statement("Allow", "*", "sts:AssumeRole", "", onlyOurs)})},
	"administrator-attached": {"aws_iam_role_policy_attachment.a",
		add("aws_iam_role_policy_attachment.a", object{"policy_arn": "arn:aws:iam::aws:policy/AdministratorAccess"}),
		add("aws_iam_role_policy_attachment.a", object{"policy_arn": "arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore"})},

	"bucket-public": {"aws_s3_bucket_public_access_block.b", after("aws_s3_bucket_public_access_block.b", "block_public_acls", false),
		add("aws_s3_bucket_policy.p", object{"policy": statement("Allow", "*", "s3:GetObject", "arn:aws:s3:::b/*", onlyOurs)})},
	"bucket-unversioned": {"aws_s3_bucket_versioning.b", after("aws_s3_bucket_versioning.b", "versioning_configuration.0.status", "Suspended"),
		after("aws_s3_bucket_versioning.b", "versioning_configuration.0.mfa_delete", "Disabled")},
	"bucket-force-destroy": {bucket, after(bucket, "force_destroy", true), after(bucket, "force_destroy", false)},

	"imdsv1-allowed": {template, after(template, "metadata_options", nil),
		all(after(template, "metadata_options.0.http_tokens", "optional"), after(template, "metadata_options.0.http_endpoint", "disabled"))},
	"secret-in-user-data": {template, after(template, "user_data", "ZXhwb3J0IERCX1BBU1NXT1JEPWh1bnRlcjIyMgo="), // export DB_PASSWORD=hunter222
		after(template, "user_data", "ZXhwb3J0IERCX1BBU1NXT1JEPSQoYXdzIHNzbSBnZXQtcGFyYW1ldGVyKQo=")}, // export DB_PASSWORD=$(aws ssm get-parameter)
	"unencrypted-volume": {template, after(template, "block_device_mappings", list{object{"device_name": "/dev/xvda", "ebs": list{object{"volume_size": 8}}}}),
		after(template, "block_device_mappings", list{object{"device_name": "/dev/xvda", "ebs": list{object{"volume_size": 8, "encrypted": "true"}}}})},
	"public-ip-on-instances": {template, after(template, "network_interfaces", list{object{"associate_public_ip_address": "true"}}),
		after(template, "network_interfaces", list{object{"associate_public_ip_address": "false"}})},

	"on-demand-minimum-zero": {onDemand, after(onDemand, "min_size", 0), after(spot, "min_size", 0)},
	"maximum-under-current-size": {onDemand, all(before(onDemand, "desired_capacity", 7), after(onDemand, "max_size", 6)),
		all(before(onDemand, "desired_capacity", 6), after(onDemand, "max_size", 6))},
	"minimum-above-maximum": {onDemand, after(onDemand, "min_size", 11), after(onDemand, "min_size", 10)},
	"desired-capacity-set": {onDemand, all(configure(onDemand, "desired_capacity", object{"constant_value": 4}), after(onDemand, "desired_capacity", 4)),
		after(onDemand, "desired_capacity", 4)},
	"single-zone": {onDemand, after(onDemand, "vpc_zone_identifier", list{"subnet-d5d1ca5e2caa9fa15"}),
		after(onDemand, "vpc_zone_identifier", list{"subnet-f9efab6a6a3cb3f82", "subnet-d5d1ca5e2caa9fa15"})},
	"health-check-ignores-load-balancer": {onDemand, after(onDemand, "health_check_type", "EC2"),
		all(after(onDemand, "health_check_type", "EC2"), after(onDemand, "target_group_arns", list{}), configure(onDemand, "target_group_arns", nil))},
	"target-group-attached-twice": {onDemand,
		add("aws_autoscaling_attachment.a", object{"autoscaling_group_name": "ref:" + onDemand, "lb_target_group_arn": "ref:" + targets}),
		all(configure(onDemand, "target_group_arns", nil), add("aws_autoscaling_attachment.a", object{"autoscaling_group_name": "ref:" + onDemand, "lb_target_group_arn": "ref:" + targets}))},
	"latest-template-version": {onDemand, after(onDemand, "launch_template.0.version", "$Latest"), after(onDemand, "launch_template.0.version", "2")},
	"processes-suspended":     {onDemand, after(onDemand, "suspended_processes", list{"AlarmNotification"}), after(onDemand, "suspended_processes", list{})},
	"hook-outlasts-cooldown": {"aws_autoscaling_lifecycle_hook.h",
		add("aws_autoscaling_lifecycle_hook.h", object{"autoscaling_group_name": "ref:" + spot}),
		add("aws_autoscaling_lifecycle_hook.h", object{"autoscaling_group_name": "ref:" + spot, "heartbeat_timeout": 299})},

	"bid-not-above-on-demand": {spot, after(spot, dist+"spot_max_price", "0.1"), after(spot, dist+"spot_max_price", "0.101")},
	"mixed-policy-with-spot-template": {spot, after(template, "instance_market_options", list{object{"market_type": "spot"}}),
		all(after(template, "instance_market_options", list{object{"market_type": "spot"}}), after(spot, "mixed_instances_policy", list{}), configure(spot, "mixed_instances_policy", nil))},
	"mixed-policy-without-spot":  {spot, after(spot, dist+"on_demand_percentage_above_base_capacity", nil), after(spot, dist+"on_demand_percentage_above_base_capacity", 99)},
	"spot-waits-for-capacity":    {spot, after(spot, "wait_for_capacity_timeout", nil), all(after(onDemand, "wait_for_capacity_timeout", "10m"))},
	"spot-strategy-lowest-price": {spot, after(spot, dist+"spot_allocation_strategy", nil), after(spot, dist+"spot_allocation_strategy", "capacity-optimized")},
	"single-spot-type":           {spot, after(spot, overs, list{object{"instance_type": "m4.large"}}), after(spot, overs, list{object{"instance_type": "m4.large"}, object{"instance_type": "m4.xlarge"}})},
	"capacity-rebalance-off":     {spot, after(spot, "capacity_rebalance", false), after(onDemand, "capacity_rebalance", false)},

	"scale-in-lost": {inAlarm, after(inAlarm, "alarm_actions", list{}),
		all(destroy(inAlarm), add("aws_cloudwatch_metric_alarm.new", object{"namespace": "AWS/EC2", "metric_name": "CPUUtilization", "threshold": 20, "period": 60,
			"alarm_actions": "ref:" + in, "dimensions": "ref:" + spot}))},
	"scale-out-lost": {outAlarm, destroy(outAlarm),
		all(destroy(outAlarm), add("aws_autoscaling_policy.t", object{"policy_type": "TargetTrackingScaling", "autoscaling_group_name": "ref:" + spot}))},
	"alarm-without-action": {outAlarm, after(outAlarm, "actions_enabled", false), after(outAlarm, "actions_enabled", true)},
	"fast-alarm-on-basic-monitoring": {inAlarm, after(template, "monitoring", list{}),
		all(after(template, "monitoring", list{}), after(inAlarm, "period", 300))},
	"missing-data-scales-in":    {inAlarm, after(inAlarm, "treat_missing_data", "breaching"), after(outAlarm, "treat_missing_data", "breaching")},
	"alarm-watches-other-group": {outAlarm, after(outAlarm, "dimensions.AutoScalingGroupName", "on-demand-20261123112909689800000001"), after(outAlarm, "dimensions", object{"LoadBalancer": "app/alb/1"})},

	"cooldown-on-step-scaling": {out, after(out, "cooldown", 60), after(in, "cooldown", 60)},
	"warmup-on-simple-scaling": {in, after(in, "estimated_instance_warmup", 60), after(out, "estimated_instance_warmup", 60)},
	"steps-gap-or-overlap": {out, after(out, "step_adjustment", list{
		object{"metric_interval_lower_bound": "0", "metric_interval_upper_bound": "10", "scaling_adjustment": 10},
		object{"metric_interval_lower_bound": "11", "scaling_adjustment": 25}}),
		after(out, "step_adjustment", list{
			object{"metric_interval_lower_bound": "10", "scaling_adjustment": 25},
			object{"metric_interval_lower_bound": "0", "metric_interval_upper_bound": "10", "scaling_adjustment": 10}})},
	"thresholds-cross":       {inAlarm, after(inAlarm, "threshold", 50), after(inAlarm, "threshold", 49)},
	"on-demand-scales-first": {"aws_cloudwatch_metric_alarm.od", odAlarm(50), odAlarm(51)},

	"tls-policy-weak":             {"aws_lb_listener.s", https(nil), https("ELBSecurityPolicy-TLS13-1-2-Res-2021-06")},
	"http-without-tls":            {listener, after(listener, "default_action.0.type", "forward"), all(after(listener, "default_action.0.type", "forward"), after(balancer, "internal", true))},
	"deletion-protection-off":     {"aws_lb.new", add("aws_lb.new", object{"enable_deletion_protection": false}), add("aws_lb.new", object{"enable_deletion_protection": true})},
	"access-logs-off":             {"aws_lb.new", add("aws_lb.new", object{}), add("aws_lb.new", object{"access_logs": list{object{"bucket": "logs", "enabled": true}}})},
	"draining-longer-than-notice": {targets, after(targets, "deregistration_delay", "91"), after(targets, "deregistration_delay", "90")},
}

func TestRules(t *testing.T) {
	for _, r := range rule.All() {
		c, ok := cases[r.ID]
		if !ok {
			t.Errorf("%s has no case", r.ID)
			continue
		}
		t.Run(r.ID, func(t *testing.T) {
			fired, _ := check(t, "unchanged", c.fires)
			if !slices.Contains(brought(fired, r.ID), c.at) {
				t.Errorf("it does not fire at %s: %q", c.at, summary(fired))
			}
			missed, _ := check(t, "unchanged", c.miss)
			if at := brought(missed, r.ID); len(at) > 0 {
				t.Errorf("the near miss fires at %q: %q", at, summary(missed))
			}
		})
	}
	if got := len(cases); got != len(rule.All()) {
		t.Errorf("%d cases for %d rules", got, len(rule.All()))
	}
}

// brought are the addresses at which a plan brings a rule's fault in.
func brought(findings []rule.Finding, id string) (addresses []string) {
	for _, f := range findings {
		if f.Rule.ID == id && !f.Existing {
			addresses = append(addresses, f.Address)
		}
	}
	return addresses
}

func summary(findings []rule.Finding) (lines []string) {
	for _, f := range findings {
		line := f.Rule.ID + " " + f.Address + ": " + f.Detail
		if f.Existing {
			line += " (existing)"
		}
		lines = append(lines, line)
	}
	return lines
}

// Further ways to break a rule, or not to.
func TestMoreOfRules(t *testing.T) {
	for _, c := range []struct {
		name, rule string
		plan       string
		patch      patch
		want       []string
	}{
		{"IPv6", "instances-open-to-world", "unchanged", after("aws_vpc_security_group_ingress_rule.r", "cidr_ipv6", "::/0"), at("aws_vpc_security_group_ingress_rule.r")},
		{"half of the world", "instances-open-to-world", "unchanged", after("aws_vpc_security_group_ingress_rule.r", "cidr_ipv4", "128.0.0.0/1"), at("aws_vpc_security_group_ingress_rule.r")},
		{"inline", "instances-open-to-world", "unchanged", after("aws_security_group.i", "ingress", list{object{"cidr_blocks": list{"0.0.0.0/0"}, "from_port": 0, "to_port": 0, "protocol": "-1"}}), at("aws_security_group.i")},
		{"instances join the load balancer's group", "instances-open-to-world", "unchanged", after(template, "vpc_security_group_ids", list{"sg-9b938a47a6d809124"}), at("aws_security_group.alb", "aws_vpc_security_group_ingress_rule.alb443")},
		{"the load balancer's own", "instances-open-to-world", "create", all(), at()},
		{"before there was an apply", "draining-longer-than-notice", "create", after(targets, "deregistration_delay", "300"), at(targets)},
		{"nothing is known yet", "on-demand-minimum-zero", "create", after(onDemand, "min_size", 0), at(onDemand)},
		{"versioning destroyed", "bucket-unversioned", "unchanged", destroy("aws_s3_bucket_versioning.b"), at("aws_s3_bucket_versioning.b")},
		{"with its bucket", "bucket-unversioned", "unchanged", destroy("aws_s3_bucket_versioning.b", bucket), at()},
		{"block destroyed", "bucket-public", "unchanged", destroy("aws_s3_bucket_public_access_block.b"), at("aws_s3_bucket_public_access_block.b")},
		{"scale-in destroyed with its group", "scale-in-lost", "unchanged", destroy(inAlarm, spot), at()},
		{"alarm switched off", "scale-in-lost", "unchanged", after(inAlarm, "actions_enabled", false), at(inAlarm)},
		{"overlap", "steps-gap-or-overlap", "unchanged", after(out, "step_adjustment", list{
			object{"metric_interval_lower_bound": "0", "scaling_adjustment": 10}, object{"metric_interval_lower_bound": "5", "scaling_adjustment": 25}}), at(out)},
		{"no bounds", "steps-gap-or-overlap", "unchanged", after(out, "step_adjustment", list{object{"scaling_adjustment": 10}}), at(out)},
		{"everybody, in a list", "role-for-anyone", "unchanged", add("aws_iam_role.r", object{"assume_role_policy": `{"Statement":[{"Effect":"Allow","Principal":{"AWS":["*"]},"Action":"sts:AssumeRole"}]}`}), at("aws_iam_role.r")},
		{"looking at everything", "role-wildcard", "unchanged", add("aws_iam_policy.p", object{"policy": statement("Allow", "", "ec2:DescribeInstances", "*", "")}), at()},
		{"denying everything", "role-wildcard", "unchanged", add("aws_iam_policy.p", object{"policy": statement("Deny", "", "*", "*", "")}), at()},
		{"all but some", "role-wildcard", "unchanged", add("aws_iam_policy.p", object{"policy": `{"Statement":[{"Effect":"Allow","NotAction":"iam:*","Resource":"*"}]}`}), at("aws_iam_policy.p")},
		{"TLS 1.0 by name", "tls-policy-weak", "unchanged", https("ELBSecurityPolicy-TLS13-1-0-2021-06"), at("aws_lb_listener.s")},
		{"destroyed in all but one", "traffic-interrupted", "unchanged", destroy(balancer, bucket), at(balancer)},
	} {
		t.Run(c.name, func(t *testing.T) {
			findings, _ := check(t, c.plan, c.patch)
			got := brought(findings, c.rule)
			if c.name == "a group of both" { // open before; now instances have it
				got = slices.DeleteFunc(got, func(at string) bool {
					return strings.HasPrefix(at, "aws_security_group.alb") || strings.HasSuffix(at, "alb443")
				})
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s\n%q", c.rule, diff, summary(findings))
			}
		})
	}
}

func at(addresses ...string) []string { return addresses }

// What was there already is told from what a plan brings in.
func TestExisting(t *testing.T) {
	findings, _ := check(t, "unchanged", both(targets, "deregistration_delay", "300"))
	i := slices.IndexFunc(findings, func(f rule.Finding) bool { return f.Rule.ID == "draining-longer-than-notice" })
	if i < 0 || !findings[i].Existing {
		t.Errorf("%q: want the long draining, there already", summary(findings))
	}
	// The group's bid could not be read back: nobody can say that it is old.
	findings, _ = check(t, "unchanged", after(spot, dist+"spot_max_price", "0.01"))
	if len(brought(findings, "bid-not-above-on-demand")) == 0 {
		t.Errorf("%q: want the low bid, brought in", summary(findings))
	}
}

func TestRealPlans(t *testing.T) {
	existing := []string{"access-logs-off aws_lb.alb: access_logs is off (existing)", "deletion-protection-off aws_lb.alb: enable_deletion_protection is off (existing)"}
	for name, want := range map[string][]string{
		"unchanged": existing,
		"resize":    existing,
		"new-image": existing,
		"create":    {"access-logs-off aws_lb.alb: access_logs is off", "deletion-protection-off aws_lb.alb: enable_deletion_protection is off"},
		"destroy":   {"data-destroyed aws_s3_bucket.b: the bucket is destroyed", "everything-destroyed aws_autoscaling_group.on_demand: all 26 resources"},
		"risky": append([]string{
			"bid-not-above-on-demand aws_autoscaling_group.spot: bids 0.05, and on demand m4.large costs 0.1, m5.large costs 0.096",
			"draining-longer-than-notice aws_lb_target_group.tg: deregistration_delay is 300 s, the notice 120 s",
			"imdsv1-allowed aws_launch_template.lt: http_tokens is optional",
			"instances-open-to-world aws_vpc_security_group_ingress_rule.r: 0.0.0.0/0 may reach port 80",
			"on-demand-minimum-zero aws_autoscaling_group.on_demand: min_size is 0, and aws_autoscaling_group.spot is spot",
			"scale-in-lost aws_cloudwatch_metric_alarm.in: it is destroyed; aws_autoscaling_group.spot stays",
		}, existing...),
	} {
		findings, notes := check(t, name)
		got := summary(findings)
		slices.Sort(got)
		slices.Sort(want)
		if diff := cmp.Diff(want, got); diff != "" || len(notes) > 0 {
			t.Errorf("%s (-want +got), notes %q:\n%s", name, notes, diff)
		}
	}
}

func TestUnknownPriceIsSaid(t *testing.T) {
	_, notes := check(t, "unchanged", after(spot, overs, list{object{"instance_type": "x9.large"}}))
	if len(notes) != 1 || !strings.Contains(notes[0], "x9.large") {
		t.Errorf("notes are %q, want one on x9.large", notes)
	}
}
