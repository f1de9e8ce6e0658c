package scaling

import (
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/cloudwatchmetricalarm"

	"github.com/tandem-iac/tandem/spec"
)

// alarmConfig is an alarm on a group's average CPU that sets off one policy.
type alarmConfig struct {
	group       GroupName
	name        string
	description string
	comparison  string // a CloudWatch comparison operator
	threshold   float64
	period      spec.Duration
	evaluations int
	action      *string // the policy's ARN
}

const (
	atOrAbove = "GreaterThanOrEqualToThreshold"
	below     = "LessThanThreshold"
)

func newAlarm(scope constructs.Construct, cfg alarmConfig) {
	cloudwatchmetricalarm.NewCloudwatchMetricAlarm(scope, jsii.String("alarm"), cfg.args())
}

func (cfg alarmConfig) args() *cloudwatchmetricalarm.CloudwatchMetricAlarmConfig {
	return &cloudwatchmetricalarm.CloudwatchMetricAlarmConfig{
		AlarmName:          &cfg.name,
		AlarmDescription:   &cfg.description,
		Namespace:          jsii.String("AWS/EC2"),
		MetricName:         jsii.String("CPUUtilization"),
		Dimensions:         &map[string]*string{"AutoScalingGroupName": (*string)(&cfg.group)},
		Statistic:          jsii.String("Average"),
		ComparisonOperator: &cfg.comparison,
		Threshold:          &cfg.threshold,
		Period:             jsii.Number(cfg.period.Seconds()),
		EvaluationPeriods:  jsii.Number(cfg.evaluations),
		// Silence is no reason to act: a low-CPU alarm that took it for a
		// breach would scale in whenever data is late.
		TreatMissingData: jsii.String("missing"),
		AlarmActions:     &[]*string{cfg.action},
	}
}
