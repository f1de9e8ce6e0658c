package drill

import (
	"context"
	"os/exec"
	"sync"
	"time"
)

// lag measures how late this machine does what takes next to no time on one
// that is idle: a drill on one that is busy judges the machine as much as the
// agents.
type lag struct {
	mu    sync.Mutex
	delay []delay
}

// delay is something that took long.
type delay struct {
	span
	late time.Duration
}

const (
	// lagEvery is how often it is measured.
	lagEvery = 50 * time.Millisecond
	// lagFloor is what an idle machine takes.
	lagFloor = 10 * time.Millisecond
)

// note takes what should have taken no time since then, and ended now.
func (l *lag) note(since time.Time) { l.add(since, time.Since(since)) }

func (l *lag) add(since time.Time, late time.Duration) {
	if late < lagFloor {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.delay = append(l.delay, delay{span{since, time.Now()}, late})
}

// most is the longest delay that touches the time between two moments.
func (l *lag) most(from, to time.Time) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	most := time.Duration(0)
	for _, d := range l.delay {
		if d.from.Before(to) && d.to.After(from) {
			most = max(most, d.late)
		}
	}
	return most
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
		if ctx.Err() != nil {
			break
		}
		l.add(before, time.Since(before)-lagEvery)
		before = time.Now()
		if program != "" && exec.CommandContext(ctx, program).Run() == nil {
			l.note(before)
		}
	}
	return nil
}
