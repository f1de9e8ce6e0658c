package release

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

const (
	// maxStalls is how often a transfer may stop without any byte in between.
	maxStalls = 8
	// stallPause is how long a stopped transfer rests at first; it doubles.
	stallPause = 50 * time.Millisecond

	defaultAttempts = 10
	defaultBackoff  = 20 * time.Second
	defaultStall    = time.Minute
)

// ConnectConfig configures Connect.
type ConnectConfig struct {
	// Region is the region to speak to. Required.
	Region string
	// Attempts is how often a request is tried in all. Zero: 10, which is
	// about a minute and a half of refusals.
	Attempts int
	// Backoff bounds the random wait between two attempts, which doubles from
	// one second. Zero: 20 s.
	Backoff time.Duration
	// Stall ends a connection on which nothing has moved for so long; the
	// request is then tried again. Zero: 1 min.
	Stall time.Duration
}

// Connect finds credentials where every AWS tool looks for them
// (https://docs.aws.amazon.com/sdkref/latest/guide/standardized-credentials.html)
// and returns a configuration that outlasts broken and silent connections,
// server errors and throttling. Without credentials it is an InputError.
func Connect(ctx context.Context, c ConnectConfig) (aws.Config, error) {
	if c.Attempts == 0 {
		c.Attempts = defaultAttempts
	}
	if c.Backoff == 0 {
		c.Backoff = defaultBackoff
	}
	if c.Stall == 0 {
		c.Stall = defaultStall
	}
	cfg, err := config.LoadDefaultConfig(ctx,
		config.WithRegion(c.Region),
		config.WithHTTPClient(c.httpClient()),
		config.WithRetryer(c.retryer),
	)
	if err != nil {
		return aws.Config{}, InputError{Err: err} // a broken profile
	}
	if _, err := cfg.Credentials.Retrieve(ctx); err != nil {
		if ctx.Err() != nil {
			return aws.Config{}, context.Cause(ctx)
		}
		return aws.Config{}, inputErrorf("no AWS credentials found: set AWS_PROFILE, or run 'aws configure' or 'aws sso login' (%v)", rootCause(err))
	}
	return cfg, nil
}

func rootCause(err error) error {
	for {
		next := errors.Unwrap(err)
		if next == nil {
			return err
		}
		err = next
	}
}

func (c ConnectConfig) retryer() aws.Retryer {
	return retry.NewStandard(func(o *retry.StandardOptions) {
		o.MaxAttempts = c.Attempts
		o.MaxBackoff = c.Backoff
		// The SDK's budget is shared by all requests and would be used up by
		// the parts of one upload on a bad line.
		o.RateLimiter = ratelimit.None
		o.Retryables = append(o.Retryables,
			retry.RetryableErrorCode{Codes: map[string]struct{}{"ConditionalRequestConflict": {}}},
			retry.IsErrorRetryableFunc(func(err error) aws.Ternary {
				// An answer that ends in the middle.
				if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
					return aws.TrueTernary
				}
				return aws.UnknownTernary
			}))
	})
}

func (c ConnectConfig) httpClient() aws.HTTPClient {
	dialer := &net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}
	return awshttp.NewBuildableClient().WithTransportOptions(func(t *http.Transport) {
		t.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := dialer.DialContext(ctx, network, address)
			if err != nil {
				return nil, err
			}
			return &guardedConn{Conn: conn, stall: c.Stall}, nil
		}
		t.MaxIdleConnsPerHost = 2 * defaultWorkers
		t.WriteBufferSize = 64 << 10
	})
}

// guardedConn fails a read or write during which nothing has moved in either
// direction: a server that has gone silent would otherwise hold an upload for
// as long as TCP keeps the connection.
type guardedConn struct {
	net.Conn
	stall time.Duration
}

func (c *guardedConn) Read(p []byte) (int, error)  { return guard(c, c.Conn.Read, p) }
func (c *guardedConn) Write(p []byte) (int, error) { return guard(c, c.Conn.Write, p) }

// guard also puts off the deadline of the other direction, in which nothing
// can come while a slow request is still on its way.
func guard(c *guardedConn, do func([]byte) (int, error), p []byte) (int, error) {
	if err := c.SetDeadline(time.Now().Add(c.stall)); err != nil {
		return 0, err
	}
	return do(p)
}

// NewClient returns a client for S3, or for a server that stands in for it
// where AWS_ENDPOINT_URL names one.
func NewClient(cfg aws.Config) *s3.Client {
	return s3.NewFromConfig(cfg, func(o *s3.Options) {
		// Such a server rarely has a host name for every bucket.
		o.UsePathStyle = o.BaseEndpoint != nil
		// Archives have checksums of parts, which no download can check.
		o.DisableLogOutputChecksumValidationSkipped = true
	})
}

// CheckBucket returns an InputError if the bucket does not exist or is in
// another region. Without the right to look at the bucket it finds no fault.
func CheckBucket(ctx context.Context, client *s3.Client, bucket, region string) error {
	out, err := client.HeadBucket(ctx, &s3.HeadBucketInput{Bucket: &bucket})
	actual := ""
	if out != nil {
		actual = aws.ToString(out.BucketRegion)
	}
	var response *smithyhttp.ResponseError
	if errors.As(err, &response) {
		actual = response.Response.Header.Get("X-Amz-Bucket-Region")
	}
	switch {
	case actual != "" && actual != region:
		return inputErrorf("bucket %s is in %s, not in %s: set the region in the description, or --region", bucket, actual, region)
	case hasStatus(err, http.StatusNotFound):
		return inputErrorf("bucket %s does not exist: deploy the delivery stack first, or name another with --bucket", bucket)
	case hasStatus(err, http.StatusForbidden, http.StatusBadRequest):
		// The answer to HEAD has no body that says why; the next request's has.
		return nil
	}
	return err
}

// AccountID returns the account that the credentials belong to.
func AccountID(ctx context.Context, cfg aws.Config) (string, error) {
	out, err := sts.NewFromConfig(cfg).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		return "", fmt.Errorf("look up the account of the credentials: %w", err)
	}
	return aws.ToString(out.Account), nil
}
