package archive_test

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"

	"github.com/tandem-iac/tandem/internal/check"
	"github.com/tandem-iac/tandem/internal/release/archive"
)

// write makes files below dir: name to content; a name that ends in ! is
// executable, one that ends in @ a symbolic link to the content.
func write(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, content := range files {
		p := filepath.Join(dir, strings.TrimRight(name, "!@"))
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		var err error
		switch {
		case strings.HasSuffix(name, "@"):
			err = os.Symlink(content, p)
		case strings.HasSuffix(name, "!"):
			err = os.WriteFile(p, []byte(content), 0o755)
		default:
			err = os.WriteFile(p, []byte(content), 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// run runs a command and returns what it prints.
func run(t *testing.T, dir string, args ...string) string {
	t.Helper()
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_CONFIG_SYSTEM="+os.DevNull,
		"GIT_AUTHOR_NAME=A", "GIT_AUTHOR_EMAIL=a@example.com", "GIT_COMMITTER_NAME=C", "GIT_COMMITTER_EMAIL=c@example.com",
		"GIT_AUTHOR_DATE=2026-02-03T04:05:06Z", "GIT_COMMITTER_DATE=2026-02-03T04:05:06Z")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

func commit(t *testing.T, dir string) {
	t.Helper()
	run(t, dir, "git", "init", "--quiet", "--initial-branch=release")
	run(t, dir, "git", "add", ".")
	run(t, dir, "git", "commit", "--quiet", "--message=test")
}

func build(t *testing.T, dir string, paths ...string) (string, archive.Result) {
	t.Helper()
	out := filepath.Join(t.TempDir(), "out.tar.gz")
	result, err := archive.Build(t.Context(), archive.BuildConfig{Dir: dir, Paths: paths, Output: out})
	if err != nil {
		t.Fatal(err)
	}
	return out, result
}

// names lists the archive with the machine's own tar, but for directories.
func names(t *testing.T, file string) []string {
	t.Helper()
	list := strings.Split(strings.TrimSpace(run(t, ".", "tar", "tzf", file)), "\n")
	return slices.DeleteFunc(list, func(n string) bool { return strings.HasSuffix(n, "/") })
}

func equal(t *testing.T, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("got\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}

var service = map[string]string{
	"obelix/index.php":      "<?php echo 1;",
	"obelix/bin/run!":       "#!/bin/sh\n",
	"obelix/current@":       "bin/run",
	"obelix/.gitignore":     "*.log\n/cache/\n!keep.log\n",
	"obelix/a.log":          "ignored",
	"obelix/keep.log":       "kept",
	"obelix/cache/x":        "ignored",
	"obelix/sub/cache/x":    "kept: the pattern has a leading slash",
	"obelix/sub/.gitignore": "secret\n",
	"obelix/sub/secret":     "ignored",
}

var serviceNames = []string{
	"RELEASE", "obelix/.gitignore", "obelix/bin/run", "obelix/current", "obelix/index.php",
	"obelix/keep.log", "obelix/sub/.gitignore", "obelix/sub/cache/x",
}

func TestBuildLeavesOutWhatGitIgnores(t *testing.T) {
	t.Run("in a work tree", func(t *testing.T) {
		dir := t.TempDir()
		write(t, dir, service)
		commit(t, filepath.Join(dir, "obelix"))
		file, result := build(t, dir, "obelix")
		equal(t, names(t, file), serviceNames)
		if result.Modified || result.Branch != "release" || result.Commit != strings.TrimSpace(run(t, filepath.Join(dir, "obelix"), "git", "rev-parse", "HEAD")) {
			t.Errorf("got %+v, want the commit that is checked out", result.Info)
		}
		if want := time.Date(2026, 2, 3, 4, 5, 6, 0, time.UTC); !result.BuiltAt.Equal(want) {
			t.Errorf("built at %s, want the commit's time %s", result.BuiltAt, want)
		}
	})
	t.Run("outside one", func(t *testing.T) {
		dir := t.TempDir()
		write(t, dir, service)
		file, result := build(t, dir, "obelix")
		equal(t, names(t, file), serviceNames)
		if result.Commit != "" || !result.BuiltAt.IsZero() {
			t.Errorf("got %+v, want no commit", result.Info)
		}
	})
	t.Run("unless it is named", func(t *testing.T) {
		dir := t.TempDir()
		write(t, dir, map[string]string{".gitignore": "dist\n", "dist/app.js": "1", "dist/lib/a.log": "2", "src/app.ts": "3"})
		commit(t, dir)
		file, _ := build(t, dir, "dist")
		equal(t, names(t, file), []string{"RELEASE", "dist/app.js", "dist/lib/a.log"})
	})
	t.Run("with submodules and repositories in it", func(t *testing.T) {
		dir, lib := t.TempDir(), t.TempDir()
		write(t, lib, map[string]string{"lib.php": "1", ".gitignore": "tmp\n"})
		commit(t, lib)
		write(t, dir, map[string]string{"app/index.php": "1"})
		commit(t, filepath.Join(dir, "app"))
		run(t, filepath.Join(dir, "app"), "git", "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", lib, "lib")
		write(t, dir, map[string]string{"app/lib/tmp/x": "ignored there", "app/tmp/x": "not here"})
		file, _ := build(t, dir, "app")
		equal(t, names(t, file), []string{"RELEASE", "app/.gitmodules", "app/index.php", "app/lib/.gitignore", "app/lib/lib.php", "app/tmp/x"})

		run(t, filepath.Join(dir, "app"), "git", "submodule", "--quiet", "deinit", "--force", "lib")
		_, err := archive.Build(t.Context(), archive.BuildConfig{Dir: dir, Paths: []string{"app"}, Output: filepath.Join(t.TempDir(), "o")})
		if err == nil || !strings.Contains(err.Error(), "submodule app/lib is not checked out") {
			t.Errorf("got %v, want that the submodule is not checked out", err)
		}
	})
}

func TestBuildIsReproducible(t *testing.T) {
	first, second := t.TempDir(), t.TempDir()
	content := map[string]string{"big": strings.Repeat("0123456789abcdef", 300_000)}
	for name, text := range service {
		content[name] = text
	}
	for _, dir := range []string{first, second} {
		write(t, dir, content)
		commit(t, dir)
	}
	// Neither times nor permissions nor the number of cores may matter.
	if err := os.Chtimes(filepath.Join(second, "obelix/index.php"), time.Now(), time.Unix(1, 0)); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Join(second, "obelix/index.php"), 0o644); err != nil {
		t.Fatal(err)
	}
	a, _ := build(t, first, ".")
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	b, result := build(t, second, ".")
	one, two := read(t, a), read(t, b)
	if !bytes.Equal(one, two) {
		t.Errorf("two builds of the same commit differ: %d and %d bytes", len(one), len(two))
	}
	if result.Size != int64(len(two)) || result.Files != 8 {
		t.Errorf("got %d files and %d bytes, want 8 and %d", result.Files, result.Size, len(two))
	}

	write(t, second, map[string]string{"new": "x"})
	c, result := build(t, second, ".")
	if bytes.Equal(two, read(t, c)) || !result.Modified {
		t.Errorf("a new file changed nothing: %+v", result.Info)
	}
}

func TestBuildSourceDateEpoch(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{"a": "1"})
	epoch := time.Unix(1700000000, 0)
	file := filepath.Join(dir, "out.tar.gz")
	cfg := archive.BuildConfig{Dir: dir, Paths: []string{"."}, Output: file, Epoch: &epoch, Branch: "hotfix"}
	for range 2 { // the second finds the first one's output among the files
		if _, err := archive.Build(t.Context(), cfg); err != nil {
			t.Fatal(err)
		}
	}
	equal(t, names(t, file), []string{"RELEASE", "a"})
	text := run(t, ".", "tar", "xzOf", file, "RELEASE")
	if !strings.Contains(text, "BUILT_AT=2023-11-14T22:13:20Z\n") || !strings.Contains(text, "GIT_BRANCH=hotfix\n") || !strings.HasPrefix(text, "VERSION=\n") {
		t.Errorf("RELEASE is\n%s", text)
	}
	listing := run(t, ".", "env", "TZ=UTC", "tar", "tvzf", file)
	if !strings.Contains(listing, "-rw-r--r-- root/root") || !strings.Contains(listing, "2023-11-14 22:13 a") {
		t.Errorf("tar lists\n%s", listing)
	}
}

// The SHA-256 of the tree can be had with the tools of any machine.
func TestTreeHash(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, service)
	file, result := build(t, dir, "obelix")
	sum := run(t, ".", "sh", "-c", "gunzip -c "+file+" | tail -c +1025 | sha256sum")
	if !strings.HasPrefix(sum, result.Tree) {
		t.Errorf("sha256sum says %s, RELEASE %s", sum, result.Tree)
	}
}

func TestBuildRefuses(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{
		"latin/caf\xe9": "1", "back/a\\b": "1", "special/a": "1", "special/.gitignore": "ignored\n",
		"out/link@": "../../etc/passwd", "absolute/link@": "/etc/passwd", "RELEASE": "VERSION=1", "empty/.gitignore": "*\n",
		"fine/a": "1",
	})
	if err := os.MkdirAll(filepath.Join(dir, "pipe"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(filepath.Join(dir, "pipe", "p"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"special/s", "special/ignored"} {
		if err := syscall.Mkfifo(filepath.Join(dir, name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for path, want := range map[string]string{
		"out":      `entry "out/link" is a link to "../../etc/passwd", which is out of the tree`,
		"absolute": `entry "absolute/link" is a link to "/etc/passwd", want a path relative to it`,
		"RELEASE":  "RELEASE is the name of the file that a build adds",
		"empty":    "nothing to pack",
		"pipe/p":   "pipe/p is a named pipe, want files",
		"special":  "special/s is a named pipe, want files",
		"latin":    `entry "latin/caf\xe9" has a name that is not UTF-8`,
		"back":     `entry "back/a\\b" has a name that no file should have`,
		"../x":     "not below the directory",
		"/etc":     "not below the directory",
		"missing":  "no such file or directory",
	} {
		output := filepath.Join(t.TempDir(), "out.tar.gz")
		_, err := archive.Build(t.Context(), archive.BuildConfig{Dir: dir, Paths: []string{path}, Output: output})
		var input check.InputError
		if !errors.As(err, &input) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want an InputError with %q", path, err, want)
		}
		if left, _ := os.ReadDir(filepath.Dir(output)); len(left) > 0 {
			t.Errorf("%s: it left %s behind", path, left[0].Name())
		}
	}
}

func TestBuildReplacesNothingButFiles(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{"src/a": "1", "file": "old", "link@": "file"})
	if err := syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for output, want := range map[string]string{
		dir + "/src":    dir + "/src is a directory, want the name of a file",
		dir + "/pipe":   dir + "/pipe is a named pipe, which an archive does not replace: name another file",
		dir + "/link":   dir + "/link is a symbolic link, which an archive does not replace: name another file",
		dir + "/file/x": dir + "/file/x cannot be written: " + dir + "/file is no directory",
		"/nosuch/x.tgz": "/nosuch/x.tgz cannot be written: /nosuch: no such file or directory",
		"-":             `the output is "-", want the name of a file: an archive is not written to standard output`,
	} {
		_, err := archive.Build(t.Context(), archive.BuildConfig{Dir: dir, Paths: []string{"src"}, Output: output})
		var input check.InputError
		if !errors.As(err, &input) || err.Error() != want {
			t.Errorf("%s: got %v, want an InputError %q", output, err, want)
		}
	}
	if after, _ := os.ReadDir(dir); len(after) != len(before) || string(read(t, filepath.Join(dir, "file"))) != "old" {
		t.Errorf("something was changed: %v", after)
	}
}

func TestBuildInterrupted(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{"a": strings.Repeat("x", 1<<20)})
	output := filepath.Join(t.TempDir(), "out.tar.gz")
	if err := os.WriteFile(output, []byte("old"), 0o644); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	_, err := archive.Build(ctx, archive.BuildConfig{Dir: dir, Paths: []string{"."}, Output: output, Progress: func(int64, int64) { cancel() }})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
	if left, _ := os.ReadDir(filepath.Dir(output)); len(left) != 1 || string(read(t, output)) != "old" {
		t.Errorf("the old archive is gone or something lies beside it: %v", left)
	}
}

func read(t *testing.T, file string) []byte {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// stamped is the archive as it is under a version.
func stamped(t *testing.T, file string, version int) []byte {
	t.Helper()
	f, err := archive.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	content, size, err := f.Stamp(version)
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(io.NewSectionReader(content, 0, size))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestStamp(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, service)
	file, result := build(t, dir, "obelix")
	data := stamped(t, file, 1234)
	info, err := archive.Inspect(t.Context(), bytes.NewReader(data), archive.Want{SHA256: sum(data), Version: 1234})
	if err != nil {
		t.Fatal(err)
	}
	want := result.Info
	want.Version = 1234
	if info != want {
		t.Errorf("got %+v, want %+v", info, want)
	}
}

func sum(data []byte) string {
	s := sha256.Sum256(data)
	return hex.EncodeToString(s[:])
}

// craft is an archive with entries of the test's choice behind a true RELEASE.
func craft(t *testing.T, entries ...tar.Header) []byte {
	t.Helper()
	var tree bytes.Buffer
	w := tar.NewWriter(&tree)
	for _, h := range entries {
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, strings.Repeat("x", int(h.Size))); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return seal(t, tree.Bytes())
}

// seal makes an archive of a tar stream.
func seal(t *testing.T, tree []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	out.Write(archive.InfoMember(t, archive.Info{Version: 1, Tree: sum(tree)}.String()))
	zip := gzip.NewWriter(&out)
	if _, err := zip.Write(tree); err != nil {
		t.Fatal(err)
	}
	if err := zip.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}
