package rollout

import (
	"context"
	"fmt"

	"github.com/tandem-iac/tandem/internal/fleet"
)

// Outcome is what has become of an instance.
type Outcome string

// The outcomes.
const (
	Updated   Outcome = "updated"   // on the new release and healthy
	Unchanged Outcome = "unchanged" // it was already
	Untouched Outcome = "untouched" // its turn did not come
	Failed    Outcome = "failed"
	Broken    Outcome = "broken"   // on neither release: both setups failed
	Reverted  Outcome = "reverted" // back on the release before
	Vanished  Outcome = "vanished" // terminated meanwhile
	New       Outcome = "new"      // launched meanwhile
)

// Result is what has become of one instance.
type Result struct {
	ID        string  `json:"id"`
	Group     string  `json:"group"`
	Lifecycle string  `json:"lifecycle"`
	Outcome   Outcome `json:"outcome"`
	// Before and After are the releases it ran.
	Before fleet.Release `json:"before"`
	After  fleet.Release `json:"after"`
	// State and Health are how the rollout left it.
	State  string `json:"state,omitempty"`
	Health string `json:"health,omitempty"`
	Detail string `json:"detail,omitempty"`
}

// Report is what has become of a cluster.
type Report struct {
	Environment string        `json:"environment"`
	Cluster     string        `json:"cluster"`
	Release     fleet.Release `json:"release"`
	// Complete says that every instance that was meant runs the release.
	Complete  bool     `json:"complete"`
	Instances []Result `json:"instances"`
	// Left is what the rollout could not undo. Empty: nothing.
	Left string `json:"left,omitempty"`
}

// report sees how all is now.
func (r *run) report(ctx context.Context) (Report, error) {
	// An empty list, not nil: JSON would have null.
	out := Report{Environment: r.cluster.Environment, Cluster: r.cluster.Name, Release: r.Release, Instances: []Result{}}
	if !r.journal.lost { // then it is somebody else's to undo
		out.Left = r.journal.left()
	}
	err := r.look(ctx)
	out.Complete = err == nil && out.Left == "" && !r.journal.lost
	for _, m := range r.members {
		result := m.Result
		if i, ok := r.cluster.Instance(m.ID); ok {
			result.State, result.Health = i.State, i.Health
			out.Complete = out.Complete && (m.Outcome == Updated && m.Detail == "" || m.Outcome == Unchanged)
		}
		out.Instances = append(out.Instances, result)
	}
	for _, i := range r.cluster.Instances {
		if len(r.members) == 0 || len(r.Instances) > 0 || r.known[i.ID] {
			continue
		}
		out.Complete = out.Complete && i.Release.Satisfies(r.Release)
		out.Instances = append(out.Instances, Result{
			ID: i.ID, Group: i.Group, Lifecycle: i.Lifecycle, Outcome: New, After: i.Release, State: i.State, Health: i.Health,
			Detail: newcomer(i.Release, r.Release),
		})
	}
	return out, err
}

func newcomer(runs, want fleet.Release) string {
	if runs.Satisfies(want) {
		return ""
	}
	return fmt.Sprintf("launched meanwhile with what is latest-stable: promote %s, or this happens again", want)
}

// Event is a step of a rollout.
type Event struct {
	// Batch counts from 1, of Batches; 0 is before them and during a rollback.
	Batch, Batches int
	// Instance is whose step it is. Empty: that of all.
	Instance string
	// Stage is repair, draining, setup, registered, healthy, failed, reverted,
	// vanished or new.
	Stage  string
	Detail string
	// Done and Total count the instances to update.
	Done, Total int
}

func (r *run) tell(e Event) {
	e.Batch, e.Batches, e.Total = r.batch, r.batches, len(r.members)
	for _, m := range r.members {
		if m.Outcome == Updated || m.Outcome == Unchanged || m.gone {
			e.Done++
		}
	}
	r.Progress(e)
}

func (r *run) say(m *member, stage, detail string) {
	r.tell(Event{Instance: m.ID, Stage: stage, Detail: detail})
}
