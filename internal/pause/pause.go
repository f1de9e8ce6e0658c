// Package pause waits without outliving its context.
package pause

import (
	"context"
	"time"
)

// For returns after d, or with ctx's cause as soon as ctx ends.
func For(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
