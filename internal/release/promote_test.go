package release_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/tandem-iac/tandem/internal/check"
	"github.com/tandem-iac/tandem/internal/mototest"
	"github.com/tandem-iac/tandem/internal/release"
)

func TestPromoteAndRollback(t *testing.T) {
	f := newFixture(t)
	file := build(t, 100, "x")
	for range 6 {
		f.publish(file)
	}
	rollback := func() (release.Promotion, error) { return f.Rollback(t.Context(), release.PromoteConfig{}) }
	if _, err := rollback(); err == nil || !strings.Contains(err.Error(), "no stable version of obelix before none") {
		t.Errorf("rollback of nothing: %v", err)
	}
	if p := f.promote("4"); !p.Moved || p.From != 0 || p.Version != 4 {
		t.Errorf("got %+v, want 4 after none", p)
	}
	if _, err := rollback(); err == nil || !strings.Contains(err.Error(), "no stable version of obelix before 4") {
		t.Errorf("rollback of the first: %v", err)
	}
	f.promote("5")
	if p := f.promote("latest"); p.Version != 6 || p.From != 5 {
		t.Errorf("got %+v, want 6 after 5", p)
	}
	if p := f.promote("6"); p.Moved {
		t.Errorf("promoting the stable version again moved it: %+v", p)
	}
	// Back from 6 to 5, and when that is bad too to 4, not to 6.
	for _, want := range []int{5, 4} {
		if p, err := rollback(); err != nil || p.Version != want {
			t.Errorf("rolled back to %d (%v), want %d", p.Version, err, want)
		}
	}
	if _, err := rollback(); err == nil {
		t.Error("there is nothing before 4 to go back to")
	}
	f.promote("3")
	if p, err := rollback(); err != nil || p.Version != 4 {
		t.Errorf("rolled back to %d (%v), want 4", p.Version, err)
	}
	changes, err := f.History(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, c := range changes {
		got = append(got, fmt.Sprintf("%d %s %d→%d", c.Number, c.Action, c.From, c.Version))
	}
	want := "7 rollback 3→4, 6 promote 4→3, 5 rollback 5→4, 4 rollback 6→5, 3 promote 5→6, 2 promote 4→5, 1 promote 0→4"
	if strings.Join(got, ", ") != want {
		t.Errorf("the history is\n%s\nwant\n%s", strings.Join(got, ", "), want)
	}
	if limited, err := f.History(t.Context(), 2); err != nil || len(limited) != 2 {
		t.Errorf("got %d changes (%v), want 2", len(limited), err)
	}
	if _, _, stable := f.audit(); stable != 4 {
		t.Errorf("%d is stable, want 4", stable)
	}
	if text := string(f.object("latest-stable.txt")); !strings.HasPrefix(text, "VERSION=4\nGIT_COMMIT=\n") || !strings.Contains(text, "\nSHA256=") {
		t.Errorf("latest-stable.txt is\n%s", text)
	}
}

func TestPromoteRefuses(t *testing.T) {
	f := newFixture(t)
	if _, err := f.Promote(t.Context(), release.PromoteConfig{Version: "latest"}); err == nil || !strings.Contains(err.Error(), "no version of obelix was ever published") {
		t.Errorf("promoting nothing: %v", err)
	}
	f.publish(build(t, 100, "x"))
	for _, version := range []string{"0", "-1", "one", "01", "1.0", "", "stable", "2", "99999999999999999999"} {
		_, err := f.Promote(t.Context(), release.PromoteConfig{Version: version})
		var input check.InputError
		if !errors.As(err, &input) || strings.Contains(err.Error(), "\n") {
			t.Errorf("version %q: got %v, want an InputError in one line", version, err)
		}
	}
	if _, _, stable := f.audit(); stable != 0 {
		t.Errorf("%d is stable", stable)
	}
}

func TestPromoteRefusesDamage(t *testing.T) {
	for name, test := range map[string]struct {
		damage func(f *fixture)
		want   string
	}{
		"tampered": {func(f *fixture) {
			data := f.object("obelix-2.tar.gz")
			data[len(data)-20] ^= 1
			f.write("obelix-2.tar.gz", data)
		}, "its SHA-256 is"},
		"truncated": {func(f *fixture) {
			data := f.object("obelix-2.tar.gz")
			f.write("obelix-2.tar.gz", data[:len(data)/2])
		}, "its SHA-256 is"},
		"missing": {func(f *fixture) { f.remove("obelix-2.tar.gz") }, "it is missing"},
		"another version's": {func(f *fixture) {
			f.write("obelix-2.tar.gz", f.object("obelix-1.tar.gz"))
		}, "its SHA-256 is"},
		"another version's with its manifest": {func(f *fixture) {
			f.write("obelix-2.tar.gz", f.object("obelix-1.tar.gz"))
			f.write("obelix-2.json", f.object("obelix-1.json"))
		}, "the manifest of obelix 2 is that of obelix 1"},
		"another artifact's manifest": {func(f *fixture) {
			f.write("obelix-2.json", bytes.Replace(f.object("obelix-2.json"), []byte(`"obelix"`), []byte(`"dogmatix"`), 1))
		}, "the manifest of obelix 2 is that of dogmatix 2"},
		"another version's with a manifest made to fit": {func(f *fixture) {
			var m release.Manifest
			if err := json.Unmarshal(f.object("obelix-1.json"), &m); err != nil {
				f.t.Fatal(err)
			}
			m.Version = 2
			data, err := json.Marshal(m)
			if err != nil {
				f.t.Fatal(err)
			}
			f.write("obelix-2.json", data)
			f.write("obelix-2.tar.gz", f.object("obelix-1.tar.gz"))
		}, "it is version 1, want 2"},
		"not a manifest": {func(f *fixture) { f.write("obelix-2.json", []byte("<html>")) }, "is not what tandem writes there"},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			f.publish(build(t, 100, "x"))
			f.publish(build(t, 100, "xx"))
			f.promote("1")
			test.damage(f)
			_, err := f.Promote(t.Context(), release.PromoteConfig{Version: "2"})
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
			if text := string(f.object("latest-stable.txt")); !strings.HasPrefix(text, "VERSION=1\n") {
				t.Errorf("latest-stable.txt is now\n%s", text)
			}
		})
	}
}

// Somebody promotes another version while this one is being read.
func TestPromoteMovedPointer(t *testing.T) {
	f := newFixture(t)
	file := build(t, 100, "x")
	for range 3 {
		f.publish(file)
	}
	f.promote("1")
	var once sync.Once
	proxy := mototest.NewProxy(t, f.url, func(_ int, r *http.Request) (fault mototest.Fault) {
		if strings.HasSuffix(r.URL.Path, "obelix-2.tar.gz") {
			once.Do(func() { fault.Before = func() { f.by("bob").promote("3") } })
		}
		return fault
	})
	_, err := f.through(proxy).Promote(t.Context(), release.PromoteConfig{Version: "2"})
	var moved *release.MovedError
	if !errors.As(err, &moved) || *moved != (release.MovedError{Artifact: "obelix", From: 1, Now: 3, Wanted: 2}) {
		t.Errorf("got %v, want that it moved from 1 to 3", err)
	}
	if _, _, stable := f.audit(); stable != 3 {
		t.Errorf("%d is stable, want bob's 3", stable)
	}
	changes, err := f.History(t.Context(), 0)
	if err != nil || len(changes) != 2 || changes[0].By != "bob" {
		t.Errorf("got %+v (%v), want bob's and the first", changes, err)
	}
	if p, err := f.Rollback(t.Context(), release.PromoteConfig{}); err != nil || p.Version != 1 {
		t.Errorf("rolled back to %d (%v), want 1: 2 was never stable", p.Version, err)
	}
}

// Of many promotions at once each either is in the history or was refused.
func TestConcurrentPromotions(t *testing.T) {
	const promoters = 8
	f := newFixture(t)
	file := build(t, 100, "x")
	for range promoters {
		f.publish(file)
	}
	proxy := mototest.NewProxy(t, f.url, nil)
	var done sync.Map
	var wg sync.WaitGroup
	for i := range promoters {
		g := f.through(proxy)
		wg.Go(func() {
			_, err := g.Promote(t.Context(), release.PromoteConfig{Version: fmt.Sprint(i + 1)})
			var moved *release.MovedError
			if err == nil {
				done.Store(i+1, true)
			} else if !errors.As(err, &moved) {
				t.Errorf("%d: %v", i+1, err)
			}
		})
	}
	wg.Wait()
	changes, err := f.History(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	_, _, stable := f.audit()
	if len(changes) == 0 || changes[0].Version != stable {
		t.Errorf("%d is stable, the history is %+v", stable, changes)
	}
	for _, c := range changes {
		if _, ok := done.LoadAndDelete(c.Version); !ok {
			t.Errorf("%d is in the history, but its promotion was refused", c.Version)
		}
	}
	done.Range(func(version, _ any) bool {
		t.Errorf("%d was promoted, but is not in the history", version)
		return true
	})
}

// The publisher of 2 died before it moved latest.
func TestLatestCatchesUp(t *testing.T) {
	file := build(t, 100, "x")
	for name, catchUp := range map[string]func(f *fixture){
		"promote": func(f *fixture) {
			if p := f.promote("latest"); p.Version != 2 {
				t.Errorf("promoted %d, want 2", p.Version)
			}
		},
		"prune": func(f *fixture) {
			if _, err := f.Prune(t.Context(), release.PruneConfig{}); err != nil {
				t.Error(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			f.publish(file)
			old := f.object("latest.txt")
			f.publish(file)
			f.write("latest.txt", old)
			catchUp(f)
			if _, latest, _ := f.audit(); latest != 2 {
				t.Errorf("latest is %d, want 2", latest)
			}
		})
	}
}

func TestPromotionInterrupted(t *testing.T) {
	for text, lost := range map[string]bool{"interrupted: latest-stable was not moved": false, "interrupted: latest-stable was moved, to 1": true} {
		f := newFixture(t)
		f.publish(build(t, 100, "x"))
		ctx, cancel := context.WithCancelCause(t.Context())
		proxy := mototest.NewProxy(t, f.url, func(_ int, r *http.Request) mototest.Fault {
			moving := r.Method == http.MethodPut && strings.HasSuffix(r.URL.Path, "latest-stable.txt")
			switch {
			case moving && lost:
				return mototest.Fault{After: func() { cancel(errors.New("interrupted")) }, DropAnswer: true}
			case strings.HasSuffix(r.URL.Path, "obelix-1.tar.gz"):
				if !lost {
					return mototest.Fault{Before: func() { cancel(errors.New("interrupted")) }, Drop: true}
				}
			}
			return mototest.Fault{}
		})
		if _, err := f.through(proxy).Promote(ctx, release.PromoteConfig{Version: "1"}); err == nil || err.Error() != text {
			t.Errorf("got %v, want %s", err, text)
		}
	}
}
