package rescue

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/tandem-iac/tandem/internal/imds"
	"github.com/tandem-iac/tandem/internal/rescue/metric"
)

const (
	// withdrawnAfter is how many answers in a row have to say that there is no
	// notice any more.
	withdrawnAfter = 3
	// terminated is the target state of an instance that its group terminates.
	terminated = "Terminated"
	// warmEvery is how often credentials are looked at.
	warmEvery = time.Minute
)

// Agent watches over one instance.
type Agent struct {
	Config
	id      string
	journal *journal
	cloud   *publisher
	tasks   sync.WaitGroup

	// rescuing and completing are held by the one task that does it.
	rescuing, completing sync.Mutex

	// What follows belongs to the goroutine that polls.
	draining *drain
	quiet    time.Time // when there was no notice last
	absent   int       // answers in a row that there is no notice
	failing  map[string]time.Time
	warmed   time.Time
}

// New returns an agent that does nothing yet. If cfg is invalid it returns a
// check.Errors.
func New(cfg Config) (*Agent, error) {
	cfg = cfg.withDefaults()
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	a := &Agent{Config: cfg, failing: map[string]time.Time{}}
	a.cloud = newPublisher(cfg)
	return a, nil
}

// Run watches until ctx ends. It waits for the metadata service for as long as
// there is none: an agent that gave up would help nobody.
func (a *Agent) Run(ctx context.Context) error {
	a.tasks.Go(func() { a.cloud.run(ctx) })
	cfg := a.Config // its Log changes
	a.tasks.Go(func() { a.cloud.reportReleases(ctx, cfg) })
	defer a.tasks.Wait()
	ticker := time.NewTicker(a.Budget.Poll)
	defer ticker.Stop()
	for {
		if a.journal == nil {
			a.begin(ctx)
		}
		if a.journal != nil {
			a.poll(ctx)
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// begin finds out which instance this is and goes on where its last agent was.
func (a *Agent) begin(ctx context.Context) {
	a.Alive("waiting for the metadata service")
	id, err := a.Metadata.InstanceID(ctx)
	if !a.heard(imds.InstanceIDPath, err) || id == "" {
		return
	}
	a.id = id
	a.Log = a.Log.With("instance", id)
	boot := strings.TrimSpace(a.readFile(bootFile))
	a.journal = openJournal(id, boot, a.Now(), func(err error) {
		a.Metrics.journalErrors.Inc()
		a.Log.Error("what has been done may be forgotten when the agent is restarted", "error", err)
	}, a.path(a.StateDirectory), a.path(a.RuntimeDirectory))
	s := a.journal.read()
	unfinished := s.Drain != nil && s.Drain.Finished.IsZero()
	a.Log.Info("watching", "group", a.Group, "target_group", a.TargetGroup, "lifecycle", a.Lifecycle, "poll_seconds", a.Budget.Poll.Seconds(), "rescue", s.Rescue.State, "draining", unfinished)
	if !unfinished {
		return
	}
	a.Log.Warn("going on with a drain", "reason", s.Drain.Reason)
	if s.Drain.Reason == reasonInterruption {
		now := a.Now()
		a.callForRescue(ctx, reasonInterruption, a.Budget.Schedule(now, s.Drain.End).API, later(s.Drain.End, now.Add(a.Budget.API)))
	}
	a.startDrain(ctx)
}

// poll asks the metadata service for everything once. Where the first question
// goes unanswered, the others are not put; an answer that cannot be read stands
// in nobody's way.
func (a *Agent) poll(ctx context.Context) {
	now := a.Now()
	a.Alive("watching " + a.id)
	if a.Lifecycle == Spot {
		notice, err := a.Metadata.Interruption(ctx)
		switch {
		case err == nil:
			a.absent = 0
			a.interrupted(ctx, notice)
		case errors.Is(err, imds.ErrNotFound):
			a.quiet = now
			a.notInterrupted(ctx)
		}
		if !a.heard(imds.InstanceActionPath, err) && !errors.Is(err, imds.ErrMalformed) {
			return
		}
		recommended, err := a.Metadata.Rebalance(ctx)
		if a.heard(imds.RebalancePath, err) && err == nil {
			a.recommended(ctx, recommended)
		}
	}
	target, err := a.Metadata.TargetState(ctx)
	if a.heard(imds.TargetStatePath, err) && target == terminated {
		a.terminated(ctx)
	}
	a.Metrics.lastPoll.Set(float64(a.Now().UnixMilli()) / 1000)
	a.warm(ctx)
}

// heard says whether the metadata service has answered, be it that there is
// nothing, and logs when that changes.
func (a *Agent) heard(path string, err error) bool {
	since, failing := a.failing[path]
	if err == nil || errors.Is(err, imds.ErrNotFound) {
		if failing {
			delete(a.failing, path)
			a.Log.Info("the metadata service answers again", "path", path, "after_seconds", a.Now().Sub(since).Seconds())
		}
		return true
	}
	a.Metrics.metadataErrors.Inc()
	if !failing {
		a.failing[path] = a.Now()
		a.Log.Warn("the metadata service does not say", "path", path, "error", err)
	}
	return false
}

// warm keeps credentials at hand.
func (a *Agent) warm(ctx context.Context) {
	if a.Now().Sub(a.warmed) < warmEvery {
		return
	}
	a.warmed = a.Now()
	a.tasks.Go(func() {
		if err := a.AWS.Warm(ctx); err != nil && ctx.Err() == nil {
			a.Log.Warn("there are no credentials", "error", err)
		}
	})
}

// interrupted is called with every answer that there is a notice.
func (a *Agent) interrupted(ctx context.Context, notice imds.Interruption) {
	now := a.Now()
	skew, known := a.Metadata.Skew()
	end := a.Budget.End(notice.Time, Sighting{Now: now, Quiet: a.quiet, Skew: skew, Known: known})
	s := a.journal.read()
	first := s.Drain == nil
	switch {
	case first || s.Drain.Reason != reasonInterruption:
		s = a.noticed(notice, end, now)
	case end.Before(s.Drain.End.Add(-time.Second)):
		s.Drain.End = end
		a.journal.change(func(s *state) {
			if s.Drain != nil { // withdrawn just before this notice
				s.Drain.End = end
			}
		})
	}
	schedule := a.Budget.Schedule(now, s.Drain.End)
	a.callForRescue(ctx, reasonInterruption, schedule.API, later(s.Drain.End, now.Add(a.Budget.API)))
	switch {
	case first:
		a.startDrain(ctx)
	case a.draining != nil:
		a.draining.hasten(schedule)
	}
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// noticed counts a notice and writes it down; an instance that drains already
// may have less time than it thought.
func (a *Agent) noticed(notice imds.Interruption, end, now time.Time) state {
	left := end.Sub(now).Seconds()
	s := a.journal.change(func(s *state) {
		if s.Drain == nil {
			s.Drain = &drainState{End: end, Hooks: map[string]string{}}
		}
		s.Drain.Reason, s.Drain.Action, s.Drain.End = reasonInterruption, notice.Action, earlier(s.Drain.End, end)
	})
	a.Log.Warn("interruption notice", "action", notice.Action, "time", notice.Time, "seconds_left", left)
	a.Metrics.notices.WithLabelValues(notice.Action).Inc()
	a.Metrics.secondsLeft.Set(left)
	a.cloud.add(metric.Notices, 1, now)
	a.cloud.add(metric.NoticeSecondsLeft, left, now)
	return s
}

// notInterrupted is called with every answer that there is no notice.
func (a *Agent) notInterrupted(ctx context.Context) {
	d := a.journal.read().Drain
	if d == nil || d.Reason != reasonInterruption {
		return
	}
	a.absent++
	switch {
	case a.absent != withdrawnAfter:
	case d.Finished.IsZero():
		a.draining.stop(errWithdrawn)
	case d.Action == imds.ActionHibernate: // it has woken up
		a.tasks.Go(func() { a.returnToService(ctx) })
	default:
		a.Log.Error(tooLate)
	}
}

// recommended is called with every answer that AWS recommends to rebalance.
func (a *Agent) recommended(ctx context.Context, at string) {
	if a.journal.read().Rebalance != at {
		a.journal.change(func(s *state) { s.Rebalance = at })
		a.Log.Warn("rebalance recommendation", "time", at, "prelaunch", a.Prelaunch)
		a.Metrics.rebalances.Inc()
		a.cloud.add(metric.Rebalances, 1, a.Now())
	}
	if a.Prelaunch {
		now := a.Now()
		a.callForRescue(ctx, "rebalance", now.Add(a.Budget.API), now.Add(max(a.Budget.API, a.Budget.Notice)))
	}
}

// terminated is called with every answer that the group terminates the
// instance. The group's hook holds it for as long as a drain takes.
func (a *Agent) terminated(ctx context.Context) {
	s := a.journal.read()
	if !s.Terminating {
		a.Log.Warn("the group terminates this instance", "group", a.Group)
		s = a.journal.change(func(s *state) { s.Terminating = true })
	}
	if s.Drain != nil {
		if !s.Completed && !s.Drain.Finished.IsZero() {
			a.tasks.Go(func() { a.completeLifecycle(ctx) })
		}
		return
	}
	b := a.Budget
	a.journal.change(func(s *state) {
		s.Drain = &drainState{Reason: reasonTermination, End: a.Now().Add(b.API + b.Deregistration + b.Hooks + b.Flush), Hooks: map[string]string{}}
	})
	a.startDrain(ctx)
}
