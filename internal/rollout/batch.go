package rollout

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/smithy-go"

	"github.com/tandem-iac/tandem/internal/fleet"
)

// update takes a batch out of service, installs on each member the release
// that want returns, and puts it back, whatever happens in between. Faults of
// an instance are in its err; an error is one that concerns all.
func (r *run) update(ctx context.Context, batch []*member, want func(*member) fleet.Release) error {
	err := r.takeOut(ctx, batch)
	if err == nil {
		err = r.drain(ctx, batch)
	}
	if err == nil {
		err = r.configure(ctx, batch, want)
	}
	if err == nil && !r.NoRollback && ctx.Err() == nil {
		err = r.revert(ctx, batch)
	}
	// Out of service is no state to leave an instance in.
	if back := r.putBack(context.WithoutCancel(ctx), batch); err != nil || back != nil {
		return errors.Join(err, back)
	}
	return r.healthy(ctx, batch)
}

// takeOut puts the members, as next has seen them, on standby.
func (r *run) takeOut(ctx context.Context, batch []*member) error {
	leaving := map[string]int{}
	for _, m := range batch {
		if !m.gone {
			leaving[m.Group]++
			r.journal.Out[m.ID] = m.Group
		}
	}
	low := map[string]int{}
	for name, n := range leaving {
		if g := r.cluster.Group(name); g.Desired-n < g.Min {
			low[name] = max(0, g.Desired-n)
			r.journal.Minimums[name] = g.Min
		}
	}
	if err := r.journal.write(ctx, false); err != nil {
		return err
	}
	for name, minimum := range low {
		if err := r.Services.Scaling.SetMinimum(ctx, name, minimum); err != nil {
			return err
		}
	}
	for _, m := range batch {
		if m.gone {
			continue
		}
		if err := r.standby(ctx, m); err != nil {
			return err
		}
	}
	return nil
}

func (r *run) standby(ctx context.Context, m *member) error {
	if err := r.Services.Scaling.EnterStandby(ctx, m.Group, m.ID); err != nil {
		if seen := r.look(ctx); seen != nil {
			return errors.Join(err, seen)
		}
		if r.notice([]*member{m}); m.gone {
			return nil
		}
		return err
	}
	m.deregistered = r.clock.Now()
	r.say(m, "draining", "")
	// Standby deregisters too, once AWS gets round to it.
	return r.Services.Targets.Deregister(ctx, m.group.TargetGroup, m.ID)
}

// drain waits until requests no longer reach the members.
func (r *run) drain(ctx context.Context, batch []*member) error {
	limit, err := r.drainLimit(ctx, batch)
	if err != nil {
		return err
	}
	drained := func(i fleet.Instance) bool { return i.State == fleet.Standby && i.Health == fleet.Unused }
	err = r.await(ctx, batch, limit, drained, func(i fleet.Instance) error {
		return fmt.Errorf("has not left the load balancer within %s, it is %s and %s", limit, i.State, i.Health)
	})
	if err != nil {
		return err
	}
	for _, m := range batch {
		if rest := r.Limits.Linger - r.clock.Now().Sub(m.deregistered); !m.gone && rest > 0 {
			if err := r.clock.Sleep(ctx, rest); err != nil {
				return err
			}
		}
	}
	return nil
}

// drainLimit is the longest deregistration delay, and a minute for AWS.
func (r *run) drainLimit(ctx context.Context, batch []*member) (time.Duration, error) {
	limit := time.Duration(0)
	for _, m := range batch {
		if _, asked := r.delay[m.group.TargetGroup]; !asked {
			delay, err := r.Services.Targets.Delay(ctx, m.group.TargetGroup)
			if err != nil {
				return 0, err
			}
			r.delay[m.group.TargetGroup] = delay
		}
		limit = max(limit, r.delay[m.group.TargetGroup])
	}
	return limit + time.Minute, nil
}

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

// healthy waits until the members take traffic again. A member whose setup
// failed and was not reverted never will; its group replaces it.
func (r *run) healthy(ctx context.Context, batch []*member) error {
	var expected []*member
	for _, m := range batch {
		if !m.gone && (m.err == nil || m.Outcome == Reverted) {
			expected = append(expected, m)
		}
	}
	reasons := map[string]string{}
	serving := func(i fleet.Instance) bool {
		reasons[i.ID] = strings.TrimSpace(i.Health + " " + i.HealthReason)
		return i.Serving()
	}
	err := r.await(ctx, expected, r.Limits.Health, serving, func(i fleet.Instance) error {
		return fmt.Errorf("does not pass the health check within %s: %s", r.Limits.Health, reasons[i.ID])
	})
	if err != nil {
		return err
	}
	for _, m := range expected {
		if !m.gone && m.err == nil {
			m.Detail = ""
			r.say(m, "healthy", "on "+m.After.String())
		}
	}
	return nil
}

// putBack returns members to service, and the groups to their minimums.
func (r *run) putBack(ctx context.Context, batch []*member) error {
	limit, err := r.drainLimit(ctx, batch)
	if err != nil {
		limit = 5*time.Minute + time.Minute // AWS's default delay
	}
	errs := map[string]error{}
	for end := r.clock.Now().Add(limit); ; {
		if err := r.look(ctx); err != nil {
			r.stuck = append(r.stuck, err)
			return err
		}
		waiting := false
		for _, m := range batch {
			if _, out := r.journal.Out[m.ID]; !out {
				continue
			}
			if errs[m.ID] = r.giveBack(ctx, m); errs[m.ID] == nil {
				delete(r.journal.Out, m.ID)
			} else {
				waiting = true
			}
		}
		if !waiting || r.clock.Now().After(end) {
			break
		}
		if err := r.pause(ctx); err != nil {
			return err
		}
	}
	var all []error
	for _, m := range batch {
		all = append(all, errs[m.ID])
	}
	all = append(all, r.restore(ctx), r.journal.write(ctx, false))
	r.stuck = append(r.stuck, all...)
	return errors.Join(all...)
}

var errEntering = errors.New("is still on its way to standby")

func (r *run) giveBack(ctx context.Context, m *member) error {
	i, ok := r.cluster.Instance(m.ID)
	switch {
	case !ok || terminating(i):
		// The group gets back the capacity that standby took from it. If it
		// has forgotten the instance already, there is nothing to return.
		_ = r.Services.Scaling.ExitStandby(ctx, m.Group, m.ID)
		return nil
	case i.State == fleet.EnteringStandby:
		return fmt.Errorf("%s %w", m.ID, errEntering)
	case i.State == fleet.Standby:
		if err := r.Services.Scaling.ExitStandby(ctx, m.Group, m.ID); err != nil {
			return fmt.Errorf("return %s to service: %w", m.ID, err)
		}
	}
	r.say(m, "registered", "")
	return r.Services.Targets.Register(ctx, m.group.TargetGroup, m.ID)
}

// restore raises the minimums that have been lowered, of groups that have all
// their instances back.
func (r *run) restore(ctx context.Context) error {
	for name, minimum := range r.journal.Minimums {
		out := false
		for _, group := range r.journal.Out {
			out = out || group == name
		}
		if out {
			continue
		}
		if r.cluster.Group(name).Name == "" { // deleted meanwhile
			delete(r.journal.Minimums, name)
			continue
		}
		if err := r.Services.Scaling.SetMinimum(ctx, name, minimum); err != nil {
			return fmt.Errorf("raise the minimum of %s back to %d: %w", name, minimum, err)
		}
		delete(r.journal.Minimums, name)
	}
	return nil
}
