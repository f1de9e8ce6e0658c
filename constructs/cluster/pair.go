package cluster

import (
	"strconv"

	"github.com/aws/jsii-runtime-go"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/autoscalinggroup"
	"github.com/hashicorp/terraform-cdk-go/cdktf"

	"github.com/tandem-iac/tandem/constructs/machine"
	"github.com/tandem-iac/tandem/constructs/network"
	"github.com/tandem-iac/tandem/constructs/scaling"
)

// pairConfig is what both groups share.
type pairConfig struct {
	machines      machine.Kind
	securityGroup network.SecurityGroupID
	target        machine.TargetGroupARN
	listeners     []cdktf.ITerraformDependable
}

// onDemandGroup adds the anchor: an ordinary group of one instance type.
func (b *builder) onDemandGroup(pair pairConfig) (machine.Group, error) {
	return pair.machines.Group(machine.GroupConfig{
		Lifecycle:    machine.OnDemand,
		InstanceType: b.spec.OnDemand.InstanceType,
		Rules:        b.spec.OnDemand.Group,
		// The one anchor is replaced before it goes.
		MinHealthy: 100, MaxHealthy: 200,
		SecurityGroup: pair.securityGroup,
		TargetGroup:   pair.target,
		Settings:      b.settings(pair.target, ""),
		After:         pair.listeners,
	})
}

// spotGroup adds the group that carries the load: all spot, through a mixed
// instances policy, the only way to ask for spot here.
func (b *builder) spotGroup(pair pairConfig, rescue scaling.PolicyARN) (machine.Group, error) {
	return pair.machines.Group(machine.GroupConfig{
		Lifecycle:    machine.Spot,
		InstanceType: b.spec.Spot.InstanceTypes[0],
		Rules:        b.spec.Spot.Group,
		MinHealthy:   90, MaxHealthy: 110,
		SecurityGroup: pair.securityGroup,
		TargetGroup:   pair.target,
		Settings:      b.settings(pair.target, rescue),
		After:         pair.listeners,
		Launch:        b.launchSpot,
	})
}

// launchSpot bids for every type.
func (b *builder) launchSpot(args *autoscalinggroup.AutoscalingGroupConfig, template, version *string) {
	rule := b.spec.Spot
	var overrides []*autoscalinggroup.AutoscalingGroupMixedInstancesPolicyLaunchTemplateOverride
	for _, instanceType := range rule.InstanceTypes {
		overrides = append(overrides, &autoscalinggroup.AutoscalingGroupMixedInstancesPolicyLaunchTemplateOverride{InstanceType: &instanceType})
	}
	args.MixedInstancesPolicy = &autoscalinggroup.AutoscalingGroupMixedInstancesPolicy{
		InstancesDistribution: &autoscalinggroup.AutoscalingGroupMixedInstancesPolicyInstancesDistribution{
			OnDemandBaseCapacity:                jsii.Number(0),
			OnDemandPercentageAboveBaseCapacity: jsii.Number(0),
			SpotAllocationStrategy:              jsii.String("price-capacity-optimized"),
			SpotMaxPrice:                        jsii.String(strconv.FormatFloat(rule.MaxPrice, 'f', -1, 64)),
		},
		LaunchTemplate: &autoscalinggroup.AutoscalingGroupMixedInstancesPolicyLaunchTemplate{
			LaunchTemplateSpecification: &autoscalinggroup.AutoscalingGroupMixedInstancesPolicyLaunchTemplateLaunchTemplateSpecification{
				LaunchTemplateId: template,
				Version:          version,
			},
			Override: overrides,
		},
	}
	args.CapacityRebalance = true
	// A lack of spot capacity is ordinary: it must not fail an apply.
	args.WaitForCapacityTimeout = jsii.String("0")
	args.IgnoreFailedScalingActivities = true
}
