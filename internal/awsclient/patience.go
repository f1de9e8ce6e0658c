package awsclient

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"
)

const (
	// noticeInterval is what lies between two notices at least.
	noticeInterval = 30 * time.Second
	// calm is how long nothing has to fail for the next fault to be a new one.
	calm = time.Minute
)

// patience tells a person who waits what for: once when requests have been
// repeated for some time, and then from time to time.
type patience struct {
	notify func(string)
	after  time.Duration
	now    func() time.Time

	mu                   sync.Mutex
	first, latest, spoke time.Time
}

// failed notes that a request has failed and is to be tried again after delay.
func (p *patience) failed(err error, delay time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.now()
	if now.Sub(p.latest) > calm {
		p.first, p.spoke = now, time.Time{}
	}
	// The next sign of life comes after the delay.
	p.latest = now.Add(delay)
	if p.latest.Sub(p.first) < p.after || now.Sub(p.spoke) < noticeInterval {
		return
	}
	p.spoke = now
	p.notify("still trying: " + plain(err))
}

// plain is a failed attempt in one line.
func plain(err error) string {
	what := ""
	var failed *attemptError
	if errors.As(err, &failed) {
		what = failed.operation + ": "
	}
	var api smithy.APIError
	if errors.As(err, &api) {
		return what + strings.TrimSuffix(fmt.Sprintf("%s: %s", api.ErrorCode(), strings.TrimSpace(api.ErrorMessage())), ": ")
	}
	return what + innermost(err).Error()
}

// patientRetryer tells patience of every attempt that is going to be repeated.
type patientRetryer struct {
	aws.RetryerV2
	*patience
}

func (r patientRetryer) RetryDelay(attempt int, err error) (time.Duration, error) {
	delay, refused := r.RetryerV2.RetryDelay(attempt, err)
	if refused == nil {
		r.failed(err, delay)
	}
	return delay, refused
}

// attemptError says what was attempted; the retryer sees no more than errors.
type attemptError struct {
	operation string
	err       error
}

func (e *attemptError) Error() string { return e.err.Error() }
func (e *attemptError) Unwrap() error { return e.err }

// nameAttempts puts an attemptError around what an attempt fails with.
func nameAttempts(stack *middleware.Stack) error {
	return stack.Finalize.Insert(middleware.FinalizeMiddlewareFunc("NameAttempts",
		func(ctx context.Context, in middleware.FinalizeInput, next middleware.FinalizeHandler) (middleware.FinalizeOutput, middleware.Metadata, error) {
			out, metadata, err := next.HandleFinalize(ctx, in)
			if err != nil {
				err = &attemptError{awsmiddleware.GetServiceID(ctx) + " " + awsmiddleware.GetOperationName(ctx), err}
			}
			return out, metadata, err
		}), "Retry", middleware.After)
}
