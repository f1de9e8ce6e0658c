package rule

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/tandem-iac/tandem/internal/review/inventory"
)

func policyRules() []Rule {
	return []Rule{
		{
			ID: "cooldown-on-step-scaling", Severity: Dangerous,
			Title:  "A step scaling policy has a cooldown",
			Why:    "Only simple scaling has one: the provider refuses it, in the middle of the apply.",
			Fix:    "Set estimated_instance_warmup instead.",
			Source: "https://registry.terraform.io/providers/hashicorp/aws/latest/docs/resources/autoscaling_policy",
			state: func(s *Set, found Found) {
				for _, r := range s.Of("aws_autoscaling_policy") {
					if cooldown, ok := r.Number("cooldown", 0); ok && cooldown > 0 && r.Is("policy_type", "StepScaling") {
						found(r, "cooldown is %g s", cooldown)
					}
				}
			},
		},
		{
			ID: "warmup-on-simple-scaling", Severity: Dangerous,
			Title:  "A simple scaling policy has a warm-up",
			Why:    "Only step scaling and target tracking have one: the provider refuses it, in the middle of the apply.",
			Fix:    "Set cooldown instead.",
			Source: "https://registry.terraform.io/providers/hashicorp/aws/latest/docs/resources/autoscaling_policy",
			state: func(s *Set, found Found) {
				for _, r := range s.Of("aws_autoscaling_policy") {
					if warmup, ok := r.Number("estimated_instance_warmup", 0); ok && warmup > 0 && s.simple(r) {
						found(r, "estimated_instance_warmup is %g s", warmup)
					}
				}
			},
		},
		{
			ID: "steps-gap-or-overlap", Severity: Dangerous,
			Title:  "The steps of a policy overlap or leave a gap",
			Why:    "AWS refuses it, in the middle of the apply.",
			Fix:    "Begin each step where the one before it ends; leave out the first lower and the last upper bound only.",
			Source: "https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_StepAdjustment.html",
			state: func(s *Set, found Found) {
				for _, r := range s.Of("aws_autoscaling_policy") {
					if fault := stepFault(r.Blocks("step_adjustment")); fault != "" {
						found(r, "%s", fault)
					}
				}
			},
		},
		{
			ID: "thresholds-cross", Severity: Dangerous,
			Title: "A group scales in at or above the threshold at which it scales out",
			Why:   "Between the two it adds and removes instances without end.",
			Fix:   "Keep the scale-in threshold well below every scale-out threshold of the group.",
			state: func(s *Set, found Found) {
				s.eachBand(func(in, out trigger) {
					if in.threshold >= out.threshold {
						found(in.alarm, "scales in at %g, and %s scales out at %g", in.threshold, out.alarm.Address, out.threshold)
					}
				})
			},
		},
		{
			ID: "thresholds-too-close", Severity: Look,
			Title: "A group scales in close to where it scales out",
			Why:   "What scaling out takes off the CPU may be enough to scale in again: instances come and go without need.",
			Fix:   fmt.Sprintf("Keep the scale-in threshold %d points of CPU below every scale-out threshold of the group.", scaleInMargin),
			state: func(s *Set, found Found) {
				s.eachBand(func(in, out trigger) {
					if gap := out.threshold - in.threshold; gap > 0 && gap < scaleInMargin && strings.HasSuffix(in.metric, " CPUUtilization") {
						found(in.alarm, "scales in at %g, and %s scales out at %g", in.threshold, out.alarm.Address, out.threshold)
					}
				})
			},
		},
		{
			ID: "on-demand-scales-first", Severity: Look,
			Title: "The on-demand group scales out as early as the spot group beside it",
			Why:   "Load that spot instances would carry for a fifth is bought on demand. On-demand should follow only where spot fails.",
			Fix:   "Set the on-demand group's thresholds above the spot group's.",
			state: func(s *Set, found Found) {
				lowest := map[*Resource]trigger{}
				for _, t := range s.triggers() {
					if l, ok := lowest[t.group]; t.direction > 0 && (!ok || t.threshold < l.threshold) {
						lowest[t.group] = t
					}
				}
				for _, pair := range s.pairs() {
					onDemand, ok := lowest[pair.onDemand]
					spot, also := lowest[pair.spot]
					if ok && also && onDemand.metric == spot.metric && onDemand.threshold <= spot.threshold {
						found(onDemand.alarm, "at %g, and spot at %g", onDemand.threshold, spot.threshold)
					}
				}
			},
		},
	}
}

// scaleInMargin is what tandem.yaml wants between scaling in and out, in points
// of CPU.
const scaleInMargin = 10

// eachBand visits the pairs of an alarm that scales a group in and one that
// scales it out on the same metric.
func (s *Set) eachBand(visit func(in, out trigger)) {
	out := map[*Resource][]trigger{}
	for _, t := range s.triggers() {
		if t.direction > 0 {
			out[t.group] = append(out[t.group], t)
		}
	}
	for _, in := range s.triggers() {
		for _, o := range out[in.group] {
			if in.direction < 0 && in.metric == o.metric {
				visit(in, o)
			}
		}
	}
}

// simple says that a policy is a simple scaling policy, which is the default.
func (s *Set) simple(policy *Resource) bool {
	kind, ok := policy.Text("policy_type", "SimpleScaling")
	return ok && kind == "SimpleScaling"
}

// groups are those that a policy scales.
func (s *Set) groups(policy *Resource) []*Resource {
	return s.Linked(policy, "autoscaling_group_name", "aws_autoscaling_group")
}

// Direction is 1 for a policy that only adds, -1 for one that only removes,
// 0 where that cannot be told.
func Direction(policy *Resource) int {
	if policy.Is("adjustment_type", "ExactCapacity") {
		return 0
	}
	sum := 0
	adjustments := []any{policy.Get("scaling_adjustment")}
	steps := policy.Blocks("step_adjustment")
	if len(steps) > 0 { // or else what the provider reads back as 0 hides them
		adjustments = nil
	}
	for _, step := range steps {
		adjustments = append(adjustments, step["scaling_adjustment"])
	}
	for _, v := range adjustments {
		n, ok := inventory.ToNumber(v)
		if !ok {
			return 0
		}
		sum += cmp.Compare(n, 0)
	}
	if sum == len(adjustments) || sum == -len(adjustments) {
		return cmp.Compare(sum, 0)
	}
	return 0
}

// trigger is an alarm that executes a policy of a group.
type trigger struct {
	alarm, policy, group *Resource
	direction            int
	threshold            float64
	metric               string
}

// triggers are all alarms with the policies that they execute. It is asked for
// by several rules and worked out once.
func (s *Set) triggers() []trigger {
	if s.triggersKnown {
		return s.knownTriggers
	}
	var found []trigger
	for _, alarm := range s.Of("aws_cloudwatch_metric_alarm") {
		threshold, ok := alarm.Number("threshold", math.NaN())
		if !ok || alarm.Is("actions_enabled", "false") {
			continue
		}
		for _, policy := range s.Linked(alarm, "alarm_actions", "aws_autoscaling_policy") {
			for _, group := range s.groups(policy) {
				metric := fmt.Sprint(alarm.Get("namespace"), " ", alarm.Get("metric_name"))
				found = append(found, trigger{alarm, policy, group, Direction(policy), threshold, metric})
			}
		}
	}
	s.knownTriggers, s.triggersKnown = found, true
	return found
}

// stepFault says what is wrong with steps, in the order of their lower bounds.
func stepFault(steps []map[string]any) string {
	type span struct{ low, high float64 }
	var spans []span
	for _, step := range steps {
		low, lowKnown := bound(step["metric_interval_lower_bound"], math.Inf(-1))
		high, highKnown := bound(step["metric_interval_upper_bound"], math.Inf(1))
		if !lowKnown || !highKnown {
			return ""
		}
		if math.IsInf(low, -1) && math.IsInf(high, 1) {
			return "a step has neither bound"
		}
		spans = append(spans, span{low, high})
	}
	slices.SortFunc(spans, func(a, b span) int { return cmp.Compare(a.low, b.low) })
	for i := 1; i < len(spans); i++ {
		switch before, at := spans[i-1].high, spans[i].low; {
		case before < at:
			return fmt.Sprintf("nothing happens between %g and %g above the threshold", before, at)
		case before > at:
			return fmt.Sprintf("two steps hold from %g above the threshold", at)
		}
	}
	return ""
}

func bound(v any, unset float64) (float64, bool) {
	if v == nil {
		return unset, true
	}
	return inventory.ToNumber(v)
}
