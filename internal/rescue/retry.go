package rescue

import (
	"context"
	"errors"
	"time"

	"github.com/tandem-iac/tandem/internal/awsclient"
)

// attempt does something once, in the time that one attempt has.
func attempt(ctx context.Context, do func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, attemptTimeout)
	defer cancel()
	return do(ctx)
}

// persist repeats what may be repeated until it succeeds or ctx ends. Failures
// are logged, and overdue is called once if there is no success by then.
func (a *Agent) persist(ctx context.Context, what string, due time.Time, overdue func(error), do func(context.Context) error) error {
	for n, late := 0, false; ; n++ {
		err := attempt(ctx, do)
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return errors.Join(context.Cause(ctx), awsclient.Explain(err))
		}
		a.Log.Warn(what+" failed, trying again", "attempt", n+1, "error", awsclient.Explain(err))
		if !late && (hopeless(err) || !a.Now().Before(due)) {
			late = true
			overdue(err)
		}
		if !sleep(ctx, backoff(n)) {
			return context.Cause(ctx)
		}
	}
}

// sleep says whether it has slept to its end.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
