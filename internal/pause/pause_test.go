package pause_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/tandem-iac/tandem/internal/pause"
)

func TestFor(t *testing.T) {
	start := time.Now()
	if err := pause.For(t.Context(), 20*time.Millisecond); err != nil || time.Since(start) < 20*time.Millisecond {
		t.Errorf("returned after %s with %v, want 20ms and nil", time.Since(start), err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	cause := errors.New("interrupted")
	cancel(cause)
	if err := pause.For(ctx, time.Hour); !errors.Is(err, cause) {
		t.Errorf("got %v, want the context's cause", err)
	}
}
