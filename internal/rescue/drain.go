package rescue

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/tandem-iac/tandem/internal/imds"
)

// Why an instance drains.
const (
	reasonInterruption = "interruption"
	reasonTermination  = "termination"
)

// MarkerMessage is the message of the last line that the agent logs about an
// instance that goes. A log that ends with it has lost nothing before it.
const MarkerMessage = "spotwatch final marker"

const (
	// metricsGrace is what of the flush is spent on metrics that CloudWatch
	// does not have yet.
	metricsGrace = time.Second
	// journalSync makes systemd's journal write what it has.
	journalSync = "journalctl"
)

// tooLate is said of an interruption that is withdrawn after all.
const tooLate = "the interruption is withdrawn, but the hooks have run: this instance stays out of service"

var errWithdrawn = errors.New("the interruption is withdrawn")

// drain is a drain under way.
type drain struct {
	// stop ends serving: errWithdrawn, or nothing where hooks have begun.
	stop context.CancelCauseFunc

	mu       sync.Mutex
	schedule Schedule
	changed  chan struct{} // closed with each change of the schedule
}

func (d *drain) deadlines() (Schedule, <-chan struct{}) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.schedule, d.changed
}

// hasten brings the end nearer; it never moves away.
func (d *drain) hasten(s Schedule) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if s.End.Before(d.schedule.End) {
		d.schedule = s
		close(d.changed)
		d.changed = make(chan struct{})
	}
}

// startDrain goes through the steps of the drain in the journal, from where
// they were left.
func (a *Agent) startDrain(ctx context.Context) {
	s := a.journal.read()
	serving, stop := context.WithCancelCause(ctx)
	d := &drain{stop: stop, schedule: a.Budget.Schedule(a.Now(), s.Drain.End), changed: make(chan struct{})}
	a.draining = d
	a.Metrics.draining.Set(1)
	a.tasks.Go(func() {
		defer stop(nil)
		defer a.Metrics.draining.Set(0)
		if errors.Is(a.leave(serving, d), errWithdrawn) {
			a.returnToService(ctx)
			return
		}
		if ctx.Err() != nil {
			return
		}
		a.runHooks(ctx, d)
		a.flush(ctx, d)
		if errors.Is(context.Cause(serving), errWithdrawn) {
			a.Log.Error(tooLate)
		}
	})
}

// leave deregisters the instance and keeps serving until requests in flight
// have had their time, or there is no more: targets that were deregistered are
// sent requests for some seconds yet. Outside of a target group it has nothing
// to wait for.
func (a *Agent) leave(ctx context.Context, d *drain) error {
	if a.TargetGroup == "" {
		return nil
	}
	s := a.journal.read()
	left := make(chan time.Time, 1)
	if s.Drain.Deregistered.IsZero() {
		a.tasks.Go(func() { a.deregister(ctx, d, left) })
	} else {
		left <- s.Drain.Deregistered
	}
	var deregistered time.Time
	for {
		schedule, changed := d.deadlines()
		until := schedule.Serve
		if !deregistered.IsZero() {
			until = earlier(until, deregistered.Add(a.Budget.Deregistration))
		}
		if s.Drain.Action == imds.ActionHibernate { // it has begun: to stop anything would harm what wakes up again
			until = earlier(until, a.Now().Add(attemptTimeout))
			if !deregistered.IsZero() {
				return nil
			}
		}
		timer := time.NewTimer(until.Sub(a.Now()))
		select {
		case <-timer.C:
			return nil
		case deregistered = <-left:
		case <-changed:
		case <-ctx.Done():
			timer.Stop()
			return context.Cause(ctx)
		}
		timer.Stop()
	}
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

func (a *Agent) deregister(ctx context.Context, d *drain, left chan<- time.Time) {
	schedule, _ := d.deadlines()
	ctx, cancel := context.WithTimeoutCause(ctx, max(schedule.Serve.Sub(a.Now()), attemptTimeout), errors.New("the time is over"))
	defer cancel()
	overdue := func(error) { a.Log.Error("still in the load balancer", "target_group", a.TargetGroup) }
	err := a.persist(ctx, "deregistration", attemptTimeout, schedule.API, overdue, func(ctx context.Context) error {
		return a.AWS.Deregister(ctx, a.TargetGroup, a.id)
	})
	if err != nil {
		a.Log.Error("deregistration given up", "target_group", a.TargetGroup, "error", err)
		return
	}
	now := a.Now()
	a.journal.change(func(s *state) {
		if s.Drain != nil {
			s.Drain.Deregistered = now
		}
	})
	a.Log.Info("deregistered, serving on", "target_group", a.TargetGroup, "seconds", a.Budget.Deregistration.Seconds())
	left <- now
}

// returnToService undoes what a withdrawn interruption has led to, except the
// rescue: removing instances is for the scaling policies.
func (a *Agent) returnToService(ctx context.Context) {
	if a.TargetGroup == "" {
		a.Log.Warn("the interruption is withdrawn")
		a.journal.change(func(s *state) { s.Drain = nil })
		return
	}
	a.Log.Warn("the interruption is withdrawn: back into the load balancer", "target_group", a.TargetGroup)
	err := a.persist(ctx, "registration", attemptTimeout, a.Now().Add(a.Budget.API), func(error) {
		a.Log.Error("still out of the load balancer", "target_group", a.TargetGroup)
	}, func(ctx context.Context) error { return a.AWS.Register(ctx, a.TargetGroup, a.id) })
	if err != nil {
		a.Log.Error("registration given up", "target_group", a.TargetGroup, "error", err)
		return
	}
	a.journal.change(func(s *state) { s.Drain = nil })
	a.Log.Info("registered", "target_group", a.TargetGroup)
}

// runHooks runs the drain hooks that have not run, or not to their end.
func (a *Agent) runHooks(ctx context.Context, d *drain) {
	if a.journal.read().Drain.Action == imds.ActionHibernate {
		return
	}
	schedule, _ := d.deadlines()
	end := earlier(schedule.Hooks, a.Now().Add(a.Budget.Hooks))
	a.runDirectory(ctx, DrainDirectory, end, schedule.End)
}

func (a *Agent) runDirectory(ctx context.Context, directory string, end, gone time.Time) {
	names, err := hooks(a.path(directory))
	if err != nil {
		a.Log.Error("cannot list the hooks", "directory", directory, "error", err)
	}
	var left []string
	done := a.journal.read().Drain.Hooks
	for _, name := range names {
		if outcome := done[filepath.Join(directory, name)]; outcome == "" || outcome == hookStarted {
			left = append(left, name)
		}
	}
	for i, name := range left {
		if ctx.Err() != nil {
			return
		}
		file := filepath.Join(directory, name)
		log := a.Log.With("hook", file)
		a.record(file, hookStarted)
		begin := a.Now()
		deadline := share(begin, end, len(left)-i)
		outcome := hookOK
		err := runHook(ctx, log, a.path(file), a.hookEnvironment(deadline.Sub(begin), gone), begin, deadline)
		if ctx.Err() != nil {
			return // this agent ends; the next one runs the hook again
		}
		if err != nil {
			outcome = err.Error()
			log.Error("hook failed", "seconds", a.Now().Sub(begin).Seconds(), "error", err)
		} else {
			log.Info("hook ended", "seconds", a.Now().Sub(begin).Seconds())
		}
		a.record(file, outcome)
	}
}

func (a *Agent) record(hook, outcome string) {
	a.journal.change(func(s *state) { s.Drain.Hooks[hook] = outcome })
}

// hookEnvironment adds what a hook may want to know to the agent's environment.
func (a *Agent) hookEnvironment(allowed time.Duration, gone time.Time) []string {
	d := a.journal.read().Drain
	return append(os.Environ(),
		"TANDEM_DRAIN_REASON="+d.Reason,
		"TANDEM_DRAIN_ACTION="+d.Action,
		"TANDEM_DRAIN_END="+strconv.FormatInt(gone.Unix(), 10),
		"TANDEM_HOOK_SECONDS="+strconv.FormatFloat(allowed.Seconds(), 'f', 1, 64),
		"TANDEM_INSTANCE_ID="+a.id,
	)
}

// flush ships what is left, marks the end of the log and lets the group go on.
func (a *Agent) flush(ctx context.Context, d *drain) {
	schedule, _ := d.deadlines()
	end := earlier(schedule.End, a.Now().Add(a.Budget.Flush))
	a.runDirectory(ctx, FlushDirectory, end, schedule.End)
	if ctx.Err() != nil {
		return
	}
	limited, cancel := context.WithTimeout(ctx, max(0, end.Sub(a.Now())))
	defer cancel()
	a.syncJournal(limited)
	a.cloud.wait(limited, metricsGrace)
	s := a.journal.read()
	a.Log.Info(MarkerMessage, "environment", a.Environment, "cluster", a.Cluster, "group", a.Group,
		"service", a.Service, "release", releaseOf(a.Root), "lifecycle", a.Lifecycle, "reason", s.Drain.Reason, "action", s.Drain.Action,
		"rescue", s.Rescue.State, "seconds_left", schedule.End.Sub(a.Now()).Seconds())
	a.journal.change(func(s *state) { s.Drain.Finished = a.Now() })
	a.completeLifecycle(ctx)
}

// syncJournal has systemd's journal, where there is one, write all it has.
func (a *Agent) syncJournal(ctx context.Context) {
	if _, err := os.Stat(a.path("/run/systemd/journal/socket")); err != nil {
		return
	}
	if out, err := exec.CommandContext(ctx, journalSync, "--sync").CombinedOutput(); err != nil {
		a.Log.Warn("cannot sync the journal", "error", fmt.Errorf("%w: %s", err, strings.TrimSpace(string(out))))
	}
}

// completeLifecycle ends the wait of the group's hook, once the group
// terminates the instance and the instance is done.
func (a *Agent) completeLifecycle(ctx context.Context) {
	if a.LifecycleHook == "" || !a.completing.TryLock() {
		return
	}
	defer a.completing.Unlock()
	s := a.journal.read()
	if !s.Terminating || s.Completed || s.Drain == nil || s.Drain.Finished.IsZero() {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, a.Budget.API)
	defer cancel()
	err := a.persist(ctx, "completion of the lifecycle action", attemptTimeout, a.Now().Add(a.Budget.API), func(error) {}, func(ctx context.Context) error {
		return a.AWS.Complete(ctx, a.Group, a.LifecycleHook, a.id)
	})
	if err != nil {
		a.Log.Error("the group waits for its hook's heartbeat to end", "group", a.Group, "hook", a.LifecycleHook, "error", err)
		return
	}
	a.journal.change(func(s *state) { s.Completed = true })
	a.Log.Info("lifecycle action completed", "group", a.Group, "hook", a.LifecycleHook)
}
