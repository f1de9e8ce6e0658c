package rollout

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/tandem-iac/tandem/internal/fleet"
)

// Fleet shows a cluster as it is now.
type Fleet interface {
	Cluster(ctx context.Context, environment, name string) (fleet.Cluster, error)
}

// Scaling takes instances out of their group's care and gives them back.
type Scaling interface {
	// EnterStandby lowers the group's desired capacity by one.
	EnterStandby(ctx context.Context, group, instance string) error
	// ExitStandby raises it by one.
	ExitStandby(ctx context.Context, group, instance string) error
	// SetMinimum changes the group's smallest size.
	SetMinimum(ctx context.Context, group string, minimum int) error
}

// Targets are the members of target groups.
type Targets interface {
	Register(ctx context.Context, targetGroup, instance string) error
	// Deregister of an instance that is not registered does nothing.
	Deregister(ctx context.Context, targetGroup, instance string) error
	// Delay is how long deregistration may take.
	Delay(ctx context.Context, targetGroup string) (time.Duration, error)
}

// Commands runs scripts on instances.
type Commands interface {
	// Send starts a script as root and returns the command's id.
	Send(ctx context.Context, instance, script string, limit time.Duration) (string, error)
	Result(ctx context.Context, instance, command string) (Invocation, error)
	Cancel(ctx context.Context, instance, command string) error
}

// Invocation is a script on an instance.
type Invocation struct {
	Done bool
	// Status is Systems Manager's word for it:
	// https://docs.aws.amazon.com/systems-manager/latest/userguide/monitor-commands.html
	Status string
	// Code is the exit code, of which only a finished script has one.
	Code           int
	Stdout, Stderr string
}

// Store keeps the journal of a rollout where the next one finds it.
type Store interface {
	// Read returns the document and its version, which is 0 if there is none.
	Read(ctx context.Context, name string) (document string, version int64, err error)
	// Write replaces the document and returns its new version. With create it
	// returns version 0 if there is one already.
	Write(ctx context.Context, name, document string, create bool) (version int64, err error)
	Delete(ctx context.Context, name string) error
}

// Services are what a rollout does its work with.
type Services struct {
	Fleet    Fleet
	Scaling  Scaling
	Targets  Targets
	Commands Commands
	Store    Store
}

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
	var gone *elbtypes.InvalidTargetException
	if errors.As(err, &gone) {
		return nil
	}
	return err
}

// https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_TargetGroupAttribute.html
const delayAttribute = "deregistration_delay.timeout_seconds"

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
	return 300 * time.Second, nil // AWS's default
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
			"executionTimeout": {strconv.Itoa(int(limit / time.Second))},
		},
	})
	if err != nil {
		return "", err
	}
	return aws.ToString(out.Command.CommandId), nil
}

func (c commands) Result(ctx context.Context, instance, command string) (Invocation, error) {
	out, err := c.client.GetCommandInvocation(ctx, &ssm.GetCommandInvocationInput{CommandId: &command, InstanceId: &instance})
	var early *ssmtypes.InvocationDoesNotExist
	switch {
	case errors.As(err, &early): // just after Send
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

// parameters keeps journals in Parameter Store, whose versions count the
// writes and so tell a writer that it is not alone.
type parameters struct{ client *ssm.Client }

func (p parameters) Read(ctx context.Context, name string) (string, int64, error) {
	out, err := p.client.GetParameter(ctx, &ssm.GetParameterInput{Name: &name})
	var missing *ssmtypes.ParameterNotFound
	switch {
	case errors.As(err, &missing):
		return "", 0, nil
	case err != nil:
		return "", 0, err
	}
	return aws.ToString(out.Parameter.Value), out.Parameter.Version, nil
}

func (p parameters) Write(ctx context.Context, name, document string, create bool) (int64, error) {
	out, err := p.client.PutParameter(ctx, &ssm.PutParameterInput{
		Name: &name, Value: &document, Type: ssmtypes.ParameterTypeString, Overwrite: aws.Bool(!create),
	})
	var exists *ssmtypes.ParameterAlreadyExists
	switch {
	case errors.As(err, &exists):
		return 0, nil
	case err != nil:
		return 0, err
	}
	return out.Version, nil
}

func (p parameters) Delete(ctx context.Context, name string) error {
	_, err := p.client.DeleteParameter(ctx, &ssm.DeleteParameterInput{Name: &name})
	var missing *ssmtypes.ParameterNotFound
	if errors.As(err, &missing) {
		return nil
	}
	return err
}
