package rollout

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/tandem-iac/tandem/internal/fleet"
)

// look sees the cluster anew.
func (r *run) look(ctx context.Context) error {
	cluster, err := r.Services.Fleet.Cluster(ctx, r.cluster.Environment, r.cluster.Name)
	if err != nil {
		return err
	}
	r.cluster = cluster
	return nil
}

// pause waits until the next look and holds the lease meanwhile.
func (r *run) pause(ctx context.Context) error {
	if err := r.journal.keep(ctx); err != nil {
		return err
	}
	return r.Clock.Sleep(ctx, r.Limits.Poll)
}

// await looks until every member is as wanted. One that is not within the
// limit fails with what late says of it.
func (r *run) await(ctx context.Context, batch []*member, limit time.Duration, wanted func(fleet.Instance) bool, late func(fleet.Instance) error) error {
	for end := r.Clock.Now().Add(limit); ; {
		if err := r.look(ctx); err != nil {
			return err
		}
		r.notice(batch)
		var waiting []*member
		for _, m := range alive(batch) {
			if i, _ := r.cluster.Instance(m.ID); !wanted(i) {
				waiting = append(waiting, m)
			}
		}
		if len(waiting) == 0 {
			return nil
		}
		if !r.Clock.Now().Before(end) {
			for _, m := range waiting {
				i, _ := r.cluster.Instance(m.ID)
				r.fail(m, late(i))
			}
			return nil
		}
		if err := r.pause(ctx); err != nil {
			return err
		}
	}
}

// settle waits for instances that were launched meanwhile to say what they run.
func (r *run) settle(ctx context.Context) error {
	if len(r.Instances) > 0 {
		return nil
	}
	for end := r.Clock.Now().Add(r.Limits.Health); ; {
		if err := r.look(ctx); err != nil {
			return err
		}
		silent := ""
		for _, i := range r.cluster.Instances {
			if !r.known[i.ID] && !i.Release.Known() && !i.Release.Broken {
				silent = i.ID
			}
		}
		if silent == "" || !r.Clock.Now().Before(end) {
			return nil
		}
		r.tell(Event{Instance: silent, Stage: "new", Detail: "has been launched meanwhile and sets itself up"})
		if err := r.pause(ctx); err != nil {
			return err
		}
	}
}

// notice marks members that are no more. A spot instance is expected to go; an
// on-demand instance on standby goes only by somebody's hand or by a fault.
func (r *run) notice(batch []*member) {
	for _, m := range batch {
		if i, ok := r.cluster.Instance(m.ID); m.gone || ok && !terminating(i) {
			continue
		}
		m.gone = true
		m.Outcome, m.Detail = Vanished, ""
		m.err = nil // what failed on it failed because it went
		if m.Lifecycle == fleet.OnDemand {
			m.err = errors.New("has been terminated, and is no spot instance")
		}
		r.say(m, "vanished", "")
	}
}

func terminating(i fleet.Instance) bool { return strings.HasPrefix(i.State, "Terminat") }

func (r *run) fail(m *member, err error) {
	m.err = errors.Join(m.err, err)
	m.Outcome = Failed
	m.Detail = err.Error()
	r.say(m, "failed", err.Error())
}
