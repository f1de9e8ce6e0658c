package rule_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tandem-iac/tandem/internal/review/rule"
)

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
		{"a database", "store-public", "unchanged", add("aws_db_instance.d", object{"publicly_accessible": true}), at("aws_db_instance.d")},
		{"left out", "store-unencrypted", "unchanged", add("aws_opensearch_domain.s", object{"domain_name": "s"}), at("aws_opensearch_domain.s")},
		{"read back later", "store-unencrypted", "unchanged", later("aws_opensearch_domain.s", "encrypt_at_rest"), at("aws_opensearch_domain.s")},
		{"of a snapshot", "store-unencrypted", "unchanged", add("aws_db_instance.d", object{"snapshot_identifier": "s"}), at()},
		{"HTTP to a domain", "store-traffic-in-clear", "unchanged", add("aws_opensearch_domain.s", search(object{"domain_endpoint_options": list{object{"enforce_https": false}}})), at("aws_opensearch_domain.s")},
		{"beside IAM", "kafka-without-authentication", "unchanged", add("aws_msk_cluster.k", kafka(object{"client_authentication": list{object{"unauthenticated": true, "sasl": list{object{"iam": true}}}}})), at("aws_msk_cluster.k")},
		{"search domain on the internet", "policy-for-anyone", "unchanged", add("aws_opensearch_domain.s", search(object{"access_policies": statement("Allow", "*", "es:*", "*", "")})), at("aws_opensearch_domain.s")},
		{"policy of a domain inside", "policy-for-anyone", "unchanged", all(add("aws_opensearch_domain.s", search(object{"vpc_options": list{object{"subnet_ids": list{"subnet-1"}}}})),
			add("aws_opensearch_domain_policy.p", object{"domain_name": "s", "access_policies": statement("Allow", "*", "es:*", "*", "")})), at()},
		{"outside of the network", "subnet-does-not-fit", "unchanged", add("aws_subnet.new", object{"vpc_id": "ref:aws_vpc.v", "cidr_block": "10.1.0.0/24"}), at("aws_subnet.new")},
		{"in another range of it", "subnet-does-not-fit", "unchanged", all(add("aws_subnet.new", object{"vpc_id": "ref:aws_vpc.v", "cidr_block": "10.1.0.0/24"}),
			add("aws_vpc_ipv4_cidr_block_association.a", object{"vpc_id": "ref:aws_vpc.v", "cidr_block": "10.1.0.0/16"})), at()},
		{"another topic instead", "topic-lost", "unchanged", all(topic("alarm_actions"), destroy("aws_sns_topic.t"), add("aws_sns_topic.u", object{"name": "u"}),
			later("aws_cloudwatch_metric_alarm.t", "alarm_actions")), at()},
		{"with its alarm", "topic-lost", "unchanged", all(topic("alarm_actions"), destroy("aws_sns_topic.t", "aws_cloudwatch_metric_alarm.t")), at()},
		{"composite alarm", "alarm-without-action", "unchanged", add("aws_cloudwatch_composite_alarm.c", object{"alarm_rule": `ALARM("x")`}), at("aws_cloudwatch_composite_alarm.c")},
		{"read by a composite alarm", "alarm-without-action", "unchanged", all(after(outAlarm, "alarm_actions", list{}), after(outAlarm, "alarm_name", "cpu"),
			add("aws_cloudwatch_composite_alarm.c", object{"alarm_rule": `ALARM("cpu") OR ALARM("x")`, "alarm_actions": list{"arn:x"}})), at()},
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
