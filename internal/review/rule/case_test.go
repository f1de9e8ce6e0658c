package rule_test

import (
	"encoding/base64"
	"fmt"
	"maps"
	"strings"
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

// kafka is a cluster that breaks no rule; search is such a domain. More goes
// over what they have.
func kafka(more object) object {
	return with(object{"cluster_name": "k", "client_authentication": list{object{"sasl": list{object{"iam": true}}}}}, more)
}

func search(more object) object {
	on := list{object{"enabled": true}}
	return with(object{"domain_name": "s", "encrypt_at_rest": on, "node_to_node_encryption": on,
		"domain_endpoint_options": list{object{"enforce_https": true}}}, more)
}

func with(values, more object) object {
	maps.Copy(values, more)
	return values
}

// topic is there with a subscription, and an alarm on nothing of ours names it.
func topic(actions string) patch {
	const arn = "arn:aws:sns:us-east-1:123456789012:t"
	return all(exists("aws_sns_topic.t", object{"arn": arn}),
		exists("aws_sns_topic_subscription.t", object{"topic_arn": arn}),
		exists("aws_cloudwatch_metric_alarm.t", object{"threshold": 1, actions: list{arn}}))
}

// script is user data of so many bytes.
func script(size int) string {
	return base64.StdEncoding.EncodeToString([]byte(strings.Repeat("a", size)))
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

	"store-public": {"aws_msk_cluster.k", add("aws_msk_cluster.k", kafka(object{"broker_node_group_info": list{object{"connectivity_info": list{object{
		"public_access": list{object{"type": "SERVICE_PROVIDED_EIPS"}}}}}}})),
		all(add("aws_msk_cluster.k", kafka(object{"broker_node_group_info": list{object{"connectivity_info": list{object{
			"public_access": list{object{"type": "DISABLED"}}}}}}})), add("aws_db_instance.d", object{"publicly_accessible": false}))},
	"store-unencrypted": {"aws_opensearch_domain.s", add("aws_opensearch_domain.s", search(object{"encrypt_at_rest": list{object{"enabled": false}}})),
		add("aws_opensearch_domain.s", search(nil))},
	"store-traffic-in-clear": {"aws_msk_cluster.k",
		add("aws_msk_cluster.k", kafka(object{"encryption_info": list{object{"encryption_in_transit": list{object{"client_broker": "TLS_PLAINTEXT"}}}}})),
		all(add("aws_msk_cluster.k", kafka(nil)), add("aws_opensearch_domain.s", search(nil)))},
	"kafka-without-authentication": {"aws_msk_cluster.k", add("aws_msk_cluster.k", object{"cluster_name": "k"}), add("aws_msk_cluster.k", kafka(nil))},
	"policy-for-anyone": {"aws_sns_topic_policy.p", add("aws_sns_topic_policy.p", object{"policy": statement("Allow", "*", "sns:Publish", "*", "")}),
		all(add("aws_sns_topic_policy.p", object{"policy": statement("Allow", "*", "sns:Publish", "*", onlyOurs)}),
			add("aws_opensearch_domain.s", search(object{"access_policies": statement("Allow", "*", "es:*", "*", ""), "vpc_options": list{object{"subnet_ids": list{"subnet-1"}}}})))},

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
	"thresholds-too-close": {inAlarm, after(inAlarm, "threshold", 40.5), after(inAlarm, "threshold", 40)},
	"topic-lost": {"aws_sns_topic.t", all(topic("alarm_actions"), destroy("aws_sns_topic.t", "aws_sns_topic_subscription.t")),
		all(topic("ok_actions"), destroy("aws_sns_topic.t", "aws_sns_topic_subscription.t"))},
	"topic-unsubscribed": {"aws_sns_topic.t", all(topic("alarm_actions"), destroy("aws_sns_topic_subscription.t")),
		all(topic("alarm_actions"), destroy("aws_sns_topic_subscription.t"), add("aws_sns_topic_subscription.u", object{"topic_arn": "ref:aws_sns_topic.t", "protocol": "email"}))},
	"name-too-long": {"aws_lb.new", add("aws_lb.new", object{"name": strings.Repeat("a", 33)}), add("aws_lb.new", object{"name": strings.Repeat("a", 32)})},
	"subnet-does-not-fit": {"aws_subnet.new", add("aws_subnet.new", object{"vpc_id": "ref:aws_vpc.v", "cidr_block": "10.0.11.128/25"}),
		add("aws_subnet.new", object{"vpc_id": "ref:aws_vpc.v", "cidr_block": "10.0.12.0/24"})},
	"user-data-too-large":    {template, after(template, "user_data", script(16<<10+1)), after(template, "user_data", script(16<<10))},
	"thresholds-cross":       {inAlarm, after(inAlarm, "threshold", 50), after(inAlarm, "threshold", 49)},
	"on-demand-scales-first": {"aws_cloudwatch_metric_alarm.od", odAlarm(50), odAlarm(51)},

	"tls-policy-weak":             {"aws_lb_listener.s", https(nil), https("ELBSecurityPolicy-TLS13-1-2-Res-2021-06")},
	"http-without-tls":            {listener, after(listener, "default_action.0.type", "forward"), all(after(listener, "default_action.0.type", "forward"), after(balancer, "internal", true))},
	"deletion-protection-off":     {"aws_lb.new", add("aws_lb.new", object{"enable_deletion_protection": false}), add("aws_lb.new", object{"enable_deletion_protection": true})},
	"access-logs-off":             {"aws_lb.new", add("aws_lb.new", object{}), add("aws_lb.new", object{"access_logs": list{object{"bucket": "logs", "enabled": true}}})},
	"draining-longer-than-notice": {targets, after(targets, "deregistration_delay", "91"), after(targets, "deregistration_delay", "90")},
}
