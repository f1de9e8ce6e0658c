package archive

import (
	"archive/tar"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/klauspost/pgzip"

	"github.com/tandem-iac/tandem/internal/check"
)

const (
	// owner owns every entry.
	owner = "root"
	// blockSize is what one core compresses at a time. It is part of the
	// format: another one gives other bytes.
	blockSize = 1 << 20
	// level is gzip's own default, as a trade of time for size.
	level = 6
)

// BuildConfig configures Build.
type BuildConfig struct {
	// Dir is the directory that Paths are relative to. Default: the current one.
	Dir string
	// Paths are the directories and files to pack, below Dir. Required.
	Paths []string
	// Output is the archive to write; an old one is replaced, and nothing but
	// a regular file is. Required.
	Output string
	// Branch overrides what the repository says. Empty: the repository's.
	Branch string
	// DetachedBranch is the branch where the repository has none checked out.
	// Empty: none is recorded.
	DetachedBranch string
	// Epoch overrides the commit's time: SOURCE_DATE_EPOCH
	// (https://reproducible-builds.org/specs/source-date-epoch/). Nil: unset.
	Epoch *time.Time
	// Progress is told how many bytes of the tree's files are packed, of how
	// many. Nil: nobody asks.
	Progress func(done, total int64)
}

// Result is what Build made.
type Result struct {
	Info
	// Files counts files and symbolic links.
	Files int
	// Unpacked and Size are the bytes of the tree's files and of the archive.
	Unpacked, Size int64
}

// Build packs what git keeps of the given paths: no .git, nothing ignored.
// A path named by itself is packed even if it is ignored. Paths or an output
// that cannot be are a check.InputError, and so is a tree that Unpack would
// refuse: see MaxEntries and MaxUnpacked. If Build fails, Output is as it was.
func Build(ctx context.Context, cfg BuildConfig) (Result, error) {
	if cfg.Dir == "" {
		cfg.Dir = "."
	}
	if cfg.Progress == nil {
		cfg.Progress = func(int64, int64) {}
	}
	if err := checkOutput(cfg.Output); err != nil {
		return Result{}, err
	}
	sources, err := collect(ctx, cfg.Dir, cfg.Paths, cfg.Output)
	if err != nil {
		return Result{}, err
	}
	info, err := describe(ctx, cfg)
	if err != nil {
		return Result{}, err
	}
	result := Result{Info: info}
	for _, s := range sources {
		if s.mode.IsDir() {
			continue
		}
		result.Files++
		if s.mode.IsRegular() {
			result.Unpacked += s.size
		}
	}
	return result, writeArchive(ctx, cfg, sources, &result)
}

// checkOutput refuses what a rename would destroy, such as a device, or could
// not reach.
func checkOutput(output string) error {
	if output == "" || output == "-" {
		return check.InputErrorf("the output is %q, want the name of a file: an archive is not written to standard output", output)
	}
	dir, err := os.Stat(filepath.Dir(output))
	switch {
	case err != nil:
		return check.InputErrorf("%s cannot be written: %s: %w", output, filepath.Dir(output), check.Cause(err))
	case !dir.IsDir():
		return check.InputErrorf("%s cannot be written: %s is no directory", output, filepath.Dir(output))
	}
	old, err := os.Lstat(output)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return check.InputErrorf("%s cannot be written: %w", output, check.Cause(err))
	case old.IsDir():
		return check.InputErrorf("%s is a directory, want the name of a file", output)
	case !old.Mode().IsRegular():
		return check.InputErrorf("%s is %s, which an archive does not replace: name another file", output, kind(old.Mode()))
	}
	return nil
}

// kind is what a file that is neither regular nor a directory is.
func kind(mode fs.FileMode) string {
	switch {
	case mode&fs.ModeSymlink != 0:
		return "a symbolic link"
	case mode&fs.ModeNamedPipe != 0:
		return "a named pipe"
	case mode&fs.ModeSocket != 0:
		return "a socket"
	case mode&fs.ModeDevice != 0:
		return "a device"
	}
	return "a special file"
}

// writeArchive writes a new file and puts it in the place of cfg.Output once
// it is whole. It adds the tree's hash and the archive's size to result.
func writeArchive(ctx context.Context, cfg BuildConfig, sources []source, result *Result) (err error) {
	out, err := os.CreateTemp(filepath.Dir(cfg.Output), "."+filepath.Base(cfg.Output)+"-*")
	if err != nil {
		return check.InputErrorf("%s cannot be written: %w", cfg.Output, check.Cause(err))
	}
	closed := false
	defer func() {
		if err != nil && !closed {
			err = errors.Join(err, out.Close())
		}
		if err != nil {
			err = errors.Join(err, os.Remove(out.Name()))
		}
	}()
	if err := writeMembers(ctx, cfg, sources, result, out); err != nil {
		return err
	}
	closed = true
	if err := errors.Join(out.Chmod(0o644), out.Sync(), out.Close()); err != nil {
		return fmt.Errorf("%s: %w", cfg.Output, check.Cause(err))
	}
	// Somebody may have put something else there meanwhile.
	if err := checkOutput(cfg.Output); err != nil {
		return err
	}
	if err := os.Rename(out.Name(), cfg.Output); err != nil {
		return fmt.Errorf("%s: %w", cfg.Output, check.Cause(err))
	}
	return nil
}

// writeMembers writes both gzip members. The tree's hash is known at the end
// only, but its length before: the first member gets its room and comes last.
func writeMembers(ctx context.Context, cfg BuildConfig, sources []source, result *Result, out *os.File) error {
	result.Tree = strings.Repeat("0", 2*sha256.Size)
	room, err := result.member()
	if err != nil {
		return err
	}
	if _, err := out.Seek(int64(len(room)), io.SeekStart); err != nil {
		return err
	}
	p := packer{dir: cfg.Dir, at: result.BuiltAt, progress: func(done int64) { cfg.Progress(done, result.Unpacked) }}
	if result.Tree, err = p.pack(ctx, out, sources); err != nil {
		return err
	}
	head, err := result.member()
	if err != nil {
		return err
	}
	if _, err := out.WriteAt(head, 0); err != nil {
		return err
	}
	stat, err := out.Stat()
	if err != nil {
		return err
	}
	result.Size = stat.Size()
	return nil
}

// packer writes gzip member 2.
type packer struct {
	dir      string
	at       time.Time
	progress func(done int64)
	done     int64
}

func (p *packer) pack(ctx context.Context, out io.Writer, sources []source) (tree string, err error) {
	zip, err := pgzip.NewWriterLevel(out, level)
	if err != nil {
		return "", err
	}
	if err := zip.SetConcurrency(blockSize, 2*runtime.GOMAXPROCS(0)); err != nil {
		return "", err
	}
	hash := sha256.New()
	w := tar.NewWriter(io.MultiWriter(hash, zip))
	buf := make([]byte, 256<<10)
	for _, s := range sources {
		if err := p.entry(ctx, w, s, buf); err != nil {
			return "", errors.Join(err, zip.Close())
		}
	}
	if err := errors.Join(w.Close(), zip.Close()); err != nil {
		return "", err
	}
	return hex.EncodeToString(hash.Sum(nil)), nil
}

// entryTime is the time of every entry. Web servers tell clients by it that a
// file has changed, so it is the build's rather than a constant.
func entryTime(builtAt time.Time) time.Time {
	if builtAt.IsZero() {
		return time.Unix(0, 0)
	}
	return builtAt
}

func (p *packer) entry(ctx context.Context, w *tar.Writer, s source, buf []byte) error {
	header := s.header()
	header.ModTime, header.Uname, header.Gname = entryTime(p.at), owner, owner
	if err := w.WriteHeader(header); err != nil {
		return fmt.Errorf("%s: %w", s.name, err)
	}
	if header.Typeflag != tar.TypeReg {
		return nil
	}
	return p.copyFile(ctx, w, s, buf)
}

func (p *packer) copyFile(ctx context.Context, w io.Writer, s source, buf []byte) (err error) {
	f, err := os.Open(filepath.Join(p.dir, filepath.FromSlash(s.name)))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	for left := s.size; ; {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		n, err := f.Read(buf)
		left -= int64(n)
		if left < 0 || (err == io.EOF && left > 0) {
			return fmt.Errorf("%s changed while it was being packed", s.name)
		}
		if _, err := w.Write(buf[:n]); err != nil {
			return err
		}
		p.done += int64(n)
		p.progress(p.done)
		if err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
	}
}
