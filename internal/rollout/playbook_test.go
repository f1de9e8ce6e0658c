package rollout

import (
	"strconv"
	"testing"

	"github.com/tandem-iac/tandem/internal/fleet"
	"github.com/tandem-iac/tandem/internal/fleettest"
)

// newPlaybook is one later than what machines come up with.
const newPlaybook = fleettest.Playbook + 1

// runsAll checks service and playbook of all machines.
func (s *scene) runsAll(want fleet.Release) {
	s.t.Helper()
	for _, id := range s.IDs() {
		if got := s.Machine(id).Release(); got != want {
			s.t.Errorf("%s runs %s, want %s", id, got, want)
		}
	}
}

func TestPlaybookAlone(t *testing.T) {
	s := stage(t, fleettest.Size{Spot: 2})
	s.config.Release = fleet.Release{Service: fleettest.Stable, Playbook: newPlaybook}
	for _, outcome := range []Outcome{Updated, Unchanged} {
		report, err := s.run(t.Context())
		if err != nil || !report.Complete {
			t.Errorf("complete is %v, %v", report.Complete, err)
		}
		s.outcomes(report, outcome, s.IDs()...)
		s.runsAll(s.config.Release)
	}
}

// A machine goes back to the playbook it had, not to what is latest-stable by
// now, also where its tags lie or say nothing.
func TestPlaybookGoesBackToTheOneBefore(t *testing.T) {
	for name, tags := range map[string]map[string]string{
		"as tagged":    nil,
		"no playbook":  {fleet.PlaybookTag: ""},
		"nothing":      {fleet.ReleaseTag: "", fleet.PlaybookTag: ""},
		"another time": {fleet.ReleaseTag: "40", fleet.PlaybookTag: "6"},
	} {
		t.Run(name, func(t *testing.T) {
			s := stage(t, fleettest.Size{Spot: 3})
			s.config.Release = fleet.Release{Service: fleettest.Stable, Playbook: newPlaybook}
			plan, err := Plan(s.config.Cluster, s.IDs(), s.config.Plan)
			if err != nil {
				t.Fatal(err)
			}
			for _, id := range s.IDs() {
				s.Machine(id).Stable(newPlaybook)
				if tags != nil {
					s.Tag(id, tags)
				}
			}
			s.Machine(plan[1][0]).BreakBy(newPlaybook)
			s.config.Cluster, err = s.config.Services.Fleet.Cluster(t.Context(), s.Environment, "obelix")
			if err != nil {
				t.Fatal(err)
			}
			report, err := s.run(t.Context())
			want(t, err, "failed to set up 41 by "+strconv.Itoa(newPlaybook))
			s.whole()
			s.outcomes(report, Reverted, plan[0][0], plan[1][0])
			s.outcomes(report, Untouched, plan[2][0])
			s.runsAll(fleet.Release{Service: fleettest.Stable, Playbook: fleettest.Playbook})
		})
	}
}

// To go back to the release that was to be set up again is going back.
func TestBackToTheSameReleaseIsReverted(t *testing.T) {
	s := stage(t, fleettest.Size{Spot: 3})
	s.config.Release = fleet.Release{Service: fleettest.Stable, Playbook: fleettest.Playbook}
	sick := s.IDs()[0]
	s.Machine(sick).TakeHealthAway()
	s.Machine(sick).Stumble()
	report, err := s.run(t.Context())
	want(t, err, sick+" failed to set up 41 by 7, exit code 1")
	s.whole()
	s.outcomes(report, Reverted, sick)
}
