package main

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/tandem-iac/tandem/internal/tfgraph"
	"github.com/tandem-iac/tandem/spec"
)

// TestPromises asserts, on the Terraform of both example clusters, what users
// rely on and what the provider would refuse only when it is applied.
func TestPromises(t *testing.T) {
	env, err := spec.Load("tandem.yaml")
	if err != nil {
		t.Fatal(err)
	}
	all := example(t)
	for name := range env.Clusters {
		stack := all["prod-"+name]
		for promise, check := range map[string]func(t *testing.T, stack tfgraph.Stack){
			"the load balancer alone is open, on 80 and 443": onlyLoadBalancerIsOpen,
			"instances live in private subnets":              func(t *testing.T, s tfgraph.Stack) { instancesArePrivate(t, s, all["prod-network"]) },
			"scaling is left alone":                          scalingIsLeftAlone,
			"launch templates are safe":                      launchTemplatesAreSafe,
			"spot is bid for in one way":                     func(t *testing.T, s tfgraph.Stack) { spotIsBidFor(t, s, env) },
			"alarms watch the group they act on":             alarmsWatchTheirGroup,
			"policies carry nothing the provider refuses":    policiesAreAccepted,
			"steps have no gap":                              stepsHaveNoGap,
			"the role is narrow":                             roleIsNarrow,
			"TLS is modern and HTTP redirects":               tlsIsModern,
		} {
			t.Run(name+"/"+promise, func(t *testing.T) { check(t, stack) })
		}
	}
}

// list returns a nested list of blocks, which JSON may hold as one block.
func list(value any) []tfgraph.Block {
	switch v := value.(type) {
	case []any:
		var blocks []tfgraph.Block
		for _, item := range v {
			blocks = append(blocks, item.(map[string]any))
		}
		return blocks
	case map[string]any:
		return []tfgraph.Block{v}
	}
	return nil
}

func onlyLoadBalancerIsOpen(t *testing.T, stack tfgraph.Stack) {
	balancer := fmt.Sprint(only(t, stack.Resources["aws_lb"])["security_groups"])
	open := map[string]bool{}
	for address, rule := range stack.Resources["aws_vpc_security_group_ingress_rule"] {
		if rule["cidr_ipv4"] == nil && rule["cidr_ipv6"] == nil && rule["prefix_list_id"] == nil {
			source, _ := rule["referenced_security_group_id"].(string)
			if rule["from_port"] != 80.0 || rule["to_port"] != 80.0 || source == "" || !strings.Contains(balancer, source) {
				t.Errorf("%s lets in more than the load balancer on port 80: %v", address, rule)
			}
			continue
		}
		if group := rule["security_group_id"].(string); !strings.Contains(balancer, group) {
			t.Errorf("%s opens %s, which is not the load balancer's", address, group)
		}
		open[fmt.Sprint(rule["ip_protocol"], " ", rule["from_port"], "-", rule["to_port"])] = true
	}
	if len(open) != 2 || !open["tcp 80-80"] || !open["tcp 443-443"] {
		t.Errorf("open to the world: %v, want tcp 80 and 443", open)
	}
	for address, group := range stack.Resources["aws_security_group"] {
		if group["ingress"] != nil || group["egress"] != nil {
			t.Errorf("%s has rules of its own, which fight with the rule resources", address)
		}
	}
}

// only returns the one block there is.
func only(t *testing.T, byName map[string]tfgraph.Block) tfgraph.Block {
	t.Helper()
	if len(byName) != 1 {
		t.Fatalf("got %d blocks, want one", len(byName))
	}
	for _, block := range byName {
		return block
	}
	return nil
}

// instancesArePrivate follows each subnet into the network's stack, to a route
// table whose way out is a NAT gateway.
func instancesArePrivate(t *testing.T, stack, network tfgraph.Stack) {
	wayOut := func(reference any) string {
		_, output, _ := strings.Cut(strings.TrimSuffix(reference.(string), "}"), ".outputs.")
		subnet := network.Outputs[output]["value"]
		name := strings.TrimSuffix(strings.TrimPrefix(fmt.Sprint(subnet), "${aws_subnet."), ".id}")
		if network.Resources["aws_subnet"][name]["map_public_ip_on_launch"] == true {
			return "public addresses"
		}
		for _, association := range network.Resources["aws_route_table_association"] {
			if association["subnet_id"] != subnet {
				continue
			}
			for _, route := range network.Resources["aws_route"] {
				if route["route_table_id"] == association["route_table_id"] && route["nat_gateway_id"] != nil {
					return "NAT"
				} else if route["route_table_id"] == association["route_table_id"] && route["gateway_id"] != nil {
					return "internet gateway"
				}
			}
		}
		return "nothing"
	}
	for address, group := range stack.Resources["aws_autoscaling_group"] {
		for _, subnet := range group["vpc_zone_identifier"].([]any) {
			if via := wayOut(subnet); via != "NAT" {
				t.Errorf("%s is in %s, which leads out by %s", address, subnet, via)
			}
		}
	}
	for _, subnet := range only(t, stack.Resources["aws_lb"])["subnets"].([]any) {
		if via := wayOut(subnet); via != "internet gateway" {
			t.Errorf("the load balancer is in %s, which leads out by %s", subnet, via)
		}
	}
}

func scalingIsLeftAlone(t *testing.T, stack tfgraph.Stack) {
	if n := len(stack.Resources["aws_autoscaling_group"]); n != 2 {
		t.Errorf("got %d groups, want the pair", n)
	}
	if n := len(stack.Resources["aws_autoscaling_attachment"]); n != 0 {
		t.Errorf("%d attachments beside target_group_arns", n)
	}
	for address, group := range stack.Resources["aws_autoscaling_group"] {
		if _, set := group["desired_capacity"]; set {
			t.Errorf("%s sets desired_capacity: every apply would undo scaling", address)
		}
		lifecycle, _ := json.Marshal(group["lifecycle"])
		if want := `{"ignore_changes":["desired_capacity"]}`; string(lifecycle) != want {
			t.Errorf("%s: lifecycle is %s, want %s", address, lifecycle, want)
		}
		if len(group["target_group_arns"].([]any)) != 1 {
			t.Errorf("%s: target_group_arns is %v, want one", address, group["target_group_arns"])
		}
	}
}

func launchTemplatesAreSafe(t *testing.T, stack tfgraph.Stack) {
	if n := len(stack.Resources["aws_launch_template"]); n != 2 {
		t.Errorf("got %d launch templates, want one a group", n)
	}
	for address, template := range stack.Resources["aws_launch_template"] {
		metadata := list(template["metadata_options"])[0]
		if metadata["http_tokens"] != "required" || metadata["http_endpoint"] != "enabled" {
			t.Errorf("%s: metadata_options are %v, want IMDSv2 required", address, metadata)
		}
		if list(template["monitoring"])[0]["enabled"] != true {
			t.Errorf("%s: no detailed monitoring, but alarms of 60 s", address)
		}
		volume := list(list(template["block_device_mappings"])[0]["ebs"])[0]
		if volume["encrypted"] != "true" || volume["volume_type"] != "gp3" {
			t.Errorf("%s: the volume is %v, want encrypted gp3", address, volume)
		}
		if template["instance_market_options"] != nil {
			t.Errorf("%s asks for spot, which a mixed instances policy refuses", address)
		}
		kinds := map[any]bool{}
		for _, s := range list(template["tag_specifications"]) {
			kinds[s["resource_type"]] = true
		}
		if !kinds["instance"] || !kinds["volume"] {
			t.Errorf("%s tags %v, want instance and volume among them", address, kinds)
		}
	}
	for address, group := range stack.Resources["aws_autoscaling_group"] {
		specification := list(group["launch_template"])
		if policy := list(group["mixed_instances_policy"]); policy != nil {
			specification = list(list(policy[0]["launch_template"])[0]["launch_template_specification"])
		}
		if version := specification[0]["version"].(string); !strings.HasSuffix(version, ".latest_version}") {
			t.Errorf("%s: version is %s, want a numbered one", address, version)
		}
	}
}

func spotIsBidFor(t *testing.T, stack tfgraph.Stack, env spec.Environment) {
	pairs := 0
	for address, group := range stack.Resources["aws_autoscaling_group"] {
		policy := list(group["mixed_instances_policy"])
		if policy == nil {
			continue
		}
		pairs++
		distribution := list(policy[0]["instances_distribution"])[0]
		if distribution["on_demand_percentage_above_base_capacity"] != 0.0 || distribution["on_demand_base_capacity"] != 0.0 {
			t.Errorf("%s: %v, want spot alone", address, distribution)
		}
		bid, err := strconv.ParseFloat(distribution["spot_max_price"].(string), 64)
		if err != nil {
			t.Fatal(err)
		}
		overrides := list(list(policy[0]["launch_template"])[0]["override"])
		if len(overrides) == 0 {
			t.Errorf("%s names no instance types", address)
		}
		for _, override := range overrides {
			price, _, known := env.OnDemandPrice(override["instance_type"].(string))
			if !known || !(bid > price) {
				t.Errorf("%s: the bid %v is not above the on-demand price %v of %s", address, bid, price, override["instance_type"])
			}
		}
		if group["wait_for_capacity_timeout"] != "0" || group["ignore_failed_scaling_activities"] != true {
			t.Errorf("%s: a lack of spot capacity would fail the apply", address)
		}
	}
	if pairs != 1 {
		t.Errorf("got %d groups with a mixed instances policy, want the spot group", pairs)
	}
}

func alarmsWatchTheirGroup(t *testing.T, stack tfgraph.Stack) {
	if n := len(stack.Resources["aws_cloudwatch_metric_alarm"]); n != 8 {
		t.Errorf("got %d alarms, want three a group and two on rescue", n)
	}
	rescue := 0
	for address, alarm := range stack.Resources["aws_cloudwatch_metric_alarm"] {
		if strings.Contains(alarm["alarm_name"].(string), "-rescue-") {
			if rescue++; alarm["treat_missing_data"] != "notBreaching" {
				t.Errorf("%s takes silence for %s", address, alarm["treat_missing_data"])
			}
			continue // they tell people, and scale nothing
		}
		watched := alarm["dimensions"].(map[string]any)["AutoScalingGroupName"]
		if actions := alarm["alarm_actions"].([]any); len(actions) != 1 {
			t.Errorf("%s has actions %v, want one", address, actions)
		}
		for _, action := range alarm["alarm_actions"].([]any) {
			name := strings.TrimSuffix(strings.TrimPrefix(action.(string), "${aws_autoscaling_policy."), ".arn}")
			policy, ok := stack.Resources["aws_autoscaling_policy"][name]
			if !ok || policy["autoscaling_group_name"] != watched {
				t.Errorf("%s watches %v and acts on %v", address, watched, policy["autoscaling_group_name"])
			}
		}
		if alarm["comparison_operator"] == "LessThanThreshold" && alarm["treat_missing_data"] == "breaching" {
			t.Errorf("%s takes missing data for low CPU", address)
		}
	}
	if rescue != 2 {
		t.Errorf("got %d alarms on rescue, want that it failed and that there is no room", rescue)
	}
}

func policiesAreAccepted(t *testing.T, stack tfgraph.Stack) {
	refused := map[string][]string{
		"StepScaling":   {"cooldown", "scaling_adjustment"},
		"SimpleScaling": {"estimated_instance_warmup", "metric_aggregation_type", "step_adjustment"},
	}
	kinds := map[string]int{}
	for address, policy := range stack.Resources["aws_autoscaling_policy"] {
		kind := policy["policy_type"].(string)
		kinds[kind]++
		for _, argument := range refused[kind] {
			if _, set := policy[argument]; set {
				t.Errorf("%s: the provider refuses %s on a %s policy", address, argument, kind)
			}
		}
		if _, set := policy["min_adjustment_magnitude"]; set && policy["adjustment_type"] != "PercentChangeInCapacity" {
			t.Errorf("%s: min_adjustment_magnitude on %v", address, policy["adjustment_type"])
		}
	}
	if kinds["StepScaling"] != 4 || kinds["SimpleScaling"] != 3 {
		t.Errorf("got policies %v, want 4 step and 3 simple, rescue among them", kinds)
	}
}

func stepsHaveNoGap(t *testing.T, stack tfgraph.Stack) {
	for address, policy := range stack.Resources["aws_autoscaling_policy"] {
		steps := list(policy["step_adjustment"])
		if steps == nil {
			continue
		}
		next := any("0")
		for _, step := range steps {
			if step["metric_interval_lower_bound"] != next {
				t.Errorf("%s: a step begins at %v, want %v", address, step["metric_interval_lower_bound"], next)
			}
			next = step["metric_interval_upper_bound"]
		}
		if next != nil {
			t.Errorf("%s ends at %v, want an open end", address, next)
		}
	}
}

func roleIsNarrow(t *testing.T, stack tfgraph.Stack) {
	for address, policy := range stack.Resources["aws_iam_role_policy"] {
		var document struct {
			Statement []struct {
				Sid       string
				Action    []string
				Resource  []string
				Condition map[string]any
			}
		}
		if err := json.Unmarshal([]byte(policy["policy"].(string)), &document); err != nil {
			t.Fatal(err)
		}
		for _, s := range document.Statement {
			for _, action := range s.Action {
				if strings.Contains(action, "*") {
					t.Errorf("%s: %s allows %s", address, s.Sid, action)
				}
			}
			for _, resource := range s.Resource {
				if resource == "*" && s.Condition == nil {
					t.Errorf("%s: %s is about every resource, without a condition", address, s.Sid)
				}
			}
		}
	}
	if n := len(stack.Resources["aws_iam_role_policy_attachment"]); n != 0 {
		t.Errorf("%d managed policies are attached", n)
	}
}

func tlsIsModern(t *testing.T, stack tfgraph.Stack) {
	if n := len(stack.Resources["aws_lb_listener"]); n != 2 {
		t.Errorf("got %d listeners, want 80 and 443", n)
	}
	for address, listener := range stack.Resources["aws_lb_listener"] {
		action := list(listener["default_action"])[0]
		switch listener["port"] {
		case 443.0:
			if policy := listener["ssl_policy"]; policy != "ELBSecurityPolicy-TLS13-1-2-Res-2021-06" || listener["certificate_arn"] == nil {
				t.Errorf("%s: ssl_policy is %v", address, policy)
			}
		case 80.0:
			redirect := list(action["redirect"])
			if action["type"] != "redirect" || redirect[0]["protocol"] != "HTTPS" || redirect[0]["status_code"] != "HTTP_301" {
				t.Errorf("%s: %v, want a redirect to HTTPS", address, action)
			}
		default:
			t.Errorf("%s listens on %v", address, listener["port"])
		}
	}
}
