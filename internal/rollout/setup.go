package rollout

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tandem-iac/tandem/internal/awsclient"
	"github.com/tandem-iac/tandem/internal/fleet"
)

// goal is what setups are for.
type goal struct {
	// release is what a member is to have in place. Zero versions: latest-stable.
	release func(*member) fleet.Release
	// outcome is that of a member which has it.
	outcome Outcome
}

func (r *run) forward() goal {
	return goal{func(*member) fleet.Release { return r.Release }, Updated}
}

// backward is to what a member had before: latest-stable as far as nobody
// knows what that was.
func backward() goal {
	return goal{func(m *member) fleet.Release {
		return fleet.Release{Service: m.Before.Service, Playbook: m.Before.Playbook}
	}, Reverted}
}

// configure runs the setup script on all members at once and waits for it,
// even if ctx ends meanwhile: a playbook that is cut off leaves a machine of
// no release.
func (r *run) configure(ctx context.Context, batch []*member, g goal) error {
	var running []*member
	var failure error
	for _, m := range batch {
		if m.gone || m.err != nil {
			continue
		}
		if ctx.Err() != nil {
			failure = context.Cause(ctx)
			break
		}
		// Cut off, this call could have started a setup that nobody waits for.
		started, err := r.start(context.WithoutCancel(ctx), m, g.release(m))
		if err != nil {
			failure = err
			break
		}
		if started {
			running = append(running, m)
		}
	}
	return errors.Join(failure, r.finish(context.WithoutCancel(ctx), running, g))
}

func (r *run) start(ctx context.Context, m *member, want fleet.Release) (started bool, err error) {
	m.command, err = r.Services.Commands.Send(ctx, m.ID, setupScript(want), r.Limits.Setup)
	if awsclient.HasCode(err, "InvalidInstanceId") {
		if err := r.look(ctx); err != nil {
			return false, err
		}
		if r.notice([]*member{m}); !m.gone {
			r.fail(m, errors.New("is not reachable through Systems Manager: is its agent running, and its role allowed to?"))
		}
		return false, nil
	}
	if err != nil {
		return false, err
	}
	m.touched = true
	r.say(m, "setup", wording(want))
	return true, nil
}

// finish waits for the setups that have been started.
func (r *run) finish(ctx context.Context, running []*member, g goal) error {
	limit := r.Limits.Setup + deliveryLimit + time.Minute
	end := r.Clock.Now().Add(limit)
	for {
		var left []*member
		for _, m := range running {
			invocation, err := r.Services.Commands.Result(ctx, m.ID, m.command)
			switch {
			case err != nil:
				return err
			case invocation.Done:
				r.conclude(m, invocation, g)
			default:
				left = append(left, m)
			}
		}
		if len(left) == 0 && failed(running) == nil {
			return r.journal.keep(ctx)
		}
		if err := r.look(ctx); err != nil {
			return err
		}
		r.notice(running)
		running = alive(left)
		if len(running) == 0 {
			return r.journal.keep(ctx)
		}
		if r.Clock.Now().After(end) {
			return r.giveUp(ctx, running, limit)
		}
		if err := r.pause(ctx); err != nil {
			return err
		}
	}
}

// wording says a release that is asked for.
func wording(want fleet.Release) string {
	if want.Service == 0 {
		return "what is latest-stable"
	}
	return want.String()
}

func (r *run) conclude(m *member, i Invocation, g goal) {
	want := g.release(m)
	before, after := recorded(i.Stdout)
	if !m.recorded && before.Service != 0 {
		m.Before = before // tags may be behind: a machine need not be able to set them
	}
	m.recorded = true
	m.After = after
	switch {
	case i.Status != "Success" && i.Status != "Failed":
		r.fail(m, fmt.Errorf("did not run the setup script to its end: Systems Manager says %s", i.Status))
	case i.Status == "Failed":
		m.After.Broken = true
		r.fail(m, fmt.Errorf("failed to set up %s, exit code %d: %s", wording(want), i.Code, lastLine(i.Stderr)))
	case !after.Satisfies(want):
		r.fail(m, fmt.Errorf("was to set up %s and says that it is on %s", wording(want), after))
	case g.outcome == Updated:
		m.Outcome, m.Detail = Updated, unawaited
	default:
		m.Outcome = g.outcome
		if m.Detail == unawaited { // any other says why
			m.Detail = ""
		}
	}
}

// unawaited is the detail of a member until it is healthy.
const unawaited = "its health was not waited for"

func (r *run) giveUp(ctx context.Context, running []*member, limit time.Duration) error {
	var errs []error
	for _, m := range running {
		m.After.Broken = true
		r.fail(m, fmt.Errorf("has not answered Systems Manager within %s", limit))
		errs = append(errs, r.Services.Commands.Cancel(ctx, m.ID, m.command))
	}
	return errors.Join(errs...)
}

// revert installs the release before on members whose setup has failed, while
// they are still out of service. Their err stays: the batch has failed.
func (r *run) revert(ctx context.Context, batch []*member) error {
	var again []*member
	why := map[*member]error{}
	if err := r.journal.keep(ctx); err != nil {
		return err
	}
	for _, m := range batch {
		if m.err != nil && m.touched && !m.gone && m.Outcome != Broken {
			again = append(again, m)
			why[m] = m.err
			m.err = nil
		}
	}
	err := r.configure(ctx, again, backward())
	for _, m := range again {
		switch {
		case m.gone:
			continue
		case m.err == nil && m.Outcome == Reverted:
			r.say(m, "reverted", "to "+m.After.String())
		default:
			m.Outcome = Broken
		}
		m.err = errors.Join(why[m], m.err)
	}
	return err
}
