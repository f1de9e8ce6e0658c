//go:build linux || darwin

package fastsynth

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/tandem-iac/tandem/internal/needs"
)

const testKey = "0123456789ab"

func testFiles() (map[string][]byte, error) {
	return map[string][]byte{"a.js": []byte("alpha"), "lib/b.js": []byte("beta"), "marker": nil}, nil
}

func TestOpenEntryRebuildsWhatIsNotWhole(t *testing.T) {
	const ofAnotherUser = "of another user"
	for _, tt := range []struct {
		name string
		harm func(dir string) error
	}{
		{"truncated file", func(dir string) error { return os.Truncate(filepath.Join(dir, "a.js"), 3) }},
		{"changed byte, same size and time", func(dir string) error {
			file := filepath.Join(dir, "lib/b.js")
			info, err := os.Stat(file)
			return errors.Join(err, os.WriteFile(file, []byte("bets"), 0o600), os.Chtimes(file, info.ModTime(), info.ModTime()))
		}},
		{"missing file", func(dir string) error { return os.Remove(filepath.Join(dir, "a.js")) }},
		{"missing manifest", func(dir string) error { return os.Remove(filepath.Join(dir, manifestFile)) }},
		{"shortened manifest", func(dir string) error { return os.Truncate(filepath.Join(dir, manifestFile), 30) }},
		{"manifest without its last line", func(dir string) error {
			file := filepath.Join(dir, manifestFile)
			data, err := os.ReadFile(file)
			return errors.Join(err, os.WriteFile(file, data[:bytes.LastIndexByte(data[:len(data)-1], '\n')+1], 0o600))
		}},
		{"empty manifest", func(dir string) error { return os.Truncate(filepath.Join(dir, manifestFile), 0) }},
		{"writable by others", func(dir string) error { return os.Chmod(dir, 0o777) }},
		{ofAnotherUser, func(dir string) error { return os.Chown(dir, 65534, 65534) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.name == ofAnotherUser {
				needs.Root(t)
			}
			root := t.TempDir()
			dir, unlock := open(t, root)
			if err := tt.harm(dir); err != nil {
				t.Fatal(err)
			}
			unlock()
			again, _ := open(t, root)
			if again == dir {
				t.Fatal("the damaged entry was used")
			}
			if err := verify(again); err != nil {
				t.Error(err)
			}
			if _, err := os.Stat(dir); err == nil {
				t.Error("the damaged entry is still there")
			}
		})
	}
}

func TestOpenEntryUsesAWholeOne(t *testing.T) {
	root := t.TempDir()
	dir, _ := open(t, root)
	again, _, err := openEntry(root, testKey, func() (map[string][]byte, error) { return nil, errors.New("built again") })
	if err != nil || again != dir {
		t.Errorf("got %s, %v; want %s", again, err, dir)
	}
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("mode %v, %v; want 0700", info.Mode(), err)
	}
}

func TestOpenEntryRefusesARootOfOthers(t *testing.T) {
	root := t.TempDir()
	if err := os.Chmod(root, 0o777); err != nil {
		t.Fatal(err)
	}
	if dir, _, err := openEntry(root, testKey, testFiles); err == nil {
		t.Errorf("used %s under a directory that anyone can write", dir)
	}
}

func TestOpenEntryLeavesNothingOfAFailedBuild(t *testing.T) {
	root := t.TempDir()
	_, _, err := openEntry(root, testKey, func() (map[string][]byte, error) {
		return map[string][]byte{"a.js": nil, "../escaped.js": nil}, nil
	})
	if err == nil {
		t.Error("a file was written outside of its entry")
	}
	if left := names(t, root); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestBuildRemovesOldEntriesButNoneInUse(t *testing.T) {
	root := t.TempDir()
	for i := range 6 { // entries of other versions, the first used last
		dir := filepath.Join(root, fmt.Sprintf("old%d.1", i))
		then := time.Now().Add(-time.Duration(i+1) * time.Hour)
		if err := errors.Join(os.Mkdir(dir, 0o700), os.Chtimes(dir, then, then)); err != nil {
			t.Fatal(err)
		}
	}
	for _, dir := range []string{"build-killed", "build-running"} {
		if err := os.Mkdir(filepath.Join(root, dir), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for _, dir := range []string{"old5.1", "build-running"} {
		unlock, err := lock(filepath.Join(root, dir), syscall.LOCK_SH)
		if err != nil {
			t.Fatal(err)
		}
		defer unlock()
	}
	dir, _ := open(t, root)
	got := names(t, root)
	want := map[string]bool{filepath.Base(dir): true, "old0.1": true, "old1.1": true, "old5.1": true, "build-running": true}
	if !maps.Equal(got, want) {
		t.Errorf("left %v, want %v", got, want)
	}
}

// open opens an entry of testFiles.
func open(t *testing.T, root string) (dir string, unlock func()) {
	t.Helper()
	dir, unlock, err := openEntry(root, testKey, testFiles)
	if err != nil {
		t.Fatal(err)
	}
	return dir, unlock
}

// names returns the names of the files in dir.
func names(t *testing.T, dir string) map[string]bool {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]bool{}
	for _, e := range entries {
		found[e.Name()] = true
	}
	return found
}
