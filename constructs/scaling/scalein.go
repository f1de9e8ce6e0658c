package scaling

import (
	"fmt"

	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/autoscalingpolicy"

	"github.com/tandem-iac/tandem/spec"
)

// newSimpleScaleIn adds a simple policy and its alarm. A simple policy waits
// for its cooldown between two removals; a step policy would remove every
// minute for as long as the alarm lasts
// (https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-scaling-cooldowns.html).
func newSimpleScaleIn(scope constructs.Construct, name string, cfg Config) PolicyARN {
	node := constructs.NewConstruct(scope, &name)
	rule := cfg.Rules.ScaleIn
	policy := autoscalingpolicy.NewAutoscalingPolicy(node, jsii.String("policy"), scaleInArgs(cfg.named(name), cfg.Group, rule)).Arn()
	newAlarm(node, cfg, policy, alarmConfig{
		name:        name,
		description: fmt.Sprintf("CPU of %s below %s %%: removes instances", cfg.Name, decimal(rule.Threshold)),
		comparison:  below,
		threshold:   rule.Threshold,
		period:      rule.Period,
		evaluations: rule.EvaluationPeriods,
	})
	return PolicyARN(*policy)
}

// scaleInArgs sets no warm-up: the provider refuses one on a simple policy.
func scaleInArgs(name string, group GroupName, rule spec.ScaleIn) *autoscalingpolicy.AutoscalingPolicyConfig {
	args := &autoscalingpolicy.AutoscalingPolicyConfig{
		Name:                 &name,
		AutoscalingGroupName: (*string)(&group),
		PolicyType:           jsii.String("SimpleScaling"),
		AdjustmentType:       jsii.String(adjustmentTypes[rule.Unit]),
		ScalingAdjustment:    jsii.Number(-rule.Remove),
		Cooldown:             jsii.Number(rule.Cooldown.Seconds()),
	}
	if rule.Unit == spec.UnitPercent {
		args.MinAdjustmentMagnitude = jsii.Number(1)
	}
	return args
}
