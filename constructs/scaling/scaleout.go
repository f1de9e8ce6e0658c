package scaling

import (
	"fmt"
	"strconv"

	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/autoscalingpolicy"

	"github.com/tandem-iac/tandem/spec"
)

// adjustmentTypes maps the description's units to Auto Scaling's.
var adjustmentTypes = map[string]string{
	spec.UnitPercent:   "PercentChangeInCapacity",
	spec.UnitInstances: "ChangeInCapacity",
}

// newStepScaleOut adds a step policy and its alarm; name tells it from the
// group's others.
func newStepScaleOut(scope constructs.Construct, name string, cfg Config, rule spec.StepPolicy) PolicyARN {
	node := constructs.NewConstruct(scope, &name)
	policy := autoscalingpolicy.NewAutoscalingPolicy(node, jsii.String("policy"), stepArgs(cfg.named(name), cfg.Group, rule)).Arn()
	newAlarm(node, cfg, policy, alarmConfig{
		name:        name,
		description: fmt.Sprintf("CPU of %s at or above %s %% (%s): adds instances", cfg.Name, decimal(rule.Threshold), name),
		comparison:  atOrAbove,
		threshold:   rule.Threshold,
		period:      rule.Period,
		evaluations: rule.EvaluationPeriods,
	})
	return PolicyARN(*policy)
}

// stepArgs sets no cooldown: the provider refuses one on a step policy.
func stepArgs(name string, group GroupName, rule spec.StepPolicy) *autoscalingpolicy.AutoscalingPolicyConfig {
	args := &autoscalingpolicy.AutoscalingPolicyConfig{
		Name:                  &name,
		AutoscalingGroupName:  (*string)(&group),
		PolicyType:            jsii.String("StepScaling"),
		AdjustmentType:        jsii.String(adjustmentTypes[rule.Unit]),
		MetricAggregationType: jsii.String("Average"),
		StepAdjustment:        stepAdjustments(rule),
	}
	if rule.Unit == spec.UnitPercent {
		args.MinAdjustmentMagnitude = jsii.Number(rule.MinimumAdd)
	}
	if rule.Warmup != nil {
		args.EstimatedInstanceWarmup = jsii.Number(rule.Warmup.Seconds())
	}
	return args
}

// stepAdjustments turns CPU in percent into offsets from the threshold.
func stepAdjustments(rule spec.StepPolicy) []*autoscalingpolicy.AutoscalingPolicyStepAdjustment {
	adjustments := make([]*autoscalingpolicy.AutoscalingPolicyStepAdjustment, len(rule.Steps))
	for i, step := range rule.Steps {
		adjustment := autoscalingpolicy.AutoscalingPolicyStepAdjustment{
			ScalingAdjustment:        jsii.Number(step.Add),
			MetricIntervalLowerBound: jsii.String(decimal(step.From - rule.Threshold)),
		}
		if step.To != nil {
			adjustment.MetricIntervalUpperBound = jsii.String(decimal(*step.To - rule.Threshold))
		}
		adjustments[i] = &adjustment
	}
	return adjustments
}

// decimal writes a number without an exponent, as Terraform compares bounds as text.
func decimal(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }
