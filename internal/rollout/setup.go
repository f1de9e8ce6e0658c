package rollout

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/smithy-go"

	"github.com/tandem-iac/tandem/internal/fleet"
)

// configure runs the setup script on all members at once and waits for it,
// even if ctx ends meanwhile: a playbook that is cut off leaves a machine of
// no release.
func (r *run) configure(ctx context.Context, batch []*member, want func(*member) fleet.Release) error {
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
		started, err := r.start(context.WithoutCancel(ctx), m, want(m))
		if err != nil {
			failure = err
			break
		}
		if started {
			running = append(running, m)
		}
	}
	return errors.Join(failure, r.finish(context.WithoutCancel(ctx), running, want))
}

func (r *run) start(ctx context.Context, m *member, want fleet.Release) (started bool, err error) {
	m.command, err = r.Services.Commands.Send(ctx, m.ID, setupScript(want), r.Limits.Setup)
	var api smithy.APIError
	if errors.As(err, &api) && api.ErrorCode() == "InvalidInstanceId" {
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
	what := want.String()
	if want.Service == 0 {
		what = "what is latest-stable"
	}
	r.say(m, "setup", what)
	return true, nil
}

// finish waits for the setups that have been started.
func (r *run) finish(ctx context.Context, running []*member, want func(*member) fleet.Release) error {
	limit := r.Limits.Setup + deliveryLimit + time.Minute
	end := r.clock.Now().Add(limit)
	for {
		var left []*member
		for _, m := range running {
			invocation, err := r.Services.Commands.Result(ctx, m.ID, m.command)
			switch {
			case err != nil:
				return err
			case invocation.Done:
				r.conclude(m, invocation, want(m))
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
		if r.clock.Now().After(end) {
			return r.giveUp(ctx, running, limit)
		}
		if err := r.pause(ctx); err != nil {
			return err
		}
	}
}

func (r *run) conclude(m *member, i Invocation, want fleet.Release) {
	before, after := recorded(i.Stdout)
	if m.Before.Service == 0 {
		m.Before = before
	}
	m.After = after
	switch {
	case i.Status != "Success" && i.Status != "Failed":
		r.fail(m, fmt.Errorf("did not run the setup script to its end: Systems Manager says %s", i.Status))
	case i.Status == "Failed":
		m.After.Broken = true
		r.fail(m, fmt.Errorf("failed to set up %s, exit code %d: %s", want, i.Code, lastLine(i.Stderr)))
	case want.Service != 0 && !after.Satisfies(want):
		r.fail(m, fmt.Errorf("was to set up %s and says that it is on %s", want, after))
	case want == r.Release:
		m.Outcome, m.Detail = Updated, unawaited
	default:
		m.Outcome = Reverted
	}
}

// unawaited is the detail of a member until it is healthy.
const unawaited = "returned to service; its health was not waited for"

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
	err := r.configure(ctx, again, before)
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

// before is what a member goes back to: zero, which is latest-stable, if
// nobody knows what it ran.
func before(m *member) fleet.Release {
	return fleet.Release{Service: m.Before.Service, Playbook: m.Before.Playbook}
}
