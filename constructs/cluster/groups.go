package cluster

import (
	"maps"
	"slices"
	"strconv"

	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/autoscalinggroup"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/autoscalinglifecyclehook"
	"github.com/hashicorp/terraform-cdk-go/cdktf"

	"github.com/tandem-iac/tandem/constructs/scaling"
	"github.com/tandem-iac/tandem/spec"
)

const (
	onDemandLifecycle = "on-demand"
	spotLifecycle     = "spot"

	// drainHook is the name of the lifecycle hook that holds a terminating instance.
	drainHook = "drain"
)

// autoScalingGroup is a group that has been added.
type autoScalingGroup struct {
	name  scaling.GroupName
	arn   scaling.GroupARN
	label string // the name as text, for what is named after it
}

// groupConfig is what tells the two groups apart.
type groupConfig struct {
	lifecycle    string
	name         string
	instanceType string
	rules        spec.Group
	// refresh are the percentages that stay healthy during an instance refresh.
	minHealthy, maxHealthy float64
}

func (b *builder) groupName(lifecycle string) string { return b.fullName + "-" + lifecycle }

// onDemandGroup adds the anchor: an ordinary group of one instance type.
func (b *builder) onDemandGroup(launch launchConfig, after ...[]cdktf.ITerraformDependable) (autoScalingGroup, error) {
	group := groupConfig{
		lifecycle:    onDemandLifecycle,
		name:         b.groupName(onDemandLifecycle),
		instanceType: b.spec.OnDemand.InstanceType,
		rules:        b.spec.OnDemand.Group,
		// The one anchor is replaced before it goes.
		minHealthy: 100, maxHealthy: 200,
	}
	return b.group(group, launch, after, func(args *autoscalinggroup.AutoscalingGroupConfig, template, version *string) {
		args.LaunchTemplate = &autoscalinggroup.AutoscalingGroupLaunchTemplate{Id: template, Version: version}
	})
}

// spotGroup adds the group that carries the load: all spot, through a mixed
// instances policy, the only way to ask for spot here.
func (b *builder) spotGroup(launch launchConfig, after ...[]cdktf.ITerraformDependable) (autoScalingGroup, error) {
	rule := b.spec.Spot
	group := groupConfig{
		lifecycle:    spotLifecycle,
		name:         b.groupName(spotLifecycle),
		instanceType: rule.InstanceTypes[0],
		rules:        rule.Group,
		minHealthy:   90, maxHealthy: 110,
	}
	return b.group(group, launch, after, func(args *autoscalinggroup.AutoscalingGroupConfig, template, version *string) {
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
	})
}

// group adds a launch template, a group that starts from it, and the hook that
// holds its terminating instances; lifecycle sets what the two groups do not share.
func (b *builder) group(group groupConfig, launch launchConfig, after [][]cdktf.ITerraformDependable,
	lifecycle func(args *autoscalinggroup.AutoscalingGroupConfig, template, version *string)) (autoScalingGroup, error) {
	node := constructs.NewConstruct(b.node, &group.lifecycle)
	template, version, err := b.launchTemplate(node, group, launch)
	if err != nil {
		return autoScalingGroup{}, err
	}
	args := b.groupArgs(group, launch)
	lifecycle(args, template, version)
	depends := slices.Concat(after...)
	args.DependsOn = &depends
	added := autoscalinggroup.NewAutoscalingGroup(node, jsii.String("group"), args)

	autoscalinglifecyclehook.NewAutoscalingLifecycleHook(node, jsii.String("drain-hook"), &autoscalinglifecyclehook.AutoscalingLifecycleHookConfig{
		Name:                 jsii.String(drainHook),
		AutoscalingGroupName: added.Name(),
		LifecycleTransition:  jsii.String("autoscaling:EC2_INSTANCE_TERMINATING"),
		HeartbeatTimeout:     jsii.Number(b.spec.Drain.Heartbeat.Seconds()),
		DefaultResult:        jsii.String("CONTINUE"),
	})
	return autoScalingGroup{name: scaling.GroupName(*added.Name()), arn: scaling.GroupARN(*added.Arn()), label: group.name}, nil
}

// groupMetrics are those of sizes in instances; a group publishes none by itself.
// https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-metrics.html
var groupMetrics = []string{
	"GroupMinSize", "GroupMaxSize", "GroupDesiredCapacity", "GroupInServiceInstances",
	"GroupPendingInstances", "GroupStandbyInstances", "GroupTerminatingInstances", "GroupTotalInstances",
}

// groupArgs leaves desired_capacity out and ignores what becomes of it: it
// belongs to the scaling policies, and an apply that set it would undo them.
func (b *builder) groupArgs(group groupConfig, launch launchConfig) *autoscalinggroup.AutoscalingGroupConfig {
	args := &autoscalinggroup.AutoscalingGroupConfig{
		Name:                   &group.name,
		MinSize:                jsii.Number(group.rules.Min),
		MaxSize:                jsii.Number(group.rules.Max),
		VpcZoneIdentifier:      subnetPointers(b.Network.PrivateSubnets),
		TargetGroupArns:        &[]*string{(*string)(&launch.targetGroup)},
		HealthCheckType:        jsii.String("ELB"),
		HealthCheckGracePeriod: jsii.Number(group.rules.GracePeriod.Seconds()),
		DefaultInstanceWarmup:  jsii.Number(group.rules.Warmup.Seconds()),
		EnabledMetrics:         jsii.Strings(groupMetrics...),
		MetricsGranularity:     jsii.String("1Minute"),
		Tag:                    b.groupTags(group),
		Lifecycle:              &cdktf.TerraformResourceLifecycle{IgnoreChanges: jsii.Strings("desired_capacity")},
	}
	if b.spec.Refresh == spec.RefreshRolling {
		args.InstanceRefresh = &autoscalinggroup.AutoscalingGroupInstanceRefresh{
			Strategy: jsii.String("Rolling"),
			Preferences: &autoscalinggroup.AutoscalingGroupInstanceRefreshPreferences{
				MinHealthyPercentage: &group.minHealthy,
				MaxHealthyPercentage: &group.maxHealthy,
			},
		}
	}
	return args
}

// groupTags are handed on to instances at launch, the environment's tags
// among them: default tags do not reach instances.
func (b *builder) groupTags(group groupConfig) []*autoscalinggroup.AutoscalingGroupTag {
	tags := b.instanceTags(group)
	var list []*autoscalinggroup.AutoscalingGroupTag
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		list = append(list, &autoscalinggroup.AutoscalingGroupTag{Key: &key, Value: jsii.String(tags[key]), PropagateAtLaunch: true})
	}
	return list
}

// instanceTags are all tags of an instance.
func (b *builder) instanceTags(group groupConfig) map[string]string {
	tags := b.tags(group.name, group.lifecycle)
	tags["tandem:environment"] = b.Environment.Name
	for key, value := range b.Environment.Tags {
		if _, own := tags[key]; !own {
			tags[key] = value
		}
	}
	return tags
}
