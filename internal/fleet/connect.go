package fleet

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/smithy-go"
)

const (
	// attempts and backoff outlast about a minute of throttling: a deploy
	// that gave up in the middle would leave its batch out of service.
	attempts = 10
	backoff  = 10 * time.Second
)

// Connect finds credentials and, where region is empty, the region where
// every AWS tool looks for them
// (https://docs.aws.amazon.com/sdkref/latest/guide/standardized-credentials.html).
// Without either it is an InputError.
func Connect(ctx context.Context, region string) (aws.Config, error) {
	cfg, err := config.LoadDefaultConfig(ctx,
		config.WithRegion(region),
		config.WithRetryer(func() aws.Retryer {
			return retry.NewStandard(func(o *retry.StandardOptions) {
				o.MaxAttempts = attempts
				o.MaxBackoff = backoff
				// The SDK's budget of retries is meant for servers; one
				// operator who waits for one deploy needs each of them.
				o.RateLimiter = ratelimit.None
			})
		}),
	)
	if err != nil {
		return aws.Config{}, InputError{Err: err} // a broken profile
	}
	if cfg.Region == "" {
		return aws.Config{}, inputErrorf("no AWS region: name one with --region, or set AWS_REGION")
	}
	if _, err := cfg.Credentials.Retrieve(ctx); err != nil {
		if ctx.Err() != nil {
			return aws.Config{}, context.Cause(ctx)
		}
		return aws.Config{}, inputErrorf("no AWS credentials found: set AWS_PROFILE, or run 'aws configure' or 'aws sso login' (%v)", innermost(err))
	}
	return cfg, nil
}

func innermost(err error) error {
	for {
		next := errors.Unwrap(err)
		if next == nil {
			return err
		}
		err = next
	}
}

// advice is what to do about an error of AWS, by its code.
var advice = map[string]string{
	"ExpiredToken":                "your credentials have expired: renew them, for example with 'aws sso login'",
	"ExpiredTokenException":       "your credentials have expired: renew them, for example with 'aws sso login'",
	"RequestExpired":              "your credentials have expired or your clock is wrong",
	"InvalidClientTokenId":        "AWS does not know your access key: check AWS_PROFILE",
	"UnrecognizedClientException": "AWS does not know your access key: check AWS_PROFILE",
	"AuthFailure":                 "AWS does not accept your access key: check AWS_PROFILE",
}

// Explain returns err with each error of AWS within it in one line: what was
// asked, what AWS answered, what to do about it and the request id that AWS's
// support asks for. What stands around it stays.
func Explain(err error) error {
	text := ""
	if err != nil {
		text = err.Error()
	}
	explain(err, &text)
	if err == nil || text == err.Error() {
		return err
	}
	return explained{text, err}
}

// explain replaces in text what the errors of AWS within err say.
func explain(err error, text *string) {
	if operation, ok := err.(*smithy.OperationError); ok { //nolint:errorlint // the walk below unwraps
		*text = strings.ReplaceAll(*text, err.Error(), sentence(operation))
		return
	}
	switch wrapper := err.(type) { //nolint:errorlint // as above
	case interface{ Unwrap() []error }:
		for _, part := range wrapper.Unwrap() {
			explain(part, text)
		}
	case interface{ Unwrap() error }:
		explain(wrapper.Unwrap(), text)
	}
}

func sentence(operation *smithy.OperationError) string {
	what := operation.Service() + " " + operation.Operation()
	var lookup *net.DNSError
	if errors.As(operation, &lookup) {
		return fmt.Sprintf("%s: %s is not known: check the region and the network", what, lookup.Name)
	}
	var api smithy.APIError
	if !errors.As(operation, &api) {
		return fmt.Sprintf("%s: %v", what, innermost(operation))
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s: %s", what, api.ErrorCode(), strings.TrimSpace(api.ErrorMessage()))
	if help := advice[api.ErrorCode()]; help != "" {
		fmt.Fprintf(&b, "; %s", help)
	}
	var response *awshttp.ResponseError
	if errors.As(operation, &response) && response.ServiceRequestID() != "" {
		fmt.Fprintf(&b, " (request id %s)", response.ServiceRequestID())
	}
	return b.String()
}

type explained struct {
	text string
	err  error
}

func (e explained) Error() string { return e.text }
func (e explained) Unwrap() error { return e.err }
