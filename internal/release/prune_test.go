package release_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/tandem-iac/tandem/internal/mototest"
	"github.com/tandem-iac/tandem/internal/release"
)

func TestPrune(t *testing.T) {
	f := newFixture(t)
	file := build(t, 100, "x")
	for range 12 {
		f.publish(file)
	}
	for _, version := range []string{"1", "2", "3", "4", "5"} {
		f.promote(version)
	}
	cfg := release.PruneConfig{Keep: 3, History: 2, DryRun: true}
	before := f.names()
	would, err := f.Prune(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	if after := f.names(); fmt.Sprint(after) != fmt.Sprint(before) {
		t.Errorf("a dry run changed %v to %v", before, after)
	}
	cfg.DryRun = false
	did, err := f.Prune(t.Context(), cfg)
	if err != nil || fmt.Sprint(did) != fmt.Sprint(would) {
		t.Errorf("pruned %v (%v), the dry run said %v", did, err, would)
	}
	// The last two changes are 3→4 and 4→5.
	complete, latest, stable := f.audit()
	if want := "map[3:true 4:true 5:true 10:true 11:true 12:true]"; fmt.Sprint(complete) != want || latest != 12 || stable != 5 {
		t.Errorf("left are %v, latest %d, stable %d; want %s, 12, 5", complete, latest, stable, want)
	}
	noLeftovers(t, f, complete)
	if p, err := f.Rollback(t.Context(), release.PromoteConfig{}); err != nil || p.Version != 4 {
		t.Errorf("rolled back to %d (%v), want 4", p.Version, err)
	}
	if m := f.publish(build(t, 100, "new")); m.Version != 13 {
		t.Errorf("the next version is %d, want 13", m.Version)
	}
	if _, err := f.Promote(t.Context(), release.PromoteConfig{Version: "1"}); err == nil || !strings.Contains(err.Error(), "or was pruned") {
		t.Errorf("promoting a pruned version: %v", err)
	}
}

// Prune and a promotion meet at the same version, one of them before each request
// of the other: either the version is stable and there, or the promotion is
// refused.
func TestPruneMeetsPromotion(t *testing.T) {
	var pruned, promoted error
	prune := func(f *fixture) { _, pruned = f.Prune(t.Context(), release.PruneConfig{Keep: 1, History: 1}) }
	promote := func(f *fixture) { _, promoted = f.Promote(t.Context(), release.PromoteConfig{Version: "1"}) }
	file := build(t, 100, "x")
	for _, test := range []struct {
		name            string
		slow, inBetween func(*fixture)
	}{{"prune in between", promote, prune}, {"promotion in between", prune, promote}} {
		t.Run(test.name, func(t *testing.T) {
			succeeded, refused := 0, 0
			for step := 1; ; step++ {
				f := newFixture(t)
				for range 2 {
					f.publish(file)
				}
				f.promote("2")
				reached := false
				proxy := mototest.NewProxy(t, f.url, func(n int, _ *http.Request) mototest.Fault {
					if n != step {
						return mototest.Fault{}
					}
					reached = true
					return mototest.Fault{Before: func() { test.inBetween(f) }}
				})
				pruned, promoted = nil, nil
				test.slow(f.through(proxy))
				if !reached {
					break // nothing was in between
				}
				complete, _, stable := f.audit()
				switch {
				case pruned != nil:
					t.Errorf("before request %d: %v", step, pruned)
				case promoted == nil && (stable != 1 || !complete[1]):
					t.Errorf("before request %d: promoted, but stable is %d of %v", step, stable, complete)
				case promoted != nil && stable != 2:
					t.Errorf("before request %d: %v, but stable is %d", step, promoted, stable)
				case promoted == nil:
					succeeded++
				default:
					refused++
				}
			}
			if succeeded < 2 || refused < 2 {
				t.Errorf("promoted %d times, refused %d times: want both outcomes", succeeded, refused)
			}
		})
	}
}

// Prune ends before each of its writes, as TestPublisherKilled does.
func TestPruneKilled(t *testing.T) {
	file := build(t, 100, "x")
	for step := 1; ; step++ {
		f := newFixture(t)
		for range 2 {
			f.publish(file)
		}
		f.promote("2")
		stopped := false
		writes := 0
		proxy := mototest.NewProxy(t, f.url, func(_ int, r *http.Request) mototest.Fault {
			if isWrite(r) {
				writes++
			}
			if writes < step {
				return mototest.Fault{}
			}
			stopped = true
			return mototest.Fault{Status: 403, Code: "AccessDenied"}
		})
		_, err := f.through(proxy).Prune(t.Context(), release.PruneConfig{Keep: 1, History: 1})
		f.audit()
		if !stopped {
			break
		}
		if err == nil {
			t.Errorf("prune stopped at write %d without an error", step)
		}
		if _, err := f.at(time.Now().Add(25*time.Hour)).Prune(t.Context(), release.PruneConfig{Keep: 1, History: 1}); err != nil {
			t.Fatal(err)
		}
		complete, latest, stable := f.audit()
		if len(complete) != 1 || latest != 2 || stable != 2 {
			t.Errorf("stopped at write %d: left are %v, latest %d, stable %d", step, complete, latest, stable)
		}
		noLeftovers(t, f, complete)
	}
}

// breakOff publishes an archive up to a part that S3 refuses.
func (f *fixture) breakOff(file, part string) {
	f.t.Helper()
	refuse := mototest.NewProxy(f.t, f.url, func(_ int, r *http.Request) mototest.Fault {
		if r.URL.Query().Get("partNumber") == part {
			return mototest.Fault{Status: 400, Code: "ExpiredToken"}
		}
		return mototest.Fault{}
	})
	_, err := f.through(refuse).Publish(f.t.Context(), release.PublishConfig{File: file, PartSize: partSize, Workers: 1})
	var unfinished *release.UnfinishedError
	if !errors.As(err, &unfinished) {
		f.t.Fatalf("got %v, want an UnfinishedError", err)
	}
}

// What a publisher that died has sent of its archive counts, and a dry run
// says the same as the prune after it.
func TestPruneCountsPartsOfUploads(t *testing.T) {
	f := newFixture(t)
	f.breakOff(build(t, 3*partSize, "in parts"), "3")
	later := f.at(time.Now().Add(25 * time.Hour))
	want := fmt.Sprint([]release.Pruned{{Version: 1, Reason: release.PrunedUnfinished, Size: 2 * partSize}})
	for _, dry := range []bool{true, false} {
		if got, err := later.Prune(t.Context(), release.PruneConfig{DryRun: dry}); err != nil || fmt.Sprint(got) != want {
			t.Errorf("dry run %t: pruned %v (%v), want %s", dry, got, err, want)
		}
	}
	if got, err := later.Prune(t.Context(), release.PruneConfig{}); err != nil || len(got) > 0 {
		t.Errorf("there was %v (%v) left", got, err)
	}
}

// An upload whose claim is gone is named rather than ended in silence.
func TestPruneNamesUploadsWithoutClaim(t *testing.T) {
	f := newFixture(t)
	f.breakOff(build(t, 2*partSize, "in parts"), "2")
	f.remove("claims/00000001.json")
	got, err := f.at(time.Now().Add(25*time.Hour)).Prune(t.Context(), release.PruneConfig{})
	want := fmt.Sprint([]release.Pruned{{Version: 1, Reason: release.PrunedLeftover, Size: partSize}})
	if err != nil || fmt.Sprint(got) != want {
		t.Errorf("pruned %v (%v), want %s", got, err, want)
	}
}
