// Package rollout updates the running instances of a cluster to a release,
// batch by batch, and puts them back when it goes wrong.
//
//	journal ── repair what a dead rollout left ── plan ─┐
//	┌───────────────────────────────────────────────────┘
//	└─> standby ── draining ── setup over SSM ── in service ── healthy ─> next batch
//	                             └─ failed: the release before, and stop
//
// # Out of service, not out of the group
//
// The groups use the load balancer's health check, by which an instance that
// the load balancer does not report as healthy is replaced
// (https://docs.aws.amazon.com/autoscaling/ec2/userguide/health-checks-overview.html).
// An instance that is only deregistered, or whose playbook has removed the
// health file, is such an instance. So it goes on standby, which AWS made for
// this: neither health checks nor scale-in touch it, it is deregistered with
// its deregistration delay, and the way back registers it
// (https://docs.aws.amazon.com/autoscaling/ec2/userguide/as-enter-exit-standby.html).
// The alternatives are worse. Protection from scale-in does not protect from
// health replacement
// (https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-instance-protection.html).
// Suspending processes stops healing and scaling of the whole group, for good
// if the operator's machine dies.
//
// Standby lowers the desired capacity by one, so that no replacement is
// launched, and AWS refuses it at the group's minimum: a group without room,
// such as an anchor of one, has its minimum lowered for the time of the batch.
//
// # Dying
//
// Instances on standby and lowered minimums are all that a rollout leaves
// behind if it is killed. Both are in the journal, a parameter in Parameter
// Store that is written before the change and removed at the end, and that
// keeps a second rollout out for as long as the first one renews it. The next
// rollout of the cluster undoes what an abandoned journal lists.
package rollout

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/tandem-iac/tandem/internal/fleet"
)

// maxBatch keeps the journal of a batch within the 4 KiB of a parameter:
// https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-advanced-parameters.html
const maxBatch = 50

// reportLimit is how long the last look at the cluster may take, also after an
// interrupt.
const reportLimit = time.Minute

// Run rolls the release out. The report says what has become of every
// instance, also when there is an error, which says what stopped the rollout.
//
// When ctx ends, no further instance is taken out, setups that have begun
// come to their end, and all instances return to service; nothing is rolled
// back, and the error wraps the cause. What could not be returned is in
// Report.Left.
func Run(ctx context.Context, cfg Config) (Report, error) {
	if err := cfg.validate(); err != nil {
		return Report{}, err
	}
	r := newRun(cfg)
	journal, err := openLog(ctx, r.Config)
	if err != nil {
		return Report{}, err
	}
	r.journal = journal
	err = r.repair(ctx)
	if err == nil {
		err = r.deploy(ctx)
	}
	if ctx.Err() != nil { // all calls after it failed for that reason
		err = errors.Join(append([]error{context.Cause(ctx), failed(r.members)}, r.stuck...)...)
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), reportLimit)
	defer cancel()
	closed := r.journal.close(last)
	report, final := r.report(last)
	return report, errors.Join(err, final, closed)
}

// run is the state of a rollout.
type run struct {
	Config
	journal *log
	cluster fleet.Cluster // as last seen
	// known are the instances that were there at the beginning, unproven those
	// of them that a dead rollout has left.
	known, unproven map[string]bool
	members         []*member
	delay           map[string]time.Duration // of target groups
	stuck           []error                  // why instances could not be put back
	batch, batches  int
}

func newRun(cfg Config) *run {
	return &run{
		Config: cfg.withDefaults(), cluster: cfg.Cluster,
		known: map[string]bool{}, unproven: map[string]bool{}, delay: map[string]time.Duration{},
	}
}

// repair returns to service what a rollout that died has left out of it.
func (r *run) repair(ctx context.Context) error {
	if len(r.journal.Out) == 0 && len(r.journal.Minimums) == 0 {
		return nil
	}
	r.tell(Event{Stage: "repair", Detail: "a deploy that died left " + r.journal.left()})
	var left []*member
	for id, group := range r.journal.Out {
		r.unproven[id] = true
		left = append(left, &member{Result: Result{ID: id, Group: group}, group: r.cluster.Group(group)})
	}
	if err := r.putBack(context.WithoutCancel(ctx), left); err != nil {
		return err
	}
	back := func(i fleet.Instance) bool { return i.State == fleet.InService }
	return r.await(ctx, left, r.Limits.Health, back, func(i fleet.Instance) error { return fmt.Errorf("is still %s", i.State) })
}

// deploy updates batch after batch, and rolls back after the first that failed.
func (r *run) deploy(ctx context.Context) error {
	if err := r.look(ctx); err != nil {
		return err
	}
	queue, err := r.prepare()
	for err == nil && len(queue) > 0 {
		var batch []*member
		batch, queue, err = r.next(ctx, queue)
		if err == nil {
			err = r.update(ctx, batch, r.forward())
		}
		if err == nil {
			err = failed(batch)
		}
		if err != nil {
			return errors.Join(err, r.rollBack(ctx))
		}
	}
	if err != nil {
		return err
	}
	return r.settle(ctx)
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

// rollBack returns all that were touched to the release they had before. Those
// whose setup failed have been returned within their batch.
func (r *run) rollBack(ctx context.Context) error {
	if r.NoRollback || r.journal.lost {
		return nil
	}
	var queue []*member
	for _, m := range r.members {
		if m.touched && !m.gone && m.Outcome != Reverted && m.Outcome != Broken {
			queue = append(queue, m)
		}
	}
	r.batch = 0
	var errs []error
	for len(queue) > 0 && ctx.Err() == nil {
		batch, rest, err := r.next(ctx, queue)
		if err != nil {
			return errors.Join(append(errs, fmt.Errorf("roll back: %w", err))...)
		}
		for _, m := range batch {
			m.err = nil
		}
		err = r.update(ctx, batch, backward())
		if err = errors.Join(err, failed(batch)); err != nil {
			errs = append(errs, fmt.Errorf("roll back: %w", err))
		}
		queue = rest
	}
	return errors.Join(errs...)
}
