package drill

import (
	"context"
	"sync/atomic"
	"time"
)

// lag measures how late this machine lets a program go on that wants to: a
// drill on one that is busy judges the machine as much as the agents.
type lag struct{ most atomic.Int64 }

// lagEvery is how often it is measured.
const lagEvery = 10 * time.Millisecond

func (l *lag) run(ctx context.Context) error {
	for ctx.Err() == nil {
		before := time.Now()
		pause(ctx, lagEvery)
		if late := time.Since(before) - lagEvery; ctx.Err() == nil && int64(late) > l.most.Load() {
			l.most.Store(int64(late))
		}
	}
	return nil
}
