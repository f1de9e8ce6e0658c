package rescue

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tandem-iac/tandem/internal/rescue/metric"
)

// lookShare is the part of the API budget that a look at the group may take
// before it is asked for an instance: half a second of the usual ten.
const lookShare = 20

// errUnknown is an attempt whose outcome is looked up next time.
var errUnknown = errors.New("its outcome is unknown")

// callForRescue begins a rescue, unless one is under way or done. It counts as
// failed at due, or when it is refused, and is given up at end.
func (a *Agent) callForRescue(ctx context.Context, reason string, due, end time.Time) {
	if !a.rescuing.TryLock() {
		return
	}
	if a.journal.read().Rescue.State == rescueDone { // looked up with the lock held: the one before may just have ended
		a.rescuing.Unlock()
		return
	}
	a.tasks.Go(func() {
		defer a.rescuing.Unlock()
		ctx, cancel := context.WithTimeoutCause(ctx, end.Sub(a.Now()), errors.New("the time is over"))
		defer cancel()
		begin := a.Now()
		err := a.persist(ctx, "rescue", max(attemptTimeout, a.Budget.API/2), due, func(err error) { a.rescueFailed(reason, err) },
			func(ctx context.Context) error { return a.rescue(ctx, reason) })
		if err != nil {
			a.Log.Error("rescue given up", "reason", reason, "group", a.RescueGroup, "error", err)
			return
		}
		a.Metrics.rescueSeconds.Set(a.Now().Sub(begin).Seconds())
	})
}

func (a *Agent) rescueFailed(reason string, err error) {
	a.Metrics.rescueFailures.Inc()
	a.cloud.add(metric.RescueFailures, 1, a.Now())
	a.Log.Error("rescue failed: nobody takes over yet", "reason", reason, "group", a.RescueGroup, "policy", a.RescuePolicy, "error", err)
}

// rescue is one attempt at rescue. An earlier one whose outcome is unknown is
// looked into first.
func (a *Agent) rescue(ctx context.Context, reason string) error {
	before := a.look(ctx)
	if earlier := a.journal.read().Rescue; earlier.State == rescueIntended && accepted(earlier.Desired, before) {
		a.rescued(reason, earlier.Desired, *before)
		return nil
	}
	intent := rescueState{State: rescueIntended, At: a.Now(), Reason: reason}
	if before != nil {
		intent.Desired = &before.Desired
	}
	a.journal.change(func(s *state) { s.Rescue = intent })
	a.Log.Info("rescue asked for", "reason", reason, "group", a.RescueGroup, "policy", a.RescuePolicy, "capacity", before)
	err := a.AWS.Execute(ctx, a.RescueGroup, a.RescuePolicy)
	switch {
	case err == nil:
		a.journal.change(func(s *state) { s.Rescue.State = rescueDone })
		a.Log.Info("rescue accepted", "reason", reason, "group", a.RescueGroup)
		a.tasks.Go(func() { a.afterRescue(reason, intent.Desired) })
		return nil
	case certain(err):
		a.journal.change(func(s *state) { s.Rescue = rescueState{} })
		return err
	}
	return fmt.Errorf("%w: %w", errUnknown, err)
}

// accepted says whether the capacity now shows that an attempt was accepted
// before which it was desired. See the package's comment.
func accepted(desired *int, now *Capacity) bool {
	return desired != nil && now != nil && now.Desired == *desired+1
}

// look returns the capacity of the group that takes over, or nil where it
// cannot be had at once: nobody waits for it.
func (a *Agent) look(ctx context.Context) *Capacity {
	ctx, cancel := context.WithTimeout(ctx, a.Budget.API/lookShare)
	defer cancel()
	capacity, err := a.AWS.Capacity(ctx, a.RescueGroup)
	if err != nil {
		a.Log.Warn("cannot look at the group", "group", a.RescueGroup, "error", err)
		return nil
	}
	return &capacity
}

// afterRescue looks at what an accepted rescue has led to, and says so. AWS
// accepts the execution of a policy in a group that is at its maximum, and adds
// nothing.
func (a *Agent) afterRescue(reason string, before *int) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*attemptTimeout)
	defer cancel()
	var now Capacity
	for n := range 3 {
		var err error
		if now, err = a.AWS.Capacity(ctx, a.RescueGroup); err == nil {
			break
		}
		a.Log.Warn("cannot look at the group", "group", a.RescueGroup, "error", err)
		if !sleep(ctx, backoff(n+1)) {
			break
		}
	}
	a.rescued(reason, before, now)
}

// rescued reports a rescue that was accepted.
func (a *Agent) rescued(reason string, before *int, now Capacity) {
	a.journal.change(func(s *state) { s.Rescue.State = rescueDone })
	a.Metrics.rescues.Inc()
	a.cloud.add(metric.Rescues, 1, a.Now())
	log := a.Log.With("reason", reason, "group", a.RescueGroup, "desired", now.Desired, "max", now.Max)
	switch {
	case now.Max == 0:
		log.Warn("rescued; whether the group has room is not known")
	case now.Desired < now.Max:
		log.Info("rescued")
	default:
		a.Metrics.groupAtMax.Inc()
		a.cloud.add(metric.GroupAtMax, 1, a.Now())
		if before != nil && *before >= now.Max {
			log.Error("the group is at its maximum: nothing was added; raise on_demand.max")
		} else {
			log.Error("the group is at its maximum: it may have added nothing; raise on_demand.max")
		}
	}
}
