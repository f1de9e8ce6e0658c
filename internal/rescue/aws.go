package rescue

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/credentials/ec2rolecreds"
	sdkimds "github.com/aws/aws-sdk-go-v2/feature/ec2/imds"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

const (
	// attemptTimeout bounds one attempt at a call, connecting included; an
	// attempt at a rescue may take half of the API budget where that is more,
	// because giving it up leaves its outcome in doubt.
	attemptTimeout = 3 * time.Second
	// Waits between attempts are random between nothing and a bound that
	// doubles from leastBackoff to mostBackoff.
	leastBackoff = 100 * time.Millisecond
	mostBackoff  = 2 * time.Second
	// renewAhead is how long before they expire credentials are replaced; AWS
	// has new ones at least five minutes before
	// (https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instance-metadata-security-credentials.html).
	renewAhead = 4 * time.Minute
)

// AWS is what the agent asks of AWS. Every call is one attempt.
type AWS struct {
	config  aws.Config
	scaling *autoscaling.Client
	targets *elb.Client
	metrics *cloudwatch.Client
}

// ConnectConfig configures Connect.
type ConnectConfig struct {
	// Region is the region of the cluster. Required.
	Region string
	// Endpoint is the URL of another server than AWS. Empty: AWS.
	Endpoint string
	// Metadata is the URL of the metadata service, which has the credentials of
	// the instance's role. Empty: where instances find it.
	Metadata string
}

// Connect returns clients with the credentials in the environment
// (AWS_ACCESS_KEY_ID), else those of the instance's role. Nothing is asked yet.
//
// The SDK's own search for credentials would bring the clients of SSO and STS
// into a program that runs on instances alone.
func Connect(c ConnectConfig) *AWS {
	cfg := aws.Config{
		Region:     c.Region,
		HTTPClient: awshttp.NewBuildableClient().WithDialerOptions(func(d *net.Dialer) { d.Timeout = attemptTimeout }),
		// Repeating is the agent's: it knows how long, and what may be repeated.
		Retryer: func() aws.Retryer { return aws.NopRetryer{} },
	}
	if c.Endpoint != "" {
		cfg.BaseEndpoint = &c.Endpoint
	}
	if key := os.Getenv("AWS_ACCESS_KEY_ID"); key != "" {
		cfg.Credentials = credentials.NewStaticCredentialsProvider(key, os.Getenv("AWS_SECRET_ACCESS_KEY"), os.Getenv("AWS_SESSION_TOKEN"))
	} else {
		role := ec2rolecreds.New(func(o *ec2rolecreds.Options) {
			o.Client = sdkimds.New(sdkimds.Options{Endpoint: c.Metadata, EnableFallback: aws.FalseTernary, ClientEnableState: sdkimds.ClientEnabled})
		})
		cfg.Credentials = aws.NewCredentialsCache(role, func(o *aws.CredentialsCacheOptions) { o.ExpiryWindow = renewAhead })
	}
	return &AWS{
		config:  cfg,
		scaling: autoscaling.NewFromConfig(cfg),
		targets: elb.NewFromConfig(cfg),
		metrics: cloudwatch.NewFromConfig(cfg),
	}
}

// backoff returns how long to wait after attempt, counted from 0, with full
// jitter: fifty instances that are interrupted at once spread out
// (https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/).
func backoff(attempt int) time.Duration {
	return rand.N(min(mostBackoff, leastBackoff<<min(attempt, 10)))
}

// Warm fetches credentials, so that they are there when they are needed, even
// should the metadata service then be silent. It asks only where those at hand
// are missing or near their end.
func (a *AWS) Warm(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, attemptTimeout)
	defer cancel()
	_, err := a.config.Credentials.Retrieve(ctx)
	return err
}

// Capacity is how large a group is meant to be, and may become.
type Capacity struct{ Desired, Max int }

// Capacity looks at a group.
func (a *AWS) Capacity(ctx context.Context, group string) (Capacity, error) {
	out, err := a.scaling.DescribeAutoScalingGroups(ctx, &autoscaling.DescribeAutoScalingGroupsInput{AutoScalingGroupNames: []string{group}})
	if err != nil {
		return Capacity{}, err
	}
	if len(out.AutoScalingGroups) != 1 {
		return Capacity{}, fmt.Errorf("there is no group %s", group)
	}
	g := out.AutoScalingGroups[0]
	return Capacity{int(aws.ToInt32(g.DesiredCapacity)), int(aws.ToInt32(g.MaxSize))}, nil
}

// Execute executes a policy, whatever cooldown there is. See certain for what
// an error says.
func (a *AWS) Execute(ctx context.Context, group, policy string) error {
	_, err := a.scaling.ExecutePolicy(ctx, &autoscaling.ExecutePolicyInput{
		AutoScalingGroupName: &group, PolicyName: &policy, HonorCooldown: aws.Bool(false),
	})
	return err
}

// certain says of an error of Execute that nothing was executed: AWS has
// refused, was not reached, or was not even asked.
func certain(err error) bool {
	var dial *net.OpError
	if errors.As(err, &dial) && dial.Op == "dial" {
		return true
	}
	var response *awshttp.ResponseError
	if !errors.As(err, &response) {
		var sending *smithyhttp.RequestSendError
		var canceled *smithy.CanceledError
		return !errors.As(err, &sending) && !errors.As(err, &canceled) && !errors.Is(err, context.DeadlineExceeded)
	}
	var api smithy.APIError
	if !errors.As(err, &api) {
		return false // an answer that cannot be read
	}
	_, throttled := retry.DefaultThrottleErrorCodes[api.ErrorCode()]
	status := response.HTTPStatusCode()
	// Unavailable is what turns requests away at the door; other server errors
	// may come after the deed.
	return throttled || status < http.StatusInternalServerError || status == http.StatusServiceUnavailable || contended.IsErrorRetryable(err) == aws.TrueTernary
}

// contended are errors that pass once the group has done what it is about
// (https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_ExecutePolicy.html).
var contended = retry.RetryableErrorCode{Codes: map[string]struct{}{"ResourceContention": {}, "ScalingActivityInProgress": {}}}

// hopeless says of an error that waiting will hardly mend it, such as a missing
// permission.
func hopeless(err error) bool {
	var api smithy.APIError
	return errors.As(err, &api) && contended.IsErrorRetryable(err) != aws.TrueTernary && !retry.NewStandard().IsErrorRetryable(err)
}

// Complete tells a group that an instance may go. Where nobody waits for that,
// it does nothing.
func (a *AWS) Complete(ctx context.Context, group, hook, instance string) error {
	_, err := a.scaling.CompleteLifecycleAction(ctx, &autoscaling.CompleteLifecycleActionInput{
		AutoScalingGroupName: &group, LifecycleHookName: &hook, InstanceId: &instance, LifecycleActionResult: aws.String("CONTINUE"),
	})
	var api smithy.APIError
	if errors.As(err, &api) && api.ErrorCode() == "ValidationError" {
		return nil // no active action: it has timed out, or was completed before
	}
	return err
}

// Deregister takes an instance out of a target group; one that is not in it is
// no fault.
func (a *AWS) Deregister(ctx context.Context, group, instance string) error {
	_, err := a.targets.DeregisterTargets(ctx, &elb.DeregisterTargetsInput{TargetGroupArn: &group, Targets: []elbtypes.TargetDescription{{Id: &instance}}})
	var gone *elbtypes.InvalidTargetException
	if errors.As(err, &gone) {
		return nil
	}
	return err
}

// Register puts an instance into a target group, where it may be already.
func (a *AWS) Register(ctx context.Context, group, instance string) error {
	_, err := a.targets.RegisterTargets(ctx, &elb.RegisterTargetsInput{TargetGroupArn: &group, Targets: []elbtypes.TargetDescription{{Id: &instance}}})
	return err
}
