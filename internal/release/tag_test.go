package release_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tandem-iac/tandem/internal/git"
	"github.com/tandem-iac/tandem/internal/release"
	"github.com/tandem-iac/tandem/internal/release/archive"
)

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
