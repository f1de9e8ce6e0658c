package rollout

import (
	"context"
	"slices"

	"github.com/tandem-iac/tandem/internal/fleet"
)

// maxBatch keeps the journal of a batch within the 4 KiB of a parameter:
// https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-advanced-parameters.html
const maxBatch = 50

// PlanOf returns the batches that Run would begin with, as ids of instances. It
// does not speak to AWS, and has the errors that Run has before it does.
func PlanOf(cfg Config) ([][]string, error) {
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	r := newRun(cfg)
	queue, err := r.prepare()
	if err != nil {
		return nil, err
	}
	return Plan(r.cluster, ids(queue), r.Plan)
}

// prepare chooses the members, returns those to update, and turns the size of a
// batch into a number, as the share of a queue would shrink with it.
func (r *run) prepare() ([]*member, error) {
	var queue []*member
	for _, i := range r.cluster.Instances {
		r.known[i.ID] = true
		if len(r.Instances) > 0 && !slices.Contains(r.Instances, i.ID) {
			continue
		}
		m := &member{Result: Result{ID: i.ID, Group: i.Group, Lifecycle: i.Lifecycle, Before: i.Release, After: i.Release}, group: r.cluster.Group(i.Group)}
		r.members = append(r.members, m)
		switch {
		case i.State != fleet.InService:
			m.Outcome, m.Detail = Untouched, "is "+i.State
		case i.Serving() && i.Release.Satisfies(r.Release) && !r.unproven[i.ID]:
			m.Outcome = Unchanged
		default:
			m.Outcome = Untouched
			queue = append(queue, m)
		}
	}
	if _, err := Plan(r.cluster, ids(queue), r.Plan); err != nil {
		return nil, err
	}
	r.Plan.Batch = Amount{Value: min(max(1, r.Plan.Batch.down(len(queue))), maxBatch)}
	return queue, nil
}

// next takes a batch from the queue. It waits until one can leave without too
// few serving.
func (r *run) next(ctx context.Context, queue []*member) (batch, rest []*member, err error) {
	for end := r.Clock.Now().Add(r.Limits.Health); ; {
		if err := r.look(ctx); err != nil {
			return nil, nil, err
		}
		r.notice(queue)
		plan, err := Plan(r.cluster, ids(alive(queue)), r.Plan)
		if err == nil {
			r.batch, r.batches = r.batch+1, r.batch+len(plan)
			for _, m := range queue {
				switch {
				case m.gone:
				case slices.Contains(plan[0], m.ID):
					batch = append(batch, m)
				default:
					rest = append(rest, m)
				}
			}
			return batch, rest, nil
		}
		if !r.Clock.Now().Before(end) {
			return nil, nil, err
		}
		if err := r.pause(ctx); err != nil {
			return nil, nil, err
		}
	}
}
