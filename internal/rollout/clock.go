package rollout

import (
	"context"
	"time"

	"github.com/tandem-iac/tandem/internal/pause"
)

// Clock is the time, and waiting.
type Clock interface {
	Now() time.Time
	// Sleep returns early, with the cause, when ctx ends.
	Sleep(ctx context.Context, d time.Duration) error
}

type wallClock struct{}

func (wallClock) Now() time.Time { return time.Now() }

func (wallClock) Sleep(ctx context.Context, d time.Duration) error { return pause.For(ctx, d) }
