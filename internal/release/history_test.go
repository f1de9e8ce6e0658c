package release_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"golang.org/x/sync/errgroup"

	"github.com/tandem-iac/tandem/internal/release"
)

// history writes changes as if they had been carried out, from number first
// on, and points latest-stable to the last of them.
func (f *fixture) history(first int, changes ...release.Change) {
	f.t.Helper()
	var group errgroup.Group
	group.SetLimit(16)
	for i, c := range changes {
		c.Number, c.Previous = first+i, first+i-1
		data, err := json.Marshal(c)
		if err != nil {
			f.t.Fatal(err)
		}
		group.Go(func() error { return f.put(fmt.Sprintf("history/%08d.json", c.Number), data) })
	}
	if err := group.Wait(); err != nil {
		f.t.Fatal(err)
	}
	last := first + len(changes) - 1
	f.write("latest-stable.txt", fmt.Appendf(nil, "VERSION=%d\nCHANGE=%d\n", changes[len(changes)-1].Version, last))
}

// TestLongHistory has a rollback, a listing and a prune look back over more
// changes than fit on any page.
func TestLongHistory(t *testing.T) {
	f := newFixture(t)
	file := build(t, 100, "x")
	for range 5 {
		f.publish(file)
	}
	f.promote("1")
	f.promote("2")
	const pairs = 252
	var changes []release.Change
	for range pairs {
		changes = append(changes,
			release.Change{Action: release.ActionPromote, From: 2, Version: 3},
			release.Change{Action: release.ActionRollback, From: 3, Version: 2})
	}
	f.history(3, changes...)

	all, err := f.History(t.Context(), 0)
	if err != nil || len(all) != 2*pairs+2 {
		t.Errorf("the history has %d changes (%v), want %d", len(all), err, 2*pairs+2)
	}
	if some, err := f.History(t.Context(), 70); err != nil || len(some) != 70 || some[69].Number != 2*pairs+2-69 {
		t.Errorf("got %d changes (%v), want the newest 70", len(some), err)
	}
	would, err := f.Prune(t.Context(), release.PruneConfig{Keep: 1, History: 2*pairs + 2, DryRun: true})
	if got := fmt.Sprint(would); err != nil || !strings.HasPrefix(got, "[{4 old ") || len(would) != 1 {
		t.Errorf("prune would delete %s (%v), want 4, which alone no change refers to", got, err)
	}
	if p, err := f.Rollback(t.Context(), release.PromoteConfig{}); err != nil || p.Version != 1 {
		t.Errorf("rolled back to %d (%v), want 1, which was stable before 2", p.Version, err)
	}
}

// To promote what somebody has made stable by hand is to record it; there is
// nothing in it that a rollback could go back to.
func TestRollbackPassesOverRecordings(t *testing.T) {
	f := newFixture(t)
	file := build(t, 100, "x")
	f.publish(file)
	f.publish(file)
	f.promote("1")
	f.promote("2")
	f.write("latest-stable.txt", []byte("VERSION=2\n"))
	if p := f.promote("2"); !p.Moved || p.From != 2 {
		t.Errorf("got %+v, want 2 recorded after 2", p)
	}
	if p, err := f.Rollback(t.Context(), release.PromoteConfig{}); err != nil || p.Version != 1 {
		t.Errorf("rolled back to %d (%v), want 1", p.Version, err)
	}
}

func TestStrayPointer(t *testing.T) {
	for name, test := range map[string]struct{ pointer, want string }{
		"another version":    {"VERSION=3\nCHANGE=2\n", "latest-stable of obelix names 3, but the history says 2: "},
		"without its change": {"VERSION=3\n", "latest-stable of obelix names 3, but the history does not say so: "},
		"an unknown change":  {"VERSION=2\nCHANGE=9\n", "latest-stable of obelix names 2, but the history does not say so: "},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			file := build(t, 100, "x")
			for range 3 {
				f.publish(file)
			}
			f.promote("1")
			f.promote("2")
			if err := f.CheckStable(t.Context()); err != nil {
				t.Fatal(err)
			}
			f.write("latest-stable.txt", []byte(test.pointer))
			stray := func(what string, err error) {
				t.Helper()
				var e *release.StrayError
				if !errors.As(err, &e) || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), "promote the version that is wanted") {
					t.Errorf("%s: got %v, want %q and what to do", what, err, test.want)
				}
			}
			stray("check", f.CheckStable(t.Context()))
			_, err := f.Rollback(t.Context(), release.PromoteConfig{})
			stray("rollback", err)
			_, err = f.History(t.Context(), 0)
			stray("history", err)

			f.promote("1")
			if err := f.CheckStable(t.Context()); err != nil {
				t.Errorf("after a promotion: %v", err)
			}
			if changes, err := f.History(t.Context(), 0); err != nil || len(changes) != 3 {
				t.Errorf("after a promotion: %v, %v; want all three changes", changes, err)
			}
		})
	}
}
