package machine

import (
	"maps"
	"slices"

	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/autoscalinggroup"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/autoscalinglifecyclehook"
	"github.com/hashicorp/terraform-cdk-go/cdktf"

	"github.com/tandem-iac/tandem/constructs/network"
	"github.com/tandem-iac/tandem/constructs/pointer"
	"github.com/tandem-iac/tandem/constructs/scaling"
	"github.com/tandem-iac/tandem/instance"
	"github.com/tandem-iac/tandem/spec"
)

const (
	// OnDemand is the lifecycle of a group that AWS takes nothing back from.
	OnDemand = "on-demand"
	// Spot is that of a group whose instances AWS may interrupt.
	Spot = "spot"

	// drainHook is the name of the lifecycle hook that holds a terminating instance.
	drainHook = "drain"
)

// TargetGroupARN is the ARN of a target group. It may be a token.
type TargetGroupARN string

// GroupConfig is what tells the groups of one kind apart.
type GroupConfig struct {
	// Lifecycle is OnDemand or Spot, and names the group. Required.
	Lifecycle string
	// InstanceType is what it launches. Required.
	InstanceType string
	// Rules are its size and times. Required.
	Rules spec.Group
	// MinHealthy and MaxHealthy are the percentages that stay healthy during an
	// instance refresh. Required.
	MinHealthy, MaxHealthy float64
	// SecurityGroup is around its machines. Required.
	SecurityGroup network.SecurityGroupID
	// TargetGroup is where they register, and which decides whether they are
	// healthy. Empty: nowhere, and EC2's own checks decide.
	TargetGroup TargetGroupARN
	// Settings tell them more than who they are. Nil: nothing.
	Settings []instance.Setting
	// After is what has to exist before they start. Nil: nothing besides the role.
	After []cdktf.ITerraformDependable
	// Launch sets how they are launched from the template's version. Nil: as
	// ordinary instances of the one type.
	Launch func(args *autoscalinggroup.AutoscalingGroupConfig, template, version *string)
}

// Group is a group that has been added.
type Group struct {
	Name  scaling.GroupName
	ARN   scaling.GroupARN
	Label string // the name as text, for what is named after it
}

func (cfg Config) groupName(lifecycle string) string { return cfg.Stem() + "-" + lifecycle }

// ordinary launches on-demand instances of the template's type.
func ordinary(args *autoscalinggroup.AutoscalingGroupConfig, template, version *string) {
	args.LaunchTemplate = &autoscalinggroup.AutoscalingGroupLaunchTemplate{Id: template, Version: version}
}

// Group adds a launch template, a group that starts from it, and the hook that
// holds its terminating instances. It fails where a setting cannot be written
// into user data.
func (k Kind) Group(group GroupConfig) (Group, error) {
	node := constructs.NewConstruct(k.node, &group.Lifecycle)
	template, version, err := k.launchTemplate(node, group)
	if err != nil {
		return Group{}, err
	}
	args := k.cfg.groupArgs(group)
	if group.Launch == nil {
		group.Launch = ordinary
	}
	group.Launch(args, template, version)
	args.DependsOn = dependables(slices.Concat(k.role.ready, group.After)...)
	added := autoscalinggroup.NewAutoscalingGroup(node, jsii.String("group"), args)

	autoscalinglifecyclehook.NewAutoscalingLifecycleHook(node, jsii.String("drain-hook"), &autoscalinglifecyclehook.AutoscalingLifecycleHookConfig{
		Name:                 jsii.String(drainHook),
		AutoscalingGroupName: added.Name(),
		LifecycleTransition:  jsii.String("autoscaling:EC2_INSTANCE_TERMINATING"),
		HeartbeatTimeout:     jsii.Number(k.cfg.Heartbeat.Seconds()),
		DefaultResult:        jsii.String("CONTINUE"),
	})
	return Group{
		Name:  scaling.GroupName(*added.Name()),
		ARN:   scaling.GroupARN(*added.Arn()),
		Label: k.cfg.groupName(group.Lifecycle),
	}, nil
}

// groupMetrics are those of sizes in instances; a group publishes none by itself.
// https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-metrics.html
var groupMetrics = []string{
	"GroupMinSize", "GroupMaxSize", "GroupDesiredCapacity", "GroupInServiceInstances",
	"GroupPendingInstances", "GroupStandbyInstances", "GroupTerminatingInstances", "GroupTotalInstances",
}

// groupArgs leaves desired_capacity out and ignores what becomes of it: it
// belongs to the scaling policies, and an apply that set it would undo them.
func (cfg Config) groupArgs(group GroupConfig) *autoscalinggroup.AutoscalingGroupConfig {
	args := &autoscalinggroup.AutoscalingGroupConfig{
		Name:                   jsii.String(cfg.groupName(group.Lifecycle)),
		MinSize:                jsii.Number(group.Rules.Min),
		MaxSize:                jsii.Number(group.Rules.Max),
		VpcZoneIdentifier:      pointer.List(cfg.Network.PrivateSubnets),
		HealthCheckType:        jsii.String("EC2"),
		HealthCheckGracePeriod: jsii.Number(group.Rules.GracePeriod.Seconds()),
		DefaultInstanceWarmup:  jsii.Number(group.Rules.Warmup.Seconds()),
		EnabledMetrics:         jsii.Strings(groupMetrics...),
		MetricsGranularity:     jsii.String("1Minute"),
		Tag:                    cfg.groupTags(group),
		Lifecycle:              &cdktf.TerraformResourceLifecycle{IgnoreChanges: jsii.Strings("desired_capacity")},
	}
	if group.TargetGroup != "" {
		args.TargetGroupArns = &[]*string{(*string)(&group.TargetGroup)}
		args.HealthCheckType = jsii.String("ELB")
	}
	if cfg.Refresh == spec.RefreshRolling {
		args.InstanceRefresh = &autoscalinggroup.AutoscalingGroupInstanceRefresh{
			Strategy: jsii.String("Rolling"),
			Preferences: &autoscalinggroup.AutoscalingGroupInstanceRefreshPreferences{
				MinHealthyPercentage: &group.MinHealthy,
				MaxHealthyPercentage: &group.MaxHealthy,
			},
		}
	}
	return args
}

// groupTags are handed on to instances at launch.
func (cfg Config) groupTags(group GroupConfig) []*autoscalinggroup.AutoscalingGroupTag {
	tags := cfg.instanceTags(group)
	var list []*autoscalinggroup.AutoscalingGroupTag
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		list = append(list, &autoscalinggroup.AutoscalingGroupTag{Key: &key, Value: jsii.String(tags[key]), PropagateAtLaunch: true})
	}
	return list
}
