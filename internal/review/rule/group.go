package rule

import (
	"slices"
	"strings"

	"github.com/tandem-iac/tandem/internal/review/inventory"
)

func groupRules() []Rule {
	return []Rule{
		{
			ID: "on-demand-minimum-zero", Severity: Dangerous,
			Title: "The on-demand group beside a spot group may shrink to nothing",
			Why:   "When AWS takes the spot instances back there is nothing left that serves, and rescue starts from zero.",
			Fix:   "Keep min_size of the on-demand group at 1 or more: it is the anchor.",
			state: func(s *Set, found Found) {
				for _, pair := range s.pairs() {
					if least, ok := pair.onDemand.Number("min_size", 0); ok && least == 0 {
						found(pair.onDemand, "min_size is 0, and %s is spot", pair.spot.Address)
					}
				}
			},
		},
		{
			ID: "maximum-under-current-size", Severity: Dangerous,
			Title:  "A group's maximum is under its current size",
			Why:    "The apply terminates instances that carry load now.",
			Fix:    "Scale in first, or lower max_size no further than the instances that run.",
			Source: "https://docs.aws.amazon.com/autoscaling/ec2/userguide/asg-capacity-limits.html",
			change: func(w *World, found Found) {
				for _, r := range w.After.Of("aws_autoscaling_group") {
					now, ok := inventory.ToNumber(r.Before["desired_capacity"])
					most, known := r.Number("max_size", 0)
					if ok && known && most < now {
						found(r, "max_size is %g, and the group has %g", most, now)
					}
				}
			},
		},
		{
			ID: "minimum-above-maximum", Severity: Dangerous,
			Title: "A group's minimum is above its maximum",
			Why:   "AWS refuses it, in the middle of the apply.",
			Fix:   "Set min_size to max_size at most.",
			state: func(s *Set, found Found) {
				for _, r := range s.Of("aws_autoscaling_group") {
					least, ok := r.Number("min_size", 0)
					most, known := r.Number("max_size", 0)
					if ok && known && least > most {
						found(r, "min_size is %g, max_size %g", least, most)
					}
				}
			},
		},
		{
			ID: "desired-capacity-set", Severity: Look,
			Title:  "The configuration sets desired_capacity",
			Why:    "Every apply puts the group back to that size and undoes what scaling did since.",
			Fix:    "Leave desired_capacity out, and ignore its changes: lifecycle { ignore_changes = [desired_capacity] }.",
			Source: "https://registry.terraform.io/providers/hashicorp/aws/latest/docs/resources/autoscaling_group",
			state: func(s *Set, found Found) {
				for _, r := range s.Of("aws_autoscaling_group") {
					unchanged := r.Before != nil && r.After != nil && r.Before["desired_capacity"] == r.After["desired_capacity"]
					ignored := slices.Contains(inventory.Texts(r.Get("lifecycle.ignore_changes"), nil), "desired_capacity")
					if r.Named("desired_capacity") && !ignored && (s.after || unchanged) {
						found(r, "desired_capacity is %v", r.Get("desired_capacity"))
					}
				}
			},
		},
		{
			ID: "single-zone", Severity: Look,
			Title:  "A group or load balancer lives in one availability zone",
			Why:    "It goes down with its zone, and a spot group in one zone has half the pools to draw from.",
			Fix:    "Name subnets in two zones or more.",
			Source: "https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-availability-zone-balanced.html",
			state: func(s *Set, found Found) {
				for path, types := range map[string][]string{"vpc_zone_identifier": {"aws_autoscaling_group"}, "subnets": {"aws_lb", "aws_alb"}} {
					for _, r := range s.Of(types...) {
						if zone := s.onlyZone(r, path); zone != "" {
							found(r, "all of it is in %s", zone)
						}
					}
				}
			},
		},
		{
			ID: "health-check-ignores-load-balancer", Severity: Look,
			Title:  "A group behind a load balancer replaces instances only when EC2 fails",
			Why:    "An instance whose service is dead fails the load balancer's check for ever and is never replaced.",
			Fix:    `Set health_check_type = "ELB".`,
			Source: "https://docs.aws.amazon.com/autoscaling/ec2/userguide/health-checks-overview.html",
			state: func(s *Set, found Found) {
				for _, r := range s.Of("aws_autoscaling_group") {
					kind, ok := r.Text("health_check_type", "EC2")
					if ok && !strings.Contains(kind, "ELB") && len(s.Targets(r)) > 0 {
						found(r, "health_check_type is %s", kind)
					}
				}
			},
		},
		{
			ID: "target-group-attached-twice", Severity: Dangerous,
			Title:  "A group's targets are attached inline and by an attachment",
			Why:    "Each apply takes away what the other way added: every second one empties the target group.",
			Fix:    "Keep target_group_arns or the attachment, not both.",
			Source: "https://registry.terraform.io/providers/hashicorp/aws/latest/docs/resources/autoscaling_attachment",
			state: func(s *Set, found Found) {
				for _, r := range s.Of("aws_autoscaling_attachment", "aws_autoscaling_traffic_source_attachment") {
					for _, group := range s.Linked(r, "autoscaling_group_name", "aws_autoscaling_group") {
						if group.Named("target_group_arns") {
							found(group, "target_group_arns is set, and so is %s", r.Address)
						}
					}
				}
			},
		},
		{
			ID: "latest-template-version", Severity: Look,
			Title:  "A group starts whatever version of its launch template is newest",
			Why:    "A new version shows in no plan of the group, starts no instance refresh and cannot be rolled back to.",
			Fix:    "Set version to the template's latest_version attribute, a number.",
			Source: "https://docs.aws.amazon.com/autoscaling/ec2/userguide/asg-instance-refresh.html",
			state: func(s *Set, found Found) {
				for _, r := range s.Of("aws_autoscaling_group") {
					for _, path := range []string{"launch_template.version", "mixed_instances_policy.launch_template.launch_template_specification.version"} {
						if version, ok := r.Text(path, ""); ok && strings.HasPrefix(version, "$") {
							found(r, "version is %s", version)
						}
					}
				}
			},
		},
		{
			ID: "processes-suspended", Severity: Look,
			Title:  "A group's processes are suspended",
			Why:    "What is suspended does not happen: instances are not replaced, or alarms start nothing.",
			Fix:    "Leave suspended_processes out once the reason has passed.",
			Source: "https://docs.aws.amazon.com/autoscaling/ec2/userguide/as-suspend-resume-processes.html",
			state: func(s *Set, found Found) {
				for _, r := range s.Of("aws_autoscaling_group") {
					if suspended := inventory.Texts(r.Get("suspended_processes"), nil); len(suspended) > 0 {
						found(r, "suspended: %s", strings.Join(suspended, ", "))
					}
				}
			},
		},
		{
			ID: "hook-outlasts-cooldown", Severity: Look,
			Title:  "A lifecycle hook may wait as long as the scale-in cooldown or longer",
			Why:    "While a hook waits, simple scaling of the group waits too. A forgotten hook freezes it for an hour.",
			Fix:    "Set heartbeat_timeout below the cooldown: 90 to 120 s are enough to drain a spot instance.",
			Source: "https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-scaling-cooldowns.html",
			state:  hookOutlastsCooldown,
		},
	}
}

// hourHeartbeat and defaultCooldown are AWS's defaults in seconds:
// https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_LifecycleHook.html
const hourHeartbeat, defaultCooldown = 3600, 300

func hookOutlastsCooldown(s *Set, found Found) {
	for _, hook := range s.Of("aws_autoscaling_lifecycle_hook") {
		heartbeat, ok := hook.Number("heartbeat_timeout", hourHeartbeat)
		if !ok {
			continue
		}
		for _, group := range s.Linked(hook, "autoscaling_group_name", "aws_autoscaling_group") {
			for _, policy := range s.Of("aws_autoscaling_policy") {
				cooldown, known := policy.Number("cooldown", defaultCooldown)
				if s.simple(policy) && Direction(policy) < 0 && known && heartbeat >= cooldown && slices.Contains(s.groups(policy), group) {
					found(hook, "heartbeat_timeout is %g s, the cooldown of %s %g s", heartbeat, policy.Address, cooldown)
				}
			}
		}
	}
}

// pair is an on-demand group and a spot group behind the same targets.
type pair struct{ onDemand, spot *Resource }

func (s *Set) pairs() (found []pair) {
	var spots []*Resource
	targets := map[*Resource][]*Resource{}
	for _, r := range s.Of("aws_autoscaling_group") {
		targets[r] = s.Targets(r)
		if s.IsSpot(r) {
			spots = append(spots, r)
		}
	}
	byTarget := map[*Resource][]*Resource{}
	for _, spot := range spots {
		for _, target := range targets[spot] {
			byTarget[target] = append(byTarget[target], spot)
		}
	}
	for _, r := range s.Of("aws_autoscaling_group") {
		if s.IsSpot(r) {
			continue
		}
		for _, target := range targets[r] {
			if beside := byTarget[target]; len(beside) > 0 {
				found = append(found, pair{r, beside[0]})
				break
			}
		}
	}
	return found
}

// onlyZone is the one zone that all subnets are in, or the one subnet there
// is. Empty: there are more, or it is not known.
func (s *Set) onlyZone(r *Resource, path string) string {
	subnets := s.Linked(r, path, "aws_subnet")
	listed, _ := r.Get(path).([]any)
	if len(listed) > len(subnets) { // some are not part of the plan
		if len(listed) == 1 {
			return "one subnet"
		}
		return ""
	}
	zone := ""
	for _, subnet := range subnets {
		text, ok := subnet.Text("availability_zone", "")
		if !ok || text == "" || zone != "" && zone != text {
			return ""
		}
		zone = text
	}
	return zone
}
