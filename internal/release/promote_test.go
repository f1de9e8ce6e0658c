package release_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tandem-iac/tandem/internal/check"
	"github.com/tandem-iac/tandem/internal/git"
	"github.com/tandem-iac/tandem/internal/mototest"
	"github.com/tandem-iac/tandem/internal/release"
	"github.com/tandem-iac/tandem/internal/release/archive"
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

// repository is a work tree with a bare remote, a second commit and no
// identity, as on a build server.
func repository(t *testing.T) (dir string, run func(args ...string) string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "work")
	t.Setenv("GIT_CONFIG_GLOBAL", os.DevNull)
	t.Setenv("GIT_CONFIG_SYSTEM", os.DevNull)
	run = func(args ...string) string {
		t.Helper()
		cmd := exec.Command("git", args...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "GIT_AUTHOR_NAME=A", "GIT_AUTHOR_EMAIL=a@example.com", "GIT_COMMITTER_NAME=A", "GIT_COMMITTER_EMAIL=a@example.com")
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
		}
		return strings.TrimSpace(string(out))
	}
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	run("init", "--quiet", "--initial-branch=main")
	run("init", "--quiet", "--bare", "../remote.git")
	run("remote", "add", "origin", "../remote.git")
	return dir, run
}

func TestPromoteMovesTheTag(t *testing.T) {
	f := newFixture(t)
	dir, run := repository(t)
	remote := func() string {
		return strings.ReplaceAll(run("ls-remote", "--tags", "origin", "stable^{}"), "\trefs/tags/stable^{}", "")
	}
	var commits []string
	for i := range 3 {
		if err := os.WriteFile(filepath.Join(dir, "index.php"), []byte(fmt.Sprint(i)), 0o644); err != nil {
			t.Fatal(err)
		}
		run("add", ".")
		run("commit", "--quiet", "--message=c")
		commits = append(commits, run("rev-parse", "HEAD"))
		file := filepath.Join(t.TempDir(), "a.tar.gz")
		if _, err := archive.Build(t.Context(), archive.BuildConfig{Dir: dir, Paths: []string{"."}, Output: file}); err != nil {
			t.Fatal(err)
		}
		if m := f.publish(file); m.Commit != commits[i] || m.Branch != "main" || m.Modified {
			t.Errorf("got %+v, want commit %s of main", m, commits[i])
		}
	}
	cfg := release.PromoteConfig{Version: "1", Repository: git.Dir(dir), Tag: &git.Tag{Name: "stable", Remote: "origin"}}
	if p, err := f.Promote(t.Context(), cfg); err != nil || *p.Tag != (release.TagMove{Name: "stable", Remote: "origin", Commit: commits[0]}) {
		t.Fatalf("got %+v, %v", p.Tag, err)
	}
	if got := remote(); got != commits[0] {
		t.Errorf("the remote's tag is at %s, want %s", got, commits[0])
	}
	if kind := run("cat-file", "-t", "stable"); kind != "tag" {
		t.Errorf("it is a %s, want an annotated tag", kind)
	}
	// The local tag does not matter, gone or old.
	run("tag", "--delete", "stable")
	cfg.Version = "2"
	if _, err := f.Promote(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	if got := remote(); got != commits[1] {
		t.Errorf("the remote's tag is at %s, want %s", got, commits[1])
	}
	if p, err := f.Rollback(t.Context(), cfg); err != nil || *p.Tag != (release.TagMove{Name: "stable", Remote: "origin", From: commits[1], Commit: commits[0]}) {
		t.Fatalf("got %+v, %v", p.Tag, err)
	}
	if got := remote(); got != commits[0] {
		t.Errorf("after the rollback the remote's tag is at %s, want %s", got, commits[0])
	}

	// A remote that refuses: stable moves, and promoting again moves the tag.
	hook := filepath.Join(dir, "../remote.git/hooks/update")
	if err := os.WriteFile(hook, []byte("#!/bin/sh\necho protected >&2\nexit 1\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	cfg.Version = "3"
	var tagged *release.TagError
	if p, err := f.Promote(t.Context(), cfg); !errors.As(err, &tagged) || !p.Moved {
		t.Errorf("got %+v, %v, want a TagError after the move", p, err)
	}
	if err := os.Remove(hook); err != nil {
		t.Fatal(err)
	}
	if p, err := f.Promote(t.Context(), cfg); err != nil || p.Moved || remote() != commits[2] {
		t.Errorf("got %+v, %v, tag at %s; want the tag at %s", p, err, remote(), commits[2])
	}

	// What cannot work is refused before anything moves.
	for name, broken := range map[string]release.PromoteConfig{
		"no such remote":   {Version: "1", Repository: git.Dir(dir), Tag: &git.Tag{Name: "stable", Remote: "nowhere"}},
		"no such commit":   {Version: "1", Repository: git.Dir(t.TempDir()), Tag: &git.Tag{Name: "stable", Remote: "origin"}},
		"not a tag's name": {Version: "1", Repository: git.Dir(dir), Tag: &git.Tag{Name: "a..b", Remote: "origin"}},
	} {
		if _, err := f.Promote(t.Context(), broken); err == nil || errors.As(err, &tagged) {
			t.Errorf("%s: got %v, want it refused", name, err)
		}
	}
	if _, _, stable := f.audit(); stable != 3 {
		t.Errorf("%d is stable, want 3", stable)
	}
}

func TestListAndShow(t *testing.T) {
	f := newFixture(t)
	if list, err := f.List(t.Context(), 0); err != nil || len(list) != 0 {
		t.Errorf("an empty ledger lists %v (%v)", list, err)
	}
	file := build(t, 100, "x")
	for range 12 {
		f.publish(file)
	}
	f.promote("10")
	f.write("obelix-13.tar.gz", []byte("being uploaded"))
	list, err := f.List(t.Context(), 4)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range list {
		got = append(got, fmt.Sprint(e.Version, e.Latest, e.Stable))
	}
	if want := "[12 true false 11 false false 10 false true 9 false false]"; fmt.Sprint(got) != want {
		t.Errorf("got %v, want %s", got, want)
	}
	for which, want := range map[string]int{"latest": 12, "stable": 10, "latest-stable": 10, "3": 3} {
		if e, err := f.Show(t.Context(), which); err != nil || e.Version != want || e.Builder != "alice" {
			t.Errorf("%s: got %+v (%v), want version %d of alice", which, e, err, want)
		}
	}
	if _, err := f.Show(t.Context(), "13"); err == nil || !strings.Contains(err.Error(), "version 13 of obelix was never published for prod, or was pruned; the latest is 12") {
		t.Errorf("an incomplete version: %v", err)
	}
}

func TestListShowsDamage(t *testing.T) {
	f := newFixture(t)
	file := build(t, 100, "x")
	for range 3 {
		f.publish(file)
	}
	f.write("obelix-2.json", []byte("{"))
	list, err := f.List(t.Context(), 0)
	if err != nil || len(list) != 3 {
		t.Fatalf("got %v (%v), want three", list, err)
	}
	for i, damaged := range []bool{false, true, false} {
		if e := list[i]; e.Version != 3-i || damaged != strings.Contains(e.Damage, "obelix-2.json is not what tandem writes there") {
			t.Errorf("got %+v, want damage only in version 2", e)
		}
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

// Prune and a promotion meet at the same version in every order of their
// requests: either it is stable and there, or the promotion is refused.
func TestPruneMeetsPromotion(t *testing.T) {
	promoted, refused := 0, 0
	file := build(t, 100, "x")
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
			return mototest.Fault{Before: func() {
				if _, err := f.Prune(t.Context(), release.PruneConfig{Keep: 1, History: 1}); err != nil {
					t.Errorf("prune before request %d: %v", step, err)
				}
			}}
		})
		_, err := f.through(proxy).Promote(t.Context(), release.PromoteConfig{Version: "1"})
		complete, _, stable := f.audit()
		switch {
		case err == nil && (stable != 1 || !complete[1]):
			t.Errorf("prune before request %d: promoted, but stable is %d of %v", step, stable, complete)
		case err != nil && stable != 2:
			t.Errorf("prune before request %d: %v, but stable is %d", step, err, stable)
		case err == nil:
			promoted++
		default:
			refused++
		}
		if !reached {
			break
		}
	}
	if promoted < 2 || refused < 2 {
		t.Errorf("promoted %d times, refused %d times: want both outcomes", promoted, refused)
	}
}

// The other way round: the promotion happens between prune's requests.
func TestPromotionMeetsPrune(t *testing.T) {
	promoted, refused := 0, 0
	file := build(t, 100, "x")
	for step := 1; ; step++ {
		f := newFixture(t)
		for range 2 {
			f.publish(file)
		}
		f.promote("2")
		reached := false
		var promotion error
		proxy := mototest.NewProxy(t, f.url, func(n int, _ *http.Request) mototest.Fault {
			if n != step {
				return mototest.Fault{}
			}
			reached = true
			return mototest.Fault{Before: func() {
				_, promotion = f.Promote(t.Context(), release.PromoteConfig{Version: "1"})
			}}
		})
		if _, err := f.through(proxy).Prune(t.Context(), release.PruneConfig{Keep: 1, History: 1}); err != nil {
			t.Fatal(err)
		}
		if !reached {
			break
		}
		complete, _, stable := f.audit()
		switch {
		case promotion == nil && (stable != 1 || !complete[1]):
			t.Errorf("promotion before request %d of prune: stable is %d of %v", step, stable, complete)
		case promotion == nil:
			promoted++
		default:
			refused++
		}
	}
	if promoted < 2 || refused < 2 {
		t.Errorf("promoted %d times, refused %d times: want both outcomes", promoted, refused)
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
