package scaling

import (
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/cloudwatchmetricalarm"

	"github.com/tandem-iac/tandem/spec"
)

// alarmConfig is what tells a group's alarms apart.
type alarmConfig struct {
	name        string
	description string
	comparison  string // a CloudWatch comparison operator
	threshold   float64
	period      spec.Duration
	evaluations int
}

const (
	atOrAbove = "GreaterThanOrEqualToThreshold"
	below     = "LessThanThreshold"
)

// newAlarm adds an alarm on the group's average CPU that sets off one policy.
func newAlarm(scope constructs.Construct, group Config, policyARN *string, cfg alarmConfig) {
	cloudwatchmetricalarm.NewCloudwatchMetricAlarm(scope, jsii.String("alarm"), &cloudwatchmetricalarm.CloudwatchMetricAlarmConfig{
		AlarmName:          jsii.String(group.named(cfg.name)),
		AlarmDescription:   &cfg.description,
		Namespace:          jsii.String("AWS/EC2"),
		MetricName:         jsii.String("CPUUtilization"),
		Dimensions:         &map[string]*string{"AutoScalingGroupName": (*string)(&group.Group)},
		Statistic:          jsii.String("Average"),
		ComparisonOperator: &cfg.comparison,
		Threshold:          &cfg.threshold,
		Period:             jsii.Number(cfg.period.Seconds()),
		EvaluationPeriods:  jsii.Number(cfg.evaluations),
		// Silence is no reason to act: a low-CPU alarm that took it for a
		// breach would scale in whenever data is late.
		TreatMissingData: jsii.String("missing"),
		AlarmActions:     &[]*string{policyARN},
	})
}
