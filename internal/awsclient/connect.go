// Package awsclient connects to AWS and says in one line what AWS refuses.
package awsclient

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/smithy-go/logging"
	"github.com/aws/smithy-go/middleware"

	"github.com/tandem-iac/tandem/internal/check"
)

const (
	// idleConnections is how many are kept for the parts of one upload.
	idleConnections = 16

	defaultAttempts = 10
	defaultBackoff  = 20 * time.Second
	defaultStall    = time.Minute
	defaultPatience = 3 * time.Second
)

// Config configures Connect.
type Config struct {
	// Region is the region to speak to. Empty: the one that AWS_REGION or the
	// profile names.
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
	// Notify is told in a line what is being tried again, and why, once that
	// has gone on for Patience, and then every 30 s at most. It is called from
	// several goroutines, one at a time. Nil: nobody is told.
	Notify func(line string)
	// Patience is how long requests are tried again in silence. Zero: 3 s.
	Patience time.Duration
	// Now is the clock. Nil: time.Now.
	Now func() time.Time
}

func (c Config) withDefaults() Config {
	if c.Attempts == 0 {
		c.Attempts = defaultAttempts
	}
	if c.Backoff == 0 {
		c.Backoff = defaultBackoff
	}
	if c.Stall == 0 {
		c.Stall = defaultStall
	}
	if c.Notify == nil {
		c.Notify = func(string) {}
	}
	if c.Patience == 0 {
		c.Patience = defaultPatience
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return c
}

// Connect finds credentials where every AWS tool looks for them
// (https://docs.aws.amazon.com/sdkref/latest/guide/standardized-credentials.html)
// and returns a configuration that outlasts broken and silent connections,
// server errors and throttling. Without a region or credentials it is a
// check.InputError.
func Connect(ctx context.Context, c Config) (aws.Config, error) {
	c = c.withDefaults()
	watch := &patience{notify: c.Notify, after: c.Patience, now: c.Now}
	cfg, err := config.LoadDefaultConfig(ctx,
		config.WithRegion(c.Region),
		config.WithHTTPClient(c.httpClient()),
		config.WithRetryer(func() aws.Retryer { return patientRetryer{c.retryer(), watch} }),
		config.WithAPIOptions([]func(*middleware.Stack) error{nameAttempts}),
		// The SDK's warnings would stand between the lines of a command.
		config.WithLogger(logging.Nop{}),
	)
	if err != nil {
		return aws.Config{}, brokenProfile(err)
	}
	if cfg.Region == "" {
		return aws.Config{}, check.InputErrorf("no AWS region: name one with --region, or set AWS_REGION")
	}
	if _, err := cfg.Credentials.Retrieve(ctx); err != nil {
		if ctx.Err() != nil {
			return aws.Config{}, context.Cause(ctx)
		}
		return aws.Config{}, check.InputErrorf("no AWS credentials found: set AWS_PROFILE, or run 'aws configure' or 'aws sso login' (%v)", innermost(err))
	}
	return cfg, nil
}

// brokenProfile says what to do about the files that name credentials.
func brokenProfile(err error) error {
	var missing config.SharedConfigProfileNotExistError
	if errors.As(err, &missing) {
		return check.InputErrorf("there is no AWS profile %q: set AWS_PROFILE to one that 'aws configure list-profiles' names, or unset it", missing.Profile)
	}
	return check.InputErrorf("%w: mend ~/.aws/config and ~/.aws/credentials, or the files that AWS_CONFIG_FILE and AWS_SHARED_CREDENTIALS_FILE name", err)
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

func (c Config) retryer() aws.RetryerV2 {
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

func (c Config) httpClient() aws.HTTPClient {
	dialer := &net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}
	return awshttp.NewBuildableClient().WithTransportOptions(func(t *http.Transport) {
		t.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := dialer.DialContext(ctx, network, address)
			if err != nil {
				return nil, err
			}
			return &guardedConn{Conn: conn, stall: c.Stall}, nil
		}
		t.MaxIdleConnsPerHost = idleConnections
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
