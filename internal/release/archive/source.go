package archive

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/tandem-iac/tandem/internal/check"
	"github.com/tandem-iac/tandem/internal/git"
)

// source is a file, directory or symbolic link to be packed.
type source struct {
	// name is the slash-separated path in the archive.
	name string
	mode fs.FileMode
	size int64
	// target is where a symbolic link points.
	target string
}

// header is the entry of s, but for its time and owner.
func (s source) header() *tar.Header {
	switch {
	case s.mode.IsDir():
		return &tar.Header{Typeflag: tar.TypeDir, Name: s.name + "/", Mode: 0o755}
	case s.mode.Type() == fs.ModeSymlink:
		return &tar.Header{Typeflag: tar.TypeSymlink, Name: s.name, Linkname: s.target, Mode: 0o777}
	}
	h := &tar.Header{Typeflag: tar.TypeReg, Name: s.name, Size: s.size, Mode: 0o644}
	// As in git, executable or not is all there is: the rest is the umask's.
	if s.mode&0o100 != 0 {
		h.Mode = 0o755
	}
	return h
}

// collector gathers what is to be packed, each name once.
type collector struct {
	dir string
	// skip is the absolute path of the archive being written.
	skip    string
	sources map[string]source
}

// collect lists the sources under paths, sorted by name. Paths are relative
// to dir and stay below it.
func collect(ctx context.Context, dir string, paths []string, output string) ([]source, error) {
	skip, err := filepath.Abs(output)
	if err != nil {
		return nil, err
	}
	c := &collector{dir: dir, skip: skip, sources: map[string]source{}}
	for _, p := range paths {
		if !filepath.IsLocal(p) {
			return nil, check.InputErrorf("%s is not below the directory that builds start from: change there, or name it with --directory", p)
		}
		if err := c.addPath(ctx, filepath.Clean(p)); err != nil {
			return nil, err
		}
	}
	if len(c.sources) == 0 {
		return nil, check.InputErrorf("%s: nothing to pack: no files there, or all of them are ignored", strings.Join(paths, ", "))
	}
	list := make([]source, 0, len(c.sources))
	for _, s := range c.sources {
		list = append(list, s)
	}
	slices.SortFunc(list, func(a, b source) int { return strings.Compare(a.name, b.name) })
	// What Unpack would refuse must not be published.
	entries := newChecker()
	for _, s := range list {
		if err := entries.check(s.header()); err != nil {
			return nil, check.InputError{Err: err}
		}
	}
	return list, nil
}

func (c *collector) addPath(ctx context.Context, p string) error {
	info, err := os.Lstat(filepath.Join(c.dir, p))
	if err != nil {
		return check.InputErrorf("%s: %w", filepath.Join(c.dir, p), check.Cause(err))
	}
	if info.IsDir() {
		return c.addTree(ctx, p)
	}
	return c.add(p)
}

// addTree adds what git keeps of a directory, and of the submodules and other
// repositories in it, each by its own rules.
func (c *collector) addTree(ctx context.Context, p string) error {
	at := filepath.Join(c.dir, p)
	files, err := git.Dir(at).Files(ctx)
	if errors.Is(err, git.ErrMissing) {
		return check.InputError{Err: err}
	} else if err != nil {
		return fmt.Errorf("%s: %w", p, err)
	}
	for _, name := range files {
		full := filepath.Join(p, filepath.FromSlash(name))
		info, err := os.Lstat(filepath.Join(c.dir, full))
		switch {
		case errors.Is(err, fs.ErrNotExist):
			continue // tracked, and deleted from the work tree
		case err != nil:
			return err
		case !info.IsDir():
			err = c.add(full)
		default:
			if _, missing := os.Lstat(filepath.Join(c.dir, full, ".git")); missing != nil {
				return check.InputErrorf("submodule %s is not checked out: run 'git submodule update --init'", full)
			}
			err = c.addTree(ctx, full)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// add adds a file or symbolic link and the directories above it.
func (c *collector) add(p string) error {
	full := filepath.Join(c.dir, p)
	if absolute, err := filepath.Abs(full); err != nil || absolute == c.skip {
		return err
	}
	info, err := os.Lstat(full)
	if err != nil {
		return err
	}
	s := source{name: filepath.ToSlash(p), mode: info.Mode(), size: info.Size()}
	switch {
	case s.name == InfoName || strings.HasPrefix(s.name, InfoName+"/"):
		return check.InputErrorf("%s is the name of the file that a build adds: rename or remove the one that is there", InfoName)
	case s.mode.Type() == fs.ModeSymlink:
		if s.target, err = os.Readlink(full); err != nil {
			return err
		}
	case !s.mode.IsRegular():
		return check.InputErrorf("%s is %s, want files, directories and symbolic links: remove it, or let .gitignore name it", p, kind(s.mode))
	}
	c.sources[s.name] = s
	for parent := path.Dir(s.name); parent != "."; parent = path.Dir(parent) {
		if _, known := c.sources[parent]; known {
			break
		}
		c.sources[parent] = source{name: parent, mode: fs.ModeDir}
	}
	return nil
}

// describe fills in where the tree comes from: the commit of the first path's
// repository, and whether any path differs from its commit.
func describe(ctx context.Context, cfg BuildConfig) (Info, error) {
	info := Info{Branch: cfg.Branch}
	for i, p := range cfg.Paths {
		dir := filepath.Join(cfg.Dir, p)
		if stat, err := os.Lstat(dir); err != nil {
			return Info{}, check.InputError{Err: err}
		} else if !stat.IsDir() {
			dir = filepath.Dir(dir)
		}
		head, ok, err := git.Dir(dir).Head(ctx)
		if err != nil {
			return Info{}, fmt.Errorf("%s: %w", p, err)
		}
		if !ok {
			continue
		}
		if i == 0 {
			info.Commit, info.BuiltAt = head.Commit, head.Time
			if info.Branch == "" {
				info.Branch = head.Branch
			}
		}
		modified, err := differs(ctx, git.Dir(dir), cfg.Output)
		if err != nil {
			return Info{}, fmt.Errorf("%s: %w", p, err)
		}
		info.Modified = info.Modified || modified
	}
	if info.Branch == "" && info.Commit != "" {
		info.Branch = cfg.DetachedBranch
	}
	if strings.ContainsAny(info.Branch, "\r\n") {
		return Info{}, check.InputErrorf("the branch %q is not one line", info.Branch)
	}
	if cfg.Epoch != nil {
		info.BuiltAt = *cfg.Epoch
	}
	info.BuiltAt = info.BuiltAt.Truncate(time.Second)
	return info, nil
}

// differs reports whether anything but the archive itself has been changed
// since the commit.
func differs(ctx context.Context, dir git.Dir, output string) (bool, error) {
	paths, err := dir.Modified(ctx)
	if err != nil || len(paths) == 0 {
		return false, err
	}
	top, err := dir.Top(ctx)
	if err != nil {
		return false, err
	}
	for _, p := range paths {
		changed, err := os.Lstat(filepath.Join(top, p))
		if err != nil {
			return true, nil // deleted
		}
		if archive, err := os.Lstat(output); err != nil || !os.SameFile(changed, archive) {
			return true, nil
		}
	}
	return false, nil
}
