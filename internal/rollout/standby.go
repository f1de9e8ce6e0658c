package rollout

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tandem-iac/tandem/internal/awsclient"
	"github.com/tandem-iac/tandem/internal/fleet"
)

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
	if err := r.journal.write(ctx); err != nil {
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
	m.deregistered = r.Clock.Now()
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
		if rest := r.Limits.Linger - r.Clock.Now().Sub(m.deregistered); !m.gone && rest > 0 {
			if err := r.Clock.Sleep(ctx, rest); err != nil {
				return err
			}
		}
	}
	return nil
}

// drainSlack is what AWS may take on top of a deregistration delay.
const drainSlack = time.Minute

// drainLimit is the longest deregistration delay of the members, and the slack.
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
	return limit + drainSlack, nil
}

// putBack returns members to service, and the groups to their minimums, unless
// somebody else has taken over and does.
func (r *run) putBack(ctx context.Context, batch []*member) error {
	if r.journal.lost {
		return nil
	}
	limit, err := r.drainLimit(ctx, batch)
	if err != nil {
		limit = defaultDelay + drainSlack // only how long to try is at stake
	}
	errs := map[string]error{}
	for end := r.Clock.Now().Add(limit); ; {
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
		if !waiting || r.Clock.Now().After(end) {
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
	all = append(all, r.restore(ctx), r.journal.write(ctx))
	r.stuck = append(r.stuck, all...)
	return errors.Join(all...)
}

var errEntering = errors.New("is still on its way to standby")

func (r *run) giveBack(ctx context.Context, m *member) error {
	i, ok := r.cluster.Instance(m.ID)
	switch {
	case !ok || terminating(i):
		// The group gets back the capacity that standby took from it, unless it
		// has forgotten the instance, or ended its standby, already.
		err := r.Services.Scaling.ExitStandby(ctx, m.Group, m.ID)
		if err != nil && !awsclient.HasCode(err, "ValidationError") {
			return fmt.Errorf("give %s back the capacity of %s, which is gone: %w", m.Group, m.ID, err)
		}
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
