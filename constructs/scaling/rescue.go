package scaling

import (
	"fmt"

	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/autoscalingpolicy"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/cloudwatchmetricalarm"

	"github.com/tandem-iac/tandem/internal/check"
	"github.com/tandem-iac/tandem/internal/rescue/metric"
	"github.com/tandem-iac/tandem/internal/watch"
)

// RescueConfig configures NewRescue.
type RescueConfig struct {
	// Group is the on-demand group that takes over. Required.
	Group GroupName
	// Name prefixes the names of the policy and the alarms. Required: Group may
	// be a token, which cannot.
	Name string
	// Environment and Cluster are the dimensions under which agents report.
	// Required.
	Environment, Cluster string
	// AlarmActions are the ARNs of what to tell when a rescue fails or has no
	// room, such as an SNS topic. Nil: the alarms show in CloudWatch alone.
	AlarmActions []string
}

// AlarmName names a CloudWatch alarm. It may be a token.
type AlarmName string

// Rescue is what NewRescue has made.
type Rescue struct {
	// Policy adds one instance.
	Policy PolicyARN
	// Failed is the alarm that a rescue has failed, AtMax that the next one has no room.
	Failed, AtMax AlarmName
}

// RescueSuffix ends the names of rescue policies, by which they are found.
const RescueSuffix = "-rescue"

// NewRescue adds a simple policy of +1 instance under scope/id, for an
// interrupted spot instance to execute without regard to cooldown, and the
// alarms on it. Executing is additive at AWS: two notices at once add two, where
// two agents that read and write a desired count would add one. If cfg is
// invalid it returns a check.Errors and adds nothing.
//
//	agents' metric RescueFailures ≥ 1 ──> alarm rescue-failed
//	desired capacity ≥ maximum ─────────> alarm rescue-at-max: the next rescue adds nothing
func NewRescue(scope constructs.Construct, id string, cfg RescueConfig) (Rescue, error) {
	var faults check.Errors
	faults.Require(cfg.Group != "", "group", "", "the on-demand group")
	faults.Require(cfg.Name != "", "name", "", "a prefix for the policy and alarms")
	faults.Require(cfg.Environment != "" && cfg.Cluster != "", "cluster", cfg.Cluster, "the environment and cluster that agents report for")
	if err := faults.Err(); err != nil {
		return Rescue{}, fmt.Errorf("rescue %q: %w", id, err)
	}
	policy := autoscalingpolicy.NewAutoscalingPolicy(scope, &id, &autoscalingpolicy.AutoscalingPolicyConfig{
		Name:                 jsii.String(cfg.Name + RescueSuffix),
		AutoscalingGroupName: (*string)(&cfg.Group),
		PolicyType:           jsii.String("SimpleScaling"),
		AdjustmentType:       jsii.String("ChangeInCapacity"),
		ScalingAdjustment:    jsii.Number(1),
	})
	node := constructs.NewConstruct(scope, jsii.String(id+"-alarms"))
	failed := cloudwatchmetricalarm.NewCloudwatchMetricAlarm(node, jsii.String("failed"), cfg.failedArgs())
	atMax := cloudwatchmetricalarm.NewCloudwatchMetricAlarm(node, jsii.String("at-max"), cfg.atMaxArgs())
	return Rescue{
		Policy: PolicyARN(*policy.Arn()),
		Failed: AlarmName(*failed.AlarmName()),
		AtMax:  AlarmName(*atMax.AlarmName()),
	}, nil
}

// rescueAlarm is what both alarms share. Silence is good news: agents report
// nothing while nothing happens.
func (cfg RescueConfig) rescueAlarm(name, description string) *cloudwatchmetricalarm.CloudwatchMetricAlarmConfig {
	args := &cloudwatchmetricalarm.CloudwatchMetricAlarmConfig{
		AlarmName:          jsii.String(cfg.Name + "-" + name),
		AlarmDescription:   &description,
		ComparisonOperator: jsii.String(atOrAbove),
		Threshold:          jsii.Number(1),
		EvaluationPeriods:  jsii.Number(1),
		TreatMissingData:   jsii.String("notBreaching"),
	}
	if len(cfg.AlarmActions) > 0 {
		args.AlarmActions = jsii.Strings(cfg.AlarmActions...)
	}
	return args
}

func (cfg RescueConfig) failedArgs() *cloudwatchmetricalarm.CloudwatchMetricAlarmConfig {
	args := cfg.rescueAlarm(watch.RescueFailed, "An interrupted spot instance of "+cfg.Cluster+" could not call for rescue")
	args.Namespace = jsii.String(metric.Namespace)
	args.MetricName = jsii.String(metric.RescueFailures)
	args.Dimensions = &map[string]*string{metric.Environment: &cfg.Environment, metric.Cluster: &cfg.Cluster}
	args.Statistic = jsii.String("Sum")
	args.Period = jsii.Number(60)
	return args
}

// atMaxArgs compares two metrics of the group, so that a change of its maximum
// needs no change here.
func (cfg RescueConfig) atMaxArgs() *cloudwatchmetricalarm.CloudwatchMetricAlarmConfig {
	args := cfg.rescueAlarm(watch.RescueAtMax, "The on-demand group of "+cfg.Cluster+" is at its maximum: a rescue would add nothing")
	of := func(id, name string) *cloudwatchmetricalarm.CloudwatchMetricAlarmMetricQuery {
		return &cloudwatchmetricalarm.CloudwatchMetricAlarmMetricQuery{
			Id: &id,
			Metric: &cloudwatchmetricalarm.CloudwatchMetricAlarmMetricQueryMetric{
				Namespace:  jsii.String("AWS/AutoScaling"),
				MetricName: &name,
				Dimensions: &map[string]*string{"AutoScalingGroupName": (*string)(&cfg.Group)},
				Stat:       jsii.String("Maximum"),
				Period:     jsii.Number(60),
			},
		}
	}
	args.MetricQuery = []*cloudwatchmetricalarm.CloudwatchMetricAlarmMetricQuery{
		{Id: jsii.String("full"), Expression: jsii.String("IF(desired >= maximum, 1, 0)"), Label: jsii.String("at maximum"), ReturnData: true},
		of("desired", "GroupDesiredCapacity"),
		of("maximum", "GroupMaxSize"),
	}
	return args
}
