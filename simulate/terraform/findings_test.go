package terraform_test

import (
	"os"
	"strings"
	"testing"

	"github.com/tandem-iac/tandem/simulate/catalog"
	"github.com/tandem-iac/tandem/simulate/terraform"
)

const (
	groupAt    = "aws_autoscaling_group.g: "
	policyAt   = "aws_autoscaling_policy.out: "
	alarmAt    = "aws_cloudwatch_metric_alarm.high: "
	templateAt = "aws_launch_template.t: "
)

// mixed is a mixed instances policy with these overrides.
func mixed(overrides string) string {
	return group(`{"launch_template": null, "mixed_instances_policy": {"launch_template": {"launch_template_specification": {"launch_template_name": "${aws_launch_template.t.name}"}, "override": [` + overrides + `]}}}`)
}

// TestFindings breaks a stack in one way after another.
func TestFindings(t *testing.T) {
	for _, test := range []struct{ name, patch, refused, warned string }{
		{"as it is", `{}`, "", ""},
		{"target tracking", policy(`{"policy_type": "TargetTrackingScaling"}`), policyAt + "policy_type is TargetTrackingScaling, which is not simulated", ""},
		{"predictive", policy(`{"policy_type": "PredictiveScaling", "predictive_scaling_configuration": {"mode": "ForecastAndScale"}}`), policyAt + "policy_type is PredictiveScaling, which is not", ""},
		{"forecasts only", policy(`{"policy_type": "PredictiveScaling", "predictive_scaling_configuration": {}}`), "", policyAt + "policy_type is PredictiveScaling in mode ForecastOnly"},
		{"a disabled policy", policy(`{"enabled": false}`), "", policyAt + "enabled is false"},
		{"no steps", policy(`{"policy_type": "StepScaling"}`), policyAt + "step_adjustment is not set", ""},
		{"no amount", policy(`{"scaling_adjustment": null}`), policyAt + "scaling_adjustment is not set", ""},
		{"half an instance", policy(`{"scaling_adjustment": 1.5}`), policyAt + "scaling_adjustment is 1.5, want a whole number", ""},
		{"an adjustment of another kind", policy(`{"adjustment_type": "Double"}`), policyAt + `adjustment_type is "Double", want ChangeInCapacity`, ""},
		{"another type", policy(`{"scaling_adjustment": [1]}`), policyAt + "scaling_adjustment is a list, want a number", ""},
		{"a policy without an alarm", alarm(`{"alarm_actions": []}`), policyAt + "no alarm here invokes it", ""},
		{"a rescue of spot by spot", `{"resource": {"aws_launch_template": {"t": {"instance_market_options": {"market_type": "spot"}}}, "aws_cloudwatch_metric_alarm": {"high": {"alarm_actions": []}}, "aws_autoscaling_group": {
			"g": {"target_group_arns": ["arn:x"]}, "h": {"name": "h", "min_size": 1, "max_size": 1, "target_group_arns": ["arn:x"], "launch_template": {"id": "${aws_launch_template.t.id}"}}}}}`,
			policyAt + "no alarm here invokes it", "its target group is not here"},
		{"actions of an alarm that are off", alarm(`{"actions_enabled": false}`), policyAt + "no alarm here invokes it", alarmAt + "actions_enabled is false"},
		{"a group that is not here", policy(`{"autoscaling_group_name": "other"}`), "", policyAt + "acts on group other, which is not here"},
		{"a group that is not known", policy(`{"autoscaling_group_name": "${data.aws_autoscaling_group.x.name}"}`), policyAt + "autoscaling_group_name is data.aws_autoscaling_group.x.name, want one group", ""},
		{"metric math", alarm(`{"metric_query": [{"expression": "m1/2", "id": "e"}, {"id": "m1"}]}`), alarmAt + "metric_query is metric math", ""},
		{"another metric", alarm(`{"namespace": "AWS/ApplicationELB", "metric_name": "RequestCount"}`), alarmAt + "watches AWS/ApplicationELB RequestCount, which is not simulated", ""},
		{"an instance's CPU", alarm(`{"dimensions": {"AutoScalingGroupName": null, "InstanceId": "i-1"}}`), alarmAt + "dimensions has InstanceId, want AutoScalingGroupName alone", ""},
		{"a dimension in another case", alarm(`{"dimensions": {"AutoScalingGroupName": null, "autoscalinggroupname": "g"}}`), alarmAt + "dimensions has autoscalinggroupname, want AutoScalingGroupName", ""},
		{"the CPU of a group that is not here", alarm(`{"dimensions": {"AutoScalingGroupName": "h"}}`), alarmAt + "watches h, which is not one group that is here", ""},
		{"a percentile", alarm(`{"statistic": null, "extended_statistic": "p99"}`), alarmAt + `statistic is "p99", which is not simulated`, ""},
		{"seconds", alarm(`{"period": 10}`), alarmAt + "period is 10 s, want whole minutes", ""},
		{"anomalies", alarm(`{"comparison_operator": "GreaterThanUpperThreshold"}`), alarmAt + `comparison_operator is "GreaterThanUpperThreshold"`, ""},
		{"a threshold that is not known", alarm(`{"threshold": "${var.nothing}"}`), alarmAt + "threshold is not known before apply: it depends on var.nothing, which has no default", ""},
		{"a value that depends on itself", alarm(`{"threshold": "${local.loop}"}`), alarmAt + "threshold is not known before apply: it depends on local.loop, which depends on itself", ""},
		{"what is no expression", alarm(`{"threshold": "${1 +}"}`), alarmAt + "threshold is not known before apply: it depends on ${1 +}, which is no expression", ""},
		{"a function that is not known", alarm(`{"threshold": "${cidrhost(\"10.0.0.0/8\", 1)}"}`), alarmAt + "threshold is not known before apply: it depends on ${cidrhost", ""},
		{"actions at OK", alarm(`{"ok_actions": ["${aws_autoscaling_policy.in.arn}"]}`), alarmAt + "ok_actions invokes aws_autoscaling_policy.in, which is not simulated", ""},
		{"missing data", alarm(`{"treat_missing_data": "maybe"}`), alarmAt + `treat_missing_data is "maybe", want missing`, ""},
		{"no scale-in", `{"resource": {"aws_autoscaling_policy": {"in": null}, "aws_cloudwatch_metric_alarm": {"low": null}}}`, "", groupAt + "no policy removes instances: it only grows"},
		{"no policies", `{"resource": {"aws_autoscaling_policy": null}}`, "", groupAt + "no policy acts on it"},
		{"scheduled actions", `{"resource": {"aws_autoscaling_schedule": {"s": {"autoscaling_group_name": "g"}}}}`, "aws_autoscaling_schedule.s: scheduled actions are not simulated", ""},
		{"suspended", group(`{"suspended_processes": ["AZRebalance", "Launch"]}`), groupAt + "suspended_processes has Launch", ""},
		{"protected", group(`{"protect_from_scale_in": true}`), groupAt + "protect_from_scale_in keeps", ""},
		{"a warm pool", group(`{"warm_pool": {"min_size": 1}}`), "", groupAt + "warm_pool is not simulated"},
		{"a size that is not known", group(`{"min_size": "${data.aws_x.y.z}"}`), groupAt + "min_size is not known before apply: it depends on data.aws_x.y.z", ""},
		{"more at least than at most", group(`{"min_size": 4}`), groupAt + "min_size is 4, want at most max_size, which is 3", ""},
		{"a negative size", group(`{"min_size": -1}`), groupAt + "min_size is -1, want 0..", ""},
		{"nothing to launch", group(`{"launch_template": null}`), groupAt + "has no launch template", ""},
		{"a template that is not here", group(`{"launch_template": {"id": "lt-1"}}`), groupAt + "launch_template.id is lt-1, which is not here", ""},
		{"an unknown number of groups", group(`{"count": "${data.aws_x.y.z}"}`), "", ""},
		{"types by requirement", template(`{"instance_type": null, "instance_requirements": {"vcpu_count": {}}}`), templateAt + "instance_requirements leaves the instance type to AWS", ""},
		{"capacity blocks", template(`{"instance_market_options": {"market_type": "capacity-block"}}`), templateAt + `instance_market_options.market_type is "capacity-block"`, ""},
		{"a type without a price", template(`{"instance_type": "z9.huge"}`), groupAt + "on-demand price of z9.huge is not known in eu-west-1, want --on-demand-price z9.huge=USD-PER-HOUR, or on_demand_prices.z9.huge in tandem.yaml", ""},
		{"a type without a size", template(`{"instance_type": "z9.huge"}`), groupAt + "number of vCPUs of z9.huge is not known, want --vcpus z9.huge=NUMBER", ""},
		{"weights", mixed(`{"instance_type": "m5.large", "weighted_capacity": "2"}`), groupAt + "mixed_instances_policy.launch_template.override.weighted_capacity is 2", ""},
		{"equal weights", mixed(`{"instance_type": "m5.large", "weighted_capacity": "1"}`), "", ""},
		{"an override without a type", mixed(`{"instance_type": "m5.large"}, {}`), groupAt + "mixed_instances_policy.launch_template.override[1].instance_type is not set", ""},
		{"spot in two ways", `{"resource": {"aws_launch_template": {"t": {"instance_market_options": {"market_type": "spot"}}}, "aws_autoscaling_group": {"g": {"launch_template": null,
			"mixed_instances_policy": {"launch_template": {"launch_template_specification": {"launch_template_id": "${aws_launch_template.t.id}"}}}}}}}`,
			groupAt + "aws_launch_template.t has instance_market_options, which a mixed instances policy cannot use", ""},
		{"a target group that is not here", group(`{"target_group_arns": ["arn:x"]}`), "", groupAt + "its target group is not here: a deregistration delay of 300 s"},
		{"a listener with weights", `{"resource": {"aws_lb_listener": {"l": {"default_action": [{"type": "forward", "forward": {"target_group": [{"arn": "a"}, {"arn": "b"}]}}]}}}}`, "", "aws_lb_listener.l: forwards to several target groups"},
		{"modules", `{"module": {"more": {"source": "x"}}}`, "", "module.more: modules are not read here"},
		{"a hook of no kind", `{"resource": {"aws_autoscaling_lifecycle_hook": {"h": {"autoscaling_group_name": "g", "lifecycle_transition": "later"}}}}`, `aws_autoscaling_lifecycle_hook.h: lifecycle_transition is "later"`, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			found, err := terraform.Parse("f", changed(t, test.patch), terraform.Config{Catalog: fixed})
			if test.name == "an unknown number of groups" {
				if err == nil || !strings.Contains(err.Error(), "aws_autoscaling_group.g: count is not known before apply") {
					t.Error(err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			var refused, warned []string
			for _, f := range found[0].Findings {
				if f.Refuses {
					refused = append(refused, f.String())
				} else {
					warned = append(warned, f.String())
				}
			}
			for _, side := range []struct {
				got  []string
				want string
			}{{refused, test.refused}, {warned, test.warned}} {
				text := strings.Join(side.got, "\n")
				if side.want == "" && text != "" || !strings.Contains(text, side.want) {
					t.Errorf("got %q, want %q", text, side.want)
				}
			}
			if (found[0].Err() != nil) != (test.refused != "") || len(found[0].Warnings()) != len(warned) {
				t.Errorf("%v, %d warnings", found[0].Err(), len(found[0].Warnings()))
			}
		})
	}
}

// TestOpenReferences has a for_each with two policies in it: which of them an
// alarm invokes, a plan does not tell.
func TestOpenReferences(t *testing.T) {
	data, err := os.ReadFile("testdata/foreign/plan.json")
	if err != nil {
		t.Fatal(err)
	}
	const before = `"for_each_expression":{"references":["aws_autoscaling_policy.step.arn"`
	text := strings.Replace(string(data), before, before+`,"aws_autoscaling_policy.in.arn"`, 1)
	if text == string(data) {
		t.Fatal("the plan has no such for_each")
	}
	found, err := terraform.Parse("f", []byte(text), terraform.Config{Catalog: fixed})
	if err != nil {
		t.Fatal(err)
	}
	const at = `module.web["shop"].`
	want := at + `module.alarm["high"].aws_cloudwatch_metric_alarm.this: alarm_actions is any of ` + at + "aws_autoscaling_policy.step, " + at + "aws_autoscaling_policy.in: which of them, the plan does not tell"
	if shop := found[2]; shop.Name != "shop" || shop.Err() == nil || !strings.Contains(shop.Err().Error(), want) {
		t.Errorf("%v, want %s", shop.Err(), want)
	}
}

// TestIgnore leaves out what refuses.
func TestIgnore(t *testing.T) {
	stack := changed(t, policy(`{"policy_type": "TargetTrackingScaling"}`))
	found, err := terraform.Parse("f", stack, terraform.Config{Catalog: fixed, Ignore: []string{"aws_autoscaling_policy.out"}})
	if err != nil || found[0].Err() != nil || len(found[0].Groups[0].Policies) != 1 {
		t.Errorf("%v %v", err, found)
	}
	_, err = terraform.Parse("f", stack, terraform.Config{Catalog: fixed, Ignore: []string{"aws_autoscaling_policy.uot"}})
	if err == nil || err.Error() != "f: nothing to ignore at aws_autoscaling_policy.uot; did you mean aws_autoscaling_policy.out?" {
		t.Error(err)
	}
}

// TestStack evaluates what expressions there are in synthesized stacks.
func TestStack(t *testing.T) {
	patch := `{"variable": {"groups": {"default": {"a": 5, "b": 7}}, "region": {"default": "eu-north-1"}},
	 "provider": {"aws": [{"region": "eu-west-1"}, {"alias": "north", "region": "${var.region}"}]},
	 "locals": {"targets": ["${aws_lb_target_group.tg[0].arn}"]},
	 "resource": {
	  "aws_lb_target_group": {"tg": {"count": 1, "deregistration_delay": "15"}},
	  "aws_autoscaling_group": {"g": null, "each": {"provider": "aws.north", "for_each": "${var.groups}", "name": "x-${each.key}", "min_size": "${min(each.value, 6)}", "max_size": "${each.value}",
	   "target_group_arns": "${local.targets}", "launch_template": {"id": "${aws_launch_template.t.id}"}}},
	  "aws_autoscaling_policy": {"out": {"autoscaling_group_name": "${aws_autoscaling_group.each[\"a\"].name}"}, "in": {"autoscaling_group_name": "${aws_autoscaling_group.each[\"b\"].id}"}},
	  "aws_cloudwatch_metric_alarm": {"high": {"dimensions": {"AutoScalingGroupName": "${aws_autoscaling_group.each[\"a\"].name}"}},
	   "low": {"dimensions": {"AutoScalingGroupName": "${aws_autoscaling_group.each[\"b\"].id}"}, "alarm_actions": "${[for p in [aws_autoscaling_policy.in] : p.arn]}"}}}}`
	found, err := terraform.Parse("f", changed(t, patch), terraform.Config{Catalog: fixed})
	if err != nil {
		t.Fatal(err)
	}
	want := `cluster x in eu-north-1
  warning: aws_autoscaling_group.each["a"]: no policy removes instances: it only grows
  group x-a (aws_autoscaling_group.each["a"]) 5..5`
	got := string(describe(found))
	if !strings.Contains(got, `group x-b (aws_autoscaling_group.each["b"]) 6..7 from 0, on-demand 0 + 100 %, bid 0, every 1m0s, warm-up -, cooldown -, grace 5m0s, hooks 0s 0s, draining 15s`) ||
		!strings.Contains(got, "SimpleScaling in (aws_autoscaling_policy.in) ChangeInCapacity -1") || found[0].Region != "eu-north-1" || found[0].Name != "x" || found[0].Err() != nil {
		t.Errorf("%s\nwant such as\n%s", got, want)
	}
	found, err = terraform.Parse("f", []byte(base), terraform.Config{Catalog: fixed, Variables: map[string]string{"size": "8"}, Region: "us-east-2"})
	if err != nil || found[0].Groups[0].Max != 8 || found[0].Region != "us-east-2" {
		t.Error(err, string(describe(found)))
	}
}

// TestRemoteState follows references between stacks that are read together.
func TestRemoteState(t *testing.T) {
	dir := t.TempDir()
	write(t, dir+"/lb/cdk.tf.json", `{"resource": {"aws_lb_target_group": {"tg": {"deregistration_delay": 25}}}, "output": {"arn": {"value": "${aws_lb_target_group.tg.arn}"}}}`)
	write(t, dir+"/app/cdk.tf.json", string(changed(t, group(`{"target_group_arns": ["${data.terraform_remote_state.cross-stack-reference-input-lb.outputs.arn}"]}`))))
	found, err := terraform.Read(dir, terraform.Config{Catalog: fixed})
	if err != nil || len(found) != 1 || len(found[0].Findings) > 0 || found[0].Groups[0].DeregistrationDelay.Seconds() != 25 {
		t.Errorf("%v\n%s", err, describe(found))
	}
	// Alone, the stack cannot know it, and two groups that refer to it still belong together.
	found, err = terraform.Read(dir+"/app", terraform.Config{Catalog: fixed})
	if err != nil || len(found) != 1 || found[0].Err() != nil || len(found[0].Findings) != 1 {
		t.Errorf("%v\n%s", err, describe(found))
	}
}

func TestNoRegion(t *testing.T) {
	found, err := terraform.Parse("f", changed(t, `{"provider": null}`), terraform.Config{Catalog: catalog.Catalog{VCPUs: fixed.VCPUs}})
	if err != nil || found[0].Err() == nil || !strings.Contains(found[0].Err().Error(), "on-demand price of m5.large is not known in a region that is not known") {
		t.Errorf("%v\n%s", err, describe(found))
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(base))
	f.Add(changed(f, mixed(`{"instance_type": "m5.large"}`)))
	f.Add(changed(f, group(`{"for_each": "${toset([\"a\"])}", "name": "${each.key}"}`)))
	f.Add([]byte(`{"format_version": "1.2", "planned_values": {"root_module": {"resources": [{"address": "aws_autoscaling_group.g", "mode": "managed", "type": "aws_autoscaling_group", "name": "g", "values": {"min_size": 1}}]}},
		"resource_changes": [{"address": "aws_autoscaling_group.g", "change": {"after_unknown": {"name": true, "max_size": true, "launch_template": [{"id": true}]}}}],
		"configuration": {"root_module": {"resources": [{"address": "aws_autoscaling_group.g", "type": "aws_autoscaling_group", "name": "g", "expressions": {"max_size": {"references": ["module.m.x", "var.y"]}, "launch_template": [{"id": {"references": ["a.b[0].id"]}}]}}],
		"module_calls": {"m": {"module": {"outputs": {"x": {"expression": {"references": ["aws_autoscaling_group.g.max_size"]}}}}}}}}}`))
	f.Add([]byte(`{"format_version": "1.0", "values": {"root_module": {"resources": [{"address": "aws_autoscaling_group.g", "mode": "managed", "type": "aws_autoscaling_group", "name": "g", "values": {"min_size": "1", "name": "x"}}]}}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		found, err := terraform.Parse("f", data, terraform.Config{Catalog: fixed})
		if err != nil {
			if strings.Contains(err.Error(), "cannot be read: runtime error") {
				t.Error(err)
			}
			return
		}
		for _, c := range found {
			if c.Name == "" || len(c.Groups) == 0 {
				t.Errorf("%q with %d groups", c.Name, len(c.Groups))
			}
			for _, g := range c.Groups {
				if c.Err() == nil && (g.Name == "" || len(g.Types) == 0 || g.Min > g.Max) {
					t.Errorf("accepted %+v", g)
				}
			}
		}
	})
}
