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
	"time"

	"github.com/tandem-iac/tandem/internal/fleet"
)

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
