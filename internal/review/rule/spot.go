package rule

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/tandem-iac/tandem/internal/review/inventory"
)

const distribution = inventory.Distribution

func spotRules() []Rule {
	return []Rule{
		{
			ID: "bid-not-above-on-demand", Severity: Dangerous,
			Title:  "The bid is at or under the on-demand price",
			Why:    "When the market price reaches the bid, AWS takes every instance of the type at once and starts none. What is paid is the market price, never the bid: a higher one costs nothing.",
			Fix:    "Raise spot_max_price above the on-demand price of every type in the group, or leave it out, which bids the on-demand price.",
			Source: "https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/how-spot-instances-work.html",
			state:  bidNotAboveOnDemand,
		},
		{
			ID: "mixed-policy-with-spot-template", Severity: Dangerous,
			Title:  "A mixed instances policy uses a launch template that asks for spot itself",
			Why:    "AWS refuses it, in the middle of the apply.",
			Fix:    "Take instance_market_options out of the launch template.",
			Source: "https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-mixed-instances-groups.html",
			state: func(s *Set, found Found) {
				for _, r := range s.Of("aws_autoscaling_group") {
					for _, template := range s.Linked(r, "mixed_instances_policy.launch_template", "aws_launch_template") {
						if template.Get("instance_market_options") != nil {
							found(r, "%s has instance_market_options", template.Address)
						}
					}
				}
			},
		},
		{
			ID: "mixed-policy-without-spot", Severity: Look,
			Title:  "A mixed instances policy starts no spot instance",
			Why:    "on_demand_percentage_above_base_capacity is 100 by default: all instances are on-demand, at five times the price.",
			Fix:    "Set on_demand_percentage_above_base_capacity to the share that must not be spot, 0 for none.",
			Source: "https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_InstancesDistribution.html",
			state: func(s *Set, found Found) {
				for _, r := range s.Of("aws_autoscaling_group") {
					percent, ok := r.Number(distribution+"on_demand_percentage_above_base_capacity", 100)
					if ok && percent >= 100 && r.Get("mixed_instances_policy") != nil {
						found(r, "on_demand_percentage_above_base_capacity is %g", percent)
					}
				}
			},
		},
		{
			ID: "spot-waits-for-capacity", Severity: Look,
			Title:  "The apply waits for the capacity of a spot group",
			Why:    "A lack of spot capacity is ordinary, and fails the apply after ten minutes with everything after it undone.",
			Fix:    `Set wait_for_capacity_timeout = "0" on the spot group.`,
			Source: "https://registry.terraform.io/providers/hashicorp/aws/latest/docs/resources/autoscaling_group#waiting-for-capacity",
			state: func(s *Set, found Found) {
				for _, r := range s.SpotGroups() {
					if wait, ok := r.Text("wait_for_capacity_timeout", "10m"); ok && wait != "0" && wait != "0s" && wait != "0m" {
						found(r, "wait_for_capacity_timeout is %s", wait)
					}
				}
			},
		},
		{
			ID: "spot-strategy-lowest-price", Severity: Look,
			Title:  "A spot group takes the cheapest pools, which are reclaimed first",
			Why:    "The lowest price ignores how much capacity a pool has left, so that interruptions come more often and together.",
			Fix:    `Set spot_allocation_strategy = "price-capacity-optimized".`,
			Source: "https://docs.aws.amazon.com/autoscaling/ec2/userguide/allocation-strategies.html",
			state: func(s *Set, found Found) {
				for _, r := range s.SpotGroups() {
					strategy, ok := r.Text(distribution+"spot_allocation_strategy", "lowest-price")
					if ok && strategy == "lowest-price" && r.Get("mixed_instances_policy") != nil {
						found(r, "spot_allocation_strategy is %s", strategy)
					}
				}
			},
		},
		{
			ID: "single-spot-type", Severity: Look,
			Title:  "A spot group has one instance type to choose from",
			Why:    "When the type runs out in a zone there is nothing to replace instances with.",
			Fix:    "Add overrides of similar types and generations.",
			Source: "https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/spot-best-practices.html",
			state: func(s *Set, found Found) {
				for _, r := range s.SpotGroups() {
					types := s.InstanceTypes(r)
					if len(types) == 1 && r.Get("mixed_instances_policy.launch_template.override.instance_requirements") == nil {
						found(r, "only %s", types[0])
					}
				}
			},
		},
		{
			ID: "capacity-rebalance-off", Severity: Look,
			Title:  "A spot group does not start replacements before an interruption",
			Why:    "Without capacity rebalancing the replacement starts when the instance is gone, two minutes or more later.",
			Fix:    "Set capacity_rebalance = true.",
			Source: "https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-capacity-rebalancing.html",
			state: func(s *Set, found Found) {
				for _, r := range s.SpotGroups() {
					if r.Off("capacity_rebalance") {
						found(r, "capacity_rebalance is off")
					}
				}
			},
		},
	}
}

func bidNotAboveOnDemand(s *Set, found Found) {
	for _, r := range s.SpotGroups() {
		text, ok := r.Text(distribution+"spot_max_price", "")
		bid, err := strconv.ParseFloat(text, 64)
		if !ok || err != nil {
			continue
		}
		var dear []string
		for _, instanceType := range s.InstanceTypes(r) {
			price, known := s.price(instanceType)
			switch {
			case !known:
				s.note(fmt.Sprintf("No on-demand price of %s is known here: bids for it are not judged.", instanceType))
			case !(bid > price):
				dear = append(dear, instanceType+" costs "+strconv.FormatFloat(price, 'f', -1, 64))
			}
		}
		if len(dear) > 0 {
			found(r, "bids %s, and on demand %s", text, strings.Join(dear, ", "))
		}
	}
}

func (s *Set) price(instanceType string) (float64, bool) {
	if s.prices == nil {
		return 0, false
	}
	return s.prices(s.plan.Region, instanceType)
}
