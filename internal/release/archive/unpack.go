package archive

import (
	"archive/tar"
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/klauspost/compress/gzip"

	"github.com/tandem-iac/tandem/internal/check"
)

// InvalidError says that what was read is not the archive that is wanted, or
// not one to be unpacked. Other errors are those of reading and writing.
type InvalidError struct{ Err error }

func (e *InvalidError) Error() string { return e.Err.Error() }
func (e *InvalidError) Unwrap() error { return e.Err }

// Want is what an archive has to be.
type Want struct {
	// SHA256 of the whole file, in hex. Empty: any.
	SHA256 string
	// Version of the release. Zero: any.
	Version int
}

// Inspect reads a whole archive and writes nothing. It returns what the
// archive says of itself if it is what is wanted, is complete, holds the tree
// that it says and has no entry that Unpack would refuse; else the error is an
// *InvalidError, or that of r.
func Inspect(ctx context.Context, r io.Reader, want Want) (Info, error) {
	return inspect(ctx, r, want, func(*tar.Header, io.Reader) error { return nil })
}

func inspect(ctx context.Context, r io.Reader, want Want, visit func(*tar.Header, io.Reader) error) (Info, error) {
	source := &failing{r: WithContext(ctx, r)}
	whole := sha256.New()
	in := bufio.NewReaderSize(io.TeeReader(source, whole), 256<<10)
	var visited error
	info, err := readTree(in, func(h *tar.Header, content io.Reader) error {
		visited = visit(h, content)
		return visited
	})
	// A file that is not the wanted one is that first, whatever else is wrong.
	_, drained := io.Copy(io.Discard, in)
	sum := hex.EncodeToString(whole.Sum(nil))
	switch {
	case source.err != nil:
		return Info{}, source.err
	case drained != nil:
		return Info{}, drained
	case want.SHA256 != "" && sum != want.SHA256:
		return Info{}, &InvalidError{fmt.Errorf("its SHA-256 is %s, want %s: it is damaged or another file", sum, want.SHA256)}
	case visited != nil:
		return Info{}, visited
	case err != nil:
		return Info{}, &InvalidError{err}
	case want.Version != 0 && info.Version != want.Version:
		return Info{}, &InvalidError{fmt.Errorf("it is version %d, want %d", info.Version, want.Version)}
	}
	return info, nil
}

// failing remembers the error of its reader, to tell a fault of the network or
// the disk from one of what was read.
type failing struct {
	r   io.Reader
	err error
}

func (f *failing) Read(p []byte) (int, error) {
	n, err := f.r.Read(p)
	if err != nil && err != io.EOF {
		f.err = err
	}
	return n, err
}

func readTree(in *bufio.Reader, visit func(*tar.Header, io.Reader) error) (Info, error) {
	info, _, err := readInfo(in)
	if err != nil {
		return Info{}, err
	}
	zip, err := gzip.NewReader(in)
	if err != nil {
		return Info{}, damaged(in, err)
	}
	zip.Multistream(false)
	tree := sha256.New()
	stream := io.TeeReader(zip, tree)
	entries := tar.NewReader(stream)
	c := newChecker()
	for {
		header, err := entries.Next()
		if err == io.EOF {
			break
		} else if err != nil {
			return Info{}, damaged(in, err)
		}
		if err := c.check(header); err != nil {
			return Info{}, err
		}
		if err := visit(header, entries); err != nil {
			return Info{}, err
		}
	}
	// The end of a tar stream is padding, and the end of the file no more.
	if err := drain(stream, in); err != nil {
		return Info{}, err
	}
	if _, err := in.ReadByte(); err != io.EOF {
		return Info{}, errors.New("it is damaged: something follows its end")
	}
	if sum := hex.EncodeToString(tree.Sum(nil)); sum != info.Tree {
		return Info{}, fmt.Errorf("its tree has SHA-256 %s, %s says %s", sum, InfoName, info.Tree)
	}
	return info, nil
}

// damaged says how, from the error of a decoder and what it has left of the file.
func damaged(in *bufio.Reader, err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		if _, end := in.ReadByte(); end == io.EOF {
			return errCutOff
		}
	}
	return fmt.Errorf("it is damaged: %w", err)
}

// drain reads the padding behind the last entry, which is zeros: a second
// archive hidden there would be unpacked by tar --ignore-zeros.
func drain(r io.Reader, in *bufio.Reader) error {
	buf := make([]byte, 32<<10)
	for {
		n, err := r.Read(buf)
		for _, b := range buf[:n] {
			if b != 0 {
				return errors.New("it is damaged: something follows its last entry")
			}
		}
		if err == io.EOF {
			return nil
		} else if err != nil {
			return damaged(in, err)
		}
	}
}

// Unpack unpacks an archive into dir, which must not exist or be empty, after
// Inspect has found nothing wrong with it. A dir that cannot be is a
// check.InputError. If Unpack fails, dir is as it was.
// RELEASE is unpacked too. Permissions are those of the archive, without
// set-user-id and the like.
func Unpack(ctx context.Context, f io.ReadSeeker, dir string, want Want) (info Info, err error) {
	if info, err = Inspect(ctx, f, want); err != nil {
		return Info{}, err
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return Info{}, err
	}
	dir = filepath.Clean(dir)
	entries, err := os.ReadDir(dir)
	switch {
	case err == nil && len(entries) > 0:
		return Info{}, check.InputErrorf("%s is not empty", dir)
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return Info{}, check.InputError{Err: err}
	}
	temp, err := os.MkdirTemp(filepath.Dir(dir), "."+filepath.Base(dir)+"-*")
	if err != nil {
		return Info{}, check.InputError{Err: err}
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(temp))
		}
	}()
	if err := os.Chmod(temp, 0o755); err != nil {
		return Info{}, err
	}
	if err := extract(ctx, f, temp, want); err != nil {
		return Info{}, err
	}
	// Replaces dir where it is an empty directory.
	return info, os.Rename(temp, dir)
}

// extract checks everything once more: the file may have been changed since.
func extract(ctx context.Context, f io.Reader, dir string, want Want) (err error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, root.Close()) }()
	info, err := inspect(ctx, f, want, func(h *tar.Header, content io.Reader) error {
		return extractEntry(root, h, content)
	})
	if err != nil {
		return err
	}
	return root.WriteFile(InfoName, []byte(info.String()), 0o644)
}

func extractEntry(root *os.Root, h *tar.Header, content io.Reader) error {
	name := strings.TrimSuffix(h.Name, "/")
	if err := root.MkdirAll(path.Dir(name), 0o755); err != nil {
		return err
	}
	mode := fs.FileMode(h.Mode) & 0o777
	switch h.Typeflag {
	case tar.TypeDir:
		if err := root.MkdirAll(name, 0o755); err != nil {
			return err
		}
		return root.Chmod(name, mode|0o700)
	case tar.TypeSymlink:
		return root.Symlink(h.Linkname, name)
	case tar.TypeLink:
		return root.Link(h.Linkname, name)
	}
	out, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, content)
	// Chmod: the umask may have taken bits away.
	return errors.Join(err, out.Chmod(mode), out.Close())
}

// WithContext returns a reader of r that fails once ctx has ended.
func WithContext(ctx context.Context, r io.Reader) io.Reader { return contextReader{ctx, r} }

type contextReader struct {
	ctx context.Context
	r   io.Reader
}

func (c contextReader) Read(p []byte) (int, error) {
	if c.ctx.Err() != nil {
		return 0, context.Cause(c.ctx)
	}
	return c.r.Read(p)
}
