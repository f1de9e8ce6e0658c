package scaling

import (
	"fmt"

	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/autoscalingpolicy"

	"github.com/tandem-iac/tandem/internal/check"
)

// RescueConfig configures NewRescue.
type RescueConfig struct {
	// Group is the on-demand group that takes over. Required.
	Group GroupName
}

// RescueName is the name of the rescue policy in its group.
const RescueName = "rescue"

// NewRescue adds a simple policy of +1 instance under scope/id, for an
// interrupted spot instance to execute without regard to cooldown. Executing
// is additive at AWS: two notices at once add two, where two agents that read
// and write a desired count would add one. If cfg is invalid it returns a
// check.Errors and adds nothing.
func NewRescue(scope constructs.Construct, id string, cfg RescueConfig) (PolicyARN, error) {
	var faults check.Errors
	faults.Require(cfg.Group != "", "group", "", "the on-demand group")
	if err := faults.Err(); err != nil {
		return "", fmt.Errorf("rescue %q: %w", id, err)
	}
	policy := autoscalingpolicy.NewAutoscalingPolicy(scope, &id, &autoscalingpolicy.AutoscalingPolicyConfig{
		Name:                 jsii.String(RescueName),
		AutoscalingGroupName: (*string)(&cfg.Group),
		PolicyType:           jsii.String("SimpleScaling"),
		AdjustmentType:       jsii.String("ChangeInCapacity"),
		ScalingAdjustment:    jsii.Number(1),
	})
	return PolicyARN(*policy.Arn()), nil
}
