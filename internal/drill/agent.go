package drill

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"time"

	"github.com/tandem-iac/tandem/internal/child"
)

// agent is a spotwatch that is started again when it ends, as systemd does.
type agent struct {
	program string
	env     []string
	log     string // the file of what it says
	restart time.Duration
	// once leaves it alone when it has ended.
	once bool

	mu      sync.Mutex
	process *child.Process
	kills   []time.Time
	down    []span
}

// span is a time in which something did not work.
type span struct{ from, to time.Time }

// overlap is how much of the span is between two times.
func (s span) overlap(from, to time.Time) time.Duration {
	if s.from.After(from) {
		from = s.from
	}
	if s.to.Before(to) {
		to = s.to
	}
	return max(0, to.Sub(from))
}

// run keeps the agent running until ctx ends, and its instance with it.
func (a *agent) run(ctx context.Context) error {
	for {
		process, err := a.start()
		if err != nil {
			return err
		}
		select {
		case <-process.Ended():
		case <-ctx.Done():
			return process.Kill()
		}
		ended := time.Now()
		// As systemd does: nothing that it has started meets its successor.
		if err := process.Sweep(); err != nil {
			return err
		}
		a.died(ended)
		if a.once {
			a.note(span{ended, ended.Add(24 * time.Hour)})
			return nil
		}
		select {
		case <-time.After(a.restart):
		case <-ctx.Done():
			return nil
		}
		a.note(span{ended, time.Now()})
	}
}

func (a *agent) start() (*child.Process, error) {
	file, err := os.OpenFile(a.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(a.program)
	cmd.Env, cmd.Stdout, cmd.Stderr = a.env, file, file
	process, err := child.Start(cmd)
	if err := errors.Join(err, file.Close()); err != nil {
		return nil, fmt.Errorf("%s: %w", a.program, err)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.process = process
	return process, nil
}

func (a *agent) note(s span) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.down = append(a.down, s)
}

func (a *agent) died(at time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.kills = append(a.kills, at)
}

// kill ends the agent and all that it has started.
func (a *agent) kill() error {
	a.mu.Lock()
	process := a.process
	a.mu.Unlock()
	if process == nil {
		return nil
	}
	return process.Kill()
}

// killed is how often it has ended from a time on, whoever killed it.
func (a *agent) killed(from time.Time) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	n := 0
	for _, at := range a.kills {
		if !at.Before(from) {
			n++
		}
	}
	return n
}

// downs are the times in which there was no agent.
func (a *agent) downs() []span {
	a.mu.Lock()
	defer a.mu.Unlock()
	return append([]span{}, a.down...)
}
