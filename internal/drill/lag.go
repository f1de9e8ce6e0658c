package drill

import (
	"context"
	"os/exec"
	"sync/atomic"
	"time"
)

// lag measures how late this machine does what takes next to no time on one
// that is idle: a drill on one that is busy judges the machine as much as the
// agents.
type lag struct{ most atomic.Int64 }

// lagEvery is how often it is measured.
const lagEvery = 50 * time.Millisecond

// note takes how long something took that takes next to no time.
func (l *lag) note(late time.Duration) {
	for {
		most := l.most.Load()
		if int64(late) <= most || l.most.CompareAndSwap(most, int64(late)) {
			return
		}
	}
}

// run measures, until ctx ends, how late timers are and how long it takes to
// start a program and see it end, which is what agents do with hooks.
func (l *lag) run(ctx context.Context) error {
	program, err := exec.LookPath("true")
	if err != nil {
		program = "" // then timers have to do
	}
	for ctx.Err() == nil {
		before := time.Now()
		pause(ctx, lagEvery)
		late := time.Since(before) - lagEvery
		if program != "" && ctx.Err() == nil {
			before = time.Now()
			err := exec.CommandContext(ctx, program).Run()
			if err == nil {
				late = max(late, time.Since(before))
			}
		}
		if ctx.Err() == nil {
			l.note(late)
		}
	}
	return nil
}
