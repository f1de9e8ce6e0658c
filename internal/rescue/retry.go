package rescue

import (
	"context"
	"errors"
	"time"

	"github.com/tandem-iac/tandem/internal/awsclient"
)

// attempt does something once, within a limit.
func attempt(ctx context.Context, limit time.Duration, do func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	return do(ctx)
}

// persist repeats attempts, each within limit, until one succeeds or ctx ends.
// Failures are logged. Overdue is called once, when an attempt fails after due,
// or fails for a reason that time alone will not mend.
func (a *Agent) persist(ctx context.Context, what string, limit time.Duration, due time.Time, overdue func(error), do func(context.Context) error) error {
	for n, late := 0, false; ; n++ {
		err := attempt(ctx, limit, do)
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
