package rollout

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/tandem-iac/tandem/internal/awsclient"
	"github.com/tandem-iac/tandem/internal/fleet"
)

// NewServices returns those of AWS.
func NewServices(cfg aws.Config) Services {
	client := ssm.NewFromConfig(cfg)
	return Services{
		Fleet:    fleet.NewFinder(cfg),
		Scaling:  groups{autoscaling.NewFromConfig(cfg)},
		Targets:  targets{elb.NewFromConfig(cfg)},
		Commands: commands{client},
		Store:    parameters{client},
	}
}

type groups struct{ client *autoscaling.Client }

func (g groups) EnterStandby(ctx context.Context, group, instance string) error {
	_, err := g.client.EnterStandby(ctx, &autoscaling.EnterStandbyInput{
		AutoScalingGroupName: &group, InstanceIds: []string{instance}, ShouldDecrementDesiredCapacity: aws.Bool(true),
	})
	return err
}

func (g groups) ExitStandby(ctx context.Context, group, instance string) error {
	_, err := g.client.ExitStandby(ctx, &autoscaling.ExitStandbyInput{AutoScalingGroupName: &group, InstanceIds: []string{instance}})
	return err
}

func (g groups) SetMinimum(ctx context.Context, group string, minimum int) error {
	_, err := g.client.UpdateAutoScalingGroup(ctx, &autoscaling.UpdateAutoScalingGroupInput{
		AutoScalingGroupName: &group, MinSize: aws.Int32(int32(minimum)),
	})
	return err
}

type targets struct{ client *elb.Client }

func (t targets) Register(ctx context.Context, targetGroup, instance string) error {
	_, err := t.client.RegisterTargets(ctx, &elb.RegisterTargetsInput{TargetGroupArn: &targetGroup, Targets: []elbtypes.TargetDescription{{Id: &instance}}})
	return err
}

func (t targets) Deregister(ctx context.Context, targetGroup, instance string) error {
	_, err := t.client.DeregisterTargets(ctx, &elb.DeregisterTargetsInput{TargetGroupArn: &targetGroup, Targets: []elbtypes.TargetDescription{{Id: &instance}}})
	if awsclient.HasCode(err, "InvalidTarget") {
		return nil
	}
	return err
}

// https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_TargetGroupAttribute.html
const (
	delayAttribute = "deregistration_delay.timeout_seconds"
	defaultDelay   = 5 * time.Minute
)

func (t targets) Delay(ctx context.Context, targetGroup string) (time.Duration, error) {
	out, err := t.client.DescribeTargetGroupAttributes(ctx, &elb.DescribeTargetGroupAttributesInput{TargetGroupArn: &targetGroup})
	if err != nil {
		return 0, err
	}
	for _, a := range out.Attributes {
		if aws.ToString(a.Key) == delayAttribute {
			seconds, err := strconv.Atoi(aws.ToString(a.Value))
			return time.Duration(seconds) * time.Second, err
		}
	}
	return defaultDelay, nil
}

type commands struct{ client *ssm.Client }

// deliveryLimit is how long an instance may take to fetch a command.
const deliveryLimit = 2 * time.Minute

func (c commands) Send(ctx context.Context, instance, script string, limit time.Duration) (string, error) {
	out, err := c.client.SendCommand(ctx, &ssm.SendCommandInput{
		DocumentName:   aws.String("AWS-RunShellScript"),
		InstanceIds:    []string{instance},
		Comment:        aws.String("tandem deploy"),
		TimeoutSeconds: aws.Int32(int32(deliveryLimit / time.Second)),
		Parameters: map[string][]string{
			"commands":         strings.Split(script, "\n"),
			"executionTimeout": {strconv.Itoa(int((limit + time.Second - 1) / time.Second))},
		},
	})
	if err != nil {
		return "", err
	}
	return aws.ToString(out.Command.CommandId), nil
}

func (c commands) Result(ctx context.Context, instance, command string) (Invocation, error) {
	out, err := c.client.GetCommandInvocation(ctx, &ssm.GetCommandInvocationInput{CommandId: &command, InstanceId: &instance})
	switch {
	case awsclient.HasCode(err, "InvocationDoesNotExist"): // just after Send
		return Invocation{Status: "Pending"}, nil
	case err != nil:
		return Invocation{}, err
	}
	i := Invocation{
		Status: aws.ToString(out.StatusDetails),
		Code:   int(out.ResponseCode),
		Stdout: aws.ToString(out.StandardOutputContent),
		Stderr: aws.ToString(out.StandardErrorContent),
	}
	switch out.Status {
	case ssmtypes.CommandInvocationStatusPending, ssmtypes.CommandInvocationStatusInProgress,
		ssmtypes.CommandInvocationStatusDelayed, ssmtypes.CommandInvocationStatusCancelling:
	default:
		i.Done = true
	}
	if out.Status == ssmtypes.CommandInvocationStatusSuccess {
		i.Status = string(out.Status)
	}
	return i, nil
}

func (c commands) Cancel(ctx context.Context, instance, command string) error {
	_, err := c.client.CancelCommand(ctx, &ssm.CancelCommandInput{CommandId: &command, InstanceIds: []string{instance}})
	return err
}

// parameterNotFound is Parameter Store's code for a name that it does not know.
const parameterNotFound = "ParameterNotFound"

// parameters keeps journals in Parameter Store.
type parameters struct{ client *ssm.Client }

func (p parameters) Read(ctx context.Context, name string) (string, bool, error) {
	out, err := p.client.GetParameter(ctx, &ssm.GetParameterInput{Name: &name})
	switch {
	case awsclient.HasCode(err, parameterNotFound):
		return "", false, nil
	case err != nil:
		return "", false, err
	}
	return aws.ToString(out.Parameter.Value), true, nil
}

func (p parameters) Create(ctx context.Context, name, document string) (bool, error) {
	_, err := p.put(ctx, name, document, false)
	if awsclient.HasCode(err, "ParameterAlreadyExists") {
		return false, nil
	}
	return err == nil, err
}

func (p parameters) Replace(ctx context.Context, name, document string) (int64, error) {
	return p.put(ctx, name, document, true)
}

func (p parameters) put(ctx context.Context, name, document string, overwrite bool) (int64, error) {
	out, err := p.client.PutParameter(ctx, &ssm.PutParameterInput{
		Name: &name, Value: &document, Type: ssmtypes.ParameterTypeString, Overwrite: &overwrite,
	})
	if err != nil {
		return 0, err
	}
	return out.Version, nil
}

func (p parameters) Delete(ctx context.Context, name string) error {
	_, err := p.client.DeleteParameter(ctx, &ssm.DeleteParameterInput{Name: &name})
	if awsclient.HasCode(err, parameterNotFound) {
		return nil
	}
	return err
}
