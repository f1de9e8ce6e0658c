package rule

import (
	"slices"
	"strings"
)

func alarmRules() []Rule {
	return []Rule{
		{
			ID: "scale-in-lost", Severity: Dangerous,
			Title: "A group loses its last alarm that scales in",
			Why:   "The group grows and never shrinks again: it ends at its maximum and stays there, at full price.",
			Fix:   "Keep the alarm and its action, or remove the policy with it and say how the group shrinks.",
			change: func(w *World, found Found) {
				w.lostTriggers(-1, found)
			},
		},
		{
			ID: "scale-out-lost", Severity: Dangerous,
			Title: "A group loses its last alarm that scales out",
			Why:   "The next peak meets the instances that are there, and no more.",
			Fix:   "Keep the alarm and its action, or say what scales the group instead.",
			change: func(w *World, found Found) {
				w.lostTriggers(1, found)
			},
		},
		{
			ID: "alarm-without-action", Severity: Look,
			Title: "An alarm on a group, or of several alarms, does nothing",
			Why:   "Nobody is told and nothing scales when it fires.",
			Fix:   "Name a scaling policy or a topic in alarm_actions and leave actions_enabled on, or remove the alarm.",
			state: func(s *Set, found Found) {
				for _, r := range s.Of(alarmTypes...) {
					metric := r.Type == "aws_cloudwatch_metric_alarm"
					switch {
					case metric && (len(s.watched(r)) == 0 || s.composed(r)):
					case r.Is("actions_enabled", "false"):
						found(r, "actions_enabled is false")
					case r.Get("alarm_actions") == nil && r.Get("ok_actions") == nil && r.Get("insufficient_data_actions") == nil:
						found(r, "it has no actions")
					}
				}
			},
		},
		{
			ID: "fast-alarm-on-basic-monitoring", Severity: Look,
			Title:  "An alarm looks more often than instances report",
			Why:    "Basic monitoring reports every five minutes: an alarm of 60 s finds no data in four of five periods.",
			Fix:    "Set monitoring { enabled = true } in the launch template, or a period of 300.",
			Source: "https://docs.aws.amazon.com/autoscaling/ec2/userguide/enable-as-instance-metrics.html",
			state: func(s *Set, found Found) {
				const basic = 300
				for _, r := range s.Of("aws_cloudwatch_metric_alarm") {
					period, ok := r.Number("period", basic)
					if !ok || period >= basic || !r.Is("namespace", "AWS/EC2") {
						continue
					}
					for _, group := range s.watched(r) {
						for _, template := range s.Templates(group) {
							if template.Off("monitoring.enabled") {
								found(r, "period is %g s, and %s has basic monitoring", period, template.Address)
							}
						}
					}
				}
			},
		},
		{
			ID: "missing-data-scales-in", Severity: Dangerous,
			Title:  "Missing data makes a group scale in",
			Why:    "When CloudWatch has no data, as in an outage, the alarm fires and takes instances away.",
			Fix:    `Set treat_missing_data to "missing" or "notBreaching".`,
			Source: "https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html",
			state: func(s *Set, found Found) {
				for _, t := range s.triggers() {
					if t.direction < 0 && t.alarm.Is("treat_missing_data", "breaching") {
						found(t.alarm, "treat_missing_data is breaching, and it executes %s", t.policy.Address)
					}
				}
			},
		},
		{
			ID: "alarm-watches-other-group", Severity: Look,
			Title: "An alarm watches one group and scales another",
			Why:   "Its group's load does not go down by what it does, so that it goes on.",
			Fix:   "Set the dimension AutoScalingGroupName to the group of the policy.",
			state: func(s *Set, found Found) {
				for _, t := range s.triggers() {
					if watched := s.watched(t.alarm); len(watched) == 1 && watched[0] != t.group {
						found(t.alarm, "watches %s and scales %s", watched[0].Address, t.group.Address)
					}
				}
			},
		},
	}
}

// watched are the groups in an alarm's dimensions.
func (s *Set) watched(alarm *Resource) []*Resource {
	return s.Linked(alarm, "dimensions", "aws_autoscaling_group")
}

// alarmTypes are those that act.
var alarmTypes = []string{"aws_cloudwatch_metric_alarm", "aws_cloudwatch_composite_alarm"}

// composed says that a composite alarm reads an alarm, which then needs no
// action of its own.
func (s *Set) composed(alarm *Resource) bool {
	name, known := alarm.Text("alarm_name", "")
	for _, composite := range s.Of("aws_cloudwatch_composite_alarm") {
		rule, ok := composite.Text("alarm_rule", "")
		if ok && known && name != "" && strings.Contains(rule, name) ||
			slices.Contains(s.Linked(composite, "alarm_rule", alarm.Type), alarm) {
			return true
		}
	}
	return false
}

// lostTriggers finds the alarms of groups that scaled in a direction before,
// stay, and have none that does so after.
func (w *World) lostTriggers(direction int, found Found) {
	after := map[string]bool{}
	for _, t := range w.After.triggers() {
		if t.direction == direction {
			after[t.group.Address] = true
		}
	}
	// Target tracking makes its own alarms.
	for _, policy := range w.After.Of("aws_autoscaling_policy") {
		for _, group := range w.After.groups(policy) {
			if policy.Is("policy_type", "TargetTrackingScaling") {
				after[group.Address] = true
			}
		}
	}
	for _, t := range w.Before.triggers() {
		if t.direction != direction || after[t.group.Address] || !w.After.Has(t.group) {
			continue
		}
		how := "it no longer executes " + t.policy.Address
		if t.alarm.Actions.Delete() {
			how = "it is destroyed"
		}
		found(t.alarm, "%s; %s stays", how, t.group.Address)
	}
}
