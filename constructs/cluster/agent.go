package cluster

import (
	"strconv"

	"github.com/tandem-iac/tandem/constructs/machine"
	"github.com/tandem-iac/tandem/constructs/scaling"
	"github.com/tandem-iac/tandem/instance"
	"github.com/tandem-iac/tandem/internal/iam"
)

// settings tell a machine whose traffic it takes and whom to call; rescue is
// empty while the on-demand group is built.
func (b *builder) settings(target machine.TargetGroupARN, rescue scaling.PolicyARN) []instance.Setting {
	settings := []instance.Setting{
		{Name: "TANDEM_TARGET_GROUP_ARN", Value: string(target)},
		{Name: "TANDEM_HEALTH_PATH", Value: b.spec.TargetGroup.HealthCheck.Path},
		{Name: "TANDEM_IDLE_SECONDS", Value: machine.Seconds(b.spec.LoadBalancer.IdleTimeout)},
		{Name: "TANDEM_DEREGISTRATION_SECONDS", Value: machine.Seconds(b.spec.TargetGroup.DeregistrationDelay)},
	}
	settings = append(settings, machine.DrainSettings(b.spec.Drain)...)
	if rescue != "" {
		settings = append(settings,
			instance.Setting{Name: "TANDEM_PRELAUNCH", Value: strconv.FormatBool(b.spec.Drain.Prelaunch)},
			instance.Setting{Name: "TANDEM_RESCUE_GROUP", Value: b.fullName + "-" + machine.OnDemand},
			instance.Setting{Name: "TANDEM_RESCUE_POLICY_ARN", Value: string(rescue)},
		)
	}
	return settings
}

// agentPolicy lets the agent on an instance call for rescue and take the
// instance out of service.
func (b *builder) agentPolicy(onDemand, spot machine.Group, rescue scaling.PolicyARN, target machine.TargetGroupARN) iam.Policy {
	return iam.Policy{
		{
			// IAM checks this action against the group, so that an instance may
			// execute the group's other policies too; the policy's ARN says
			// which one is meant, and is enough should IAM learn to tell:
			// https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonec2autoscaling.html
			Sid:      "Rescue",
			Effect:   iam.Allow,
			Action:   []string{"autoscaling:ExecutePolicy"},
			Resource: []string{string(onDemand.ARN), string(rescue)},
		},
		machine.EndDrain(onDemand, spot),
		{
			// And return to it, should the interruption be withdrawn.
			Sid:      "LeaveLoadBalancer",
			Effect:   iam.Allow,
			Action:   []string{"elasticloadbalancing:DeregisterTargets", "elasticloadbalancing:RegisterTargets"},
			Resource: []string{string(target)},
		},
		{
			// Looking at groups knows no resource to name, so a condition keeps
			// it to the region.
			Sid:       "SeeCapacity",
			Effect:    iam.Allow,
			Action:    []string{"autoscaling:DescribeAutoScalingGroups"},
			Resource:  []string{"*"},
			Condition: map[string]map[string]any{"StringEquals": {"aws:RequestedRegion": b.Environment.Region}},
		},
		machine.Report(),
	}
}
