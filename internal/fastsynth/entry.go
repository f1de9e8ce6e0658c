//go:build linux || darwin

package fastsynth

import (
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	// keptEntries is how many entries, the newest used, outlive a build.
	keptEntries = 3
	// buildPrefix marks an entry that is not whole yet, or no longer.
	buildPrefix = "build-"
	// manifestFile lists the checksum and path of every other file of an entry,
	// after a line with the checksum of the list.
	manifestFile = "manifest"
)

// openEntry returns the directory of the entry for key under root. If there is
// none that is whole, it makes one of the files, by slash-separated path, that
// content returns. The entry is locked against removal until unlock is called
// or the process ends.
func openEntry(root, key string, content func() (map[string][]byte, error)) (dir string, unlock func(), err error) {
	if err := os.MkdirAll(root, 0o700); err != nil {
		return "", nil, err
	}
	if err := checkOwner(os.Lstat(root)); err != nil {
		return "", nil, fmt.Errorf("%s: %w", root, err)
	}
	// A name is the key and something random, so that nothing is ever put in
	// the place of an entry that another process may be reading.
	entries, err := os.ReadDir(root)
	if err != nil {
		return "", nil, err
	}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), key+".") {
			continue
		}
		dir := filepath.Join(root, e.Name())
		unlock, err := lock(dir, syscall.LOCK_SH)
		if err != nil {
			continue // being removed
		}
		if err := verify(dir); err == nil {
			return dir, unlock, nil
		}
		unlock()
		remove(dir)
	}
	files, err := content()
	if err != nil {
		return "", nil, err
	}
	return build(root, key, files)
}

// build writes an entry under root, in one step for every observer, and removes
// old ones. If it fails it leaves nothing behind.
func build(root, key string, files map[string][]byte) (dir string, unlock func(), err error) {
	temp, err := os.MkdirTemp(root, buildPrefix)
	if err != nil {
		return "", nil, err
	}
	if unlock, err = lock(temp, syscall.LOCK_SH); err != nil {
		return "", nil, err
	}
	dir = filepath.Join(root, key+"."+strings.TrimPrefix(filepath.Base(temp), buildPrefix))
	if err = writeFiles(temp, files); err == nil {
		err = os.Rename(temp, dir)
	}
	if err != nil {
		os.RemoveAll(temp)
		unlock()
		return "", nil, err
	}
	prune(root)
	return dir, unlock, nil
}

// writeFiles writes files and their manifest under dir.
func writeFiles(dir string, files map[string][]byte) error {
	var list bytes.Buffer
	for _, name := range slices.Sorted(maps.Keys(files)) {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if !filepath.IsLocal(name) {
			return fmt.Errorf("%q leads out of its package", name)
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return err
		}
		if err := os.WriteFile(path, files[name], 0o600); err != nil {
			return err
		}
		fmt.Fprintf(&list, "%s %s\n", checksum(files[name]), name)
	}
	manifest := append([]byte(checksum(list.Bytes())+"\n"), list.Bytes()...)
	return os.WriteFile(filepath.Join(dir, manifestFile), manifest, 0o600)
}

// verify reads all of the entry in dir and returns an error unless every file
// is as it was written, by this user, and this user alone can write it. It also
// marks the entry as used now, which the kernel is about to do to its packages.
func verify(dir string) error {
	if err := checkOwner(os.Lstat(dir)); err != nil {
		return err
	}
	manifest, err := os.ReadFile(filepath.Join(dir, manifestFile))
	if err != nil {
		return err
	}
	sum, list, _ := strings.Cut(string(manifest), "\n")
	if sum != checksum([]byte(list)) {
		return errors.New("the manifest is damaged")
	}
	lines := strings.Split(strings.TrimSuffix(list, "\n"), "\n")
	errs := make([]error, runtime.GOMAXPROCS(0))
	var workers sync.WaitGroup
	for w := range errs {
		workers.Go(func() {
			for i := w; i < len(lines) && errs[w] == nil; i += len(errs) {
				sum, name, _ := strings.Cut(lines[i], " ")
				errs[w] = verifyFile(filepath.Join(dir, name), sum)
			}
		})
	}
	workers.Wait()
	now := time.Now()
	return errors.Join(append(errs, os.Chtimes(dir, now, now))...)
}

func verifyFile(path, sum string) error {
	data, err := os.ReadFile(path)
	if err == nil && checksum(data) != sum {
		err = fmt.Errorf("%s is damaged", path)
	}
	return err
}

// checksum detects damage, not malice: nobody else can write here.
func checksum(data []byte) string {
	return fmt.Sprintf("%08x", crc32.Checksum(data, castagnoli))
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// checkOwner returns an error unless info is of a directory that this user, and
// no other, can write.
func checkOwner(info os.FileInfo, err error) error {
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return errors.New("not a directory")
	}
	if uid := info.Sys().(*syscall.Stat_t).Uid; int(uid) != os.Geteuid() {
		return fmt.Errorf("belongs to user %d", uid)
	}
	if info.Mode().Perm()&0o022 != 0 {
		return fmt.Errorf("can be written by others (%v)", info.Mode().Perm())
	}
	return nil
}

// lock locks the directory dir, as how says, and does not wait. The lock ends
// with unlock or with the process, however that ends. Where the file system
// knows no locks, nothing is locked and, since that takes one, nothing removed.
func lock(dir string, how int) (unlock func(), err error) {
	fd, err := syscall.Open(dir, syscall.O_RDONLY|syscall.O_DIRECTORY|syscall.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	err = syscall.Flock(fd, how|syscall.LOCK_NB)
	if how == syscall.LOCK_SH && !errors.Is(err, syscall.EWOULDBLOCK) {
		err = nil
	}
	if err != nil {
		syscall.Close(fd)
		return nil, err
	}
	return func() { syscall.Close(fd) }, nil
}

// prune removes the entries that were not used for longest, and what killed
// builds left behind. What it cannot remove waits for the next build.
func prune(root string) {
	dirs, err := os.ReadDir(root)
	if err != nil {
		return
	}
	used := map[string]time.Time{} // by name; zero for what never was an entry
	for _, d := range dirs {
		if info, err := d.Info(); err == nil && !strings.HasPrefix(d.Name(), buildPrefix) {
			used[d.Name()] = info.ModTime()
		}
	}
	slices.SortFunc(dirs, func(a, b os.DirEntry) int { return used[b.Name()].Compare(used[a.Name()]) })
	for i, d := range dirs {
		if i >= keptEntries || used[d.Name()].IsZero() {
			remove(filepath.Join(root, d.Name()))
		}
	}
}

// remove removes an entry that no process uses. It is renamed first, so that it
// cannot be taken for a whole one if this is interrupted.
func remove(dir string) {
	unlock, err := lock(dir, syscall.LOCK_EX)
	if err != nil {
		return
	}
	defer unlock()
	gone := filepath.Join(filepath.Dir(dir), buildPrefix+filepath.Base(dir))
	if os.Rename(dir, gone) == nil {
		os.RemoveAll(gone)
	}
}
