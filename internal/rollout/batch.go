package rollout

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/tandem-iac/tandem/internal/fleet"
)

// update takes a batch out of service, sets each member up for the goal, and
// puts it back, whatever happens in between. Faults of an instance are in its
// err; an error is one that concerns all.
func (r *run) update(ctx context.Context, batch []*member, g goal) error {
	err := r.takeOut(ctx, batch)
	if err == nil {
		err = r.drain(ctx, batch)
	}
	if err == nil {
		err = r.configure(ctx, batch, g)
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
