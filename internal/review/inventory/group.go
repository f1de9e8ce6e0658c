package inventory

import "slices"

// Distribution is where a mixed instances policy says how much of it is spot.
const Distribution = "mixed_instances_policy.instances_distribution."

// Targets are the target groups of a group, attached in either way.
func (s *Set) Targets(group *Resource) []*Resource {
	found := s.Linked(group, "target_group_arns", "aws_lb_target_group", "aws_alb_target_group")
	for _, r := range s.Of("aws_autoscaling_attachment") {
		if slices.Contains(s.Linked(r, "autoscaling_group_name", "aws_autoscaling_group"), group) {
			found = append(found, s.Linked(r, "lb_target_group_arn", "aws_lb_target_group", "aws_alb_target_group")...)
		}
	}
	return found
}

// Templates are the launch templates that a group starts from.
func (s *Set) Templates(group *Resource) []*Resource {
	found := s.Linked(group, "launch_template", "aws_launch_template")
	return append(found, s.Linked(group, "mixed_instances_policy.launch_template", "aws_launch_template")...)
}

// IsSpot says that a group starts spot instances beyond its base.
func (s *Set) IsSpot(group *Resource) bool {
	if group.Get("mixed_instances_policy") != nil {
		percent, ok := group.Number(Distribution+"on_demand_percentage_above_base_capacity", 100)
		return ok && percent < 100
	}
	for _, template := range s.Linked(group, "launch_template", "aws_launch_template") {
		if template.Is("instance_market_options.market_type", "spot") {
			return true
		}
	}
	return false
}

// SpotGroups are all groups of which IsSpot holds.
func (s *Set) SpotGroups() (groups []*Resource) {
	for _, r := range s.Of("aws_autoscaling_group") {
		if s.IsSpot(r) {
			groups = append(groups, r)
		}
	}
	return groups
}

// InstanceTypes are those of a group's overrides, or its template's.
func (s *Set) InstanceTypes(group *Resource) (types []string) {
	for _, override := range Blocks(group.Get("mixed_instances_policy.launch_template.override")) {
		if text, ok := override["instance_type"].(string); ok && Known(text) {
			types = append(types, text)
		}
	}
	if len(types) > 0 {
		return types
	}
	for _, template := range s.Templates(group) {
		if text, ok := template.Text("instance_type", ""); ok && text != "" {
			types = append(types, text)
		}
	}
	return types
}
