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
	"unicode/utf8"

	"github.com/klauspost/compress/gzip"

	"github.com/tandem-iac/tandem/internal/check"
)

const (
	// maxEntries and maxUnpacked stop an archive that was made to fill a disk.
	maxEntries  = 1 << 20
	maxUnpacked = 64 << 30
)

// UnsafeError is an archive entry that could do harm outside the directory
// that it is unpacked into.
type UnsafeError struct {
	// Name is the entry's name, Reason what is wrong with it.
	Name, Reason string
}

func (e *UnsafeError) Error() string { return fmt.Sprintf("entry %q %s", e.Name, e.Reason) }

// Want is what an archive has to be.
type Want struct {
	// SHA256 of the whole file, in hex. Empty: any.
	SHA256 string
	// Version of the release. Zero: any.
	Version int
}

// Inspect reads a whole archive and writes nothing. It returns what the
// archive says of itself if it is what is wanted, is complete, holds the tree
// that it says and has no entry that Unpack would refuse.
func Inspect(ctx context.Context, r io.Reader, want Want) (Info, error) {
	return inspect(ctx, r, want, func(*tar.Header, io.Reader) error { return nil })
}

func inspect(ctx context.Context, r io.Reader, want Want, visit func(*tar.Header, io.Reader) error) (Info, error) {
	whole := sha256.New()
	in := bufio.NewReaderSize(io.TeeReader(WithContext(ctx, r), whole), 256<<10)
	info, err := readTree(in, visit)
	// A file that is not the wanted one is that first, whatever else is wrong.
	if _, drained := io.Copy(io.Discard, in); drained != nil {
		return Info{}, drained
	}
	if sum := hex.EncodeToString(whole.Sum(nil)); want.SHA256 != "" && sum != want.SHA256 {
		return Info{}, fmt.Errorf("its SHA-256 is %s, want %s: it is damaged or another file", sum, want.SHA256)
	}
	if err == nil && want.Version != 0 && info.Version != want.Version {
		err = fmt.Errorf("it is version %d, want %d", info.Version, want.Version)
	}
	return info, err
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

// checker refuses entries that are unsafe alone or after those before them.
type checker struct {
	// kinds are the types of the entries so far, by clean name.
	kinds map[string]byte
	bytes int64
}

func newChecker() *checker { return &checker{kinds: map[string]byte{InfoName: tar.TypeReg}} }

func (c *checker) check(h *tar.Header) error {
	refuse := func(format string, args ...any) error {
		return &UnsafeError{h.Name, fmt.Sprintf(format, args...)}
	}
	name := strings.TrimSuffix(h.Name, "/")
	switch {
	case strings.HasPrefix(name, "/"):
		return refuse("has an absolute name")
	case name == "" || strings.ContainsAny(name, "\x00\\"):
		return refuse("has a name that no file should have")
	case !utf8.ValidString(name):
		return refuse("has a name that is not UTF-8")
	case !fs.ValidPath(name) || name == ".":
		return refuse("has a name with . or .. or // in it")
	}
	for parent := path.Dir(name); parent != "."; parent = path.Dir(parent) {
		if kind, known := c.kinds[parent]; known && kind != tar.TypeDir {
			return refuse("lies below %s, which is no directory", parent)
		}
	}
	kind, known := c.kinds[name]
	if known && (kind != tar.TypeDir || h.Typeflag != tar.TypeDir) {
		return refuse("comes twice")
	}
	switch h.Typeflag {
	case tar.TypeReg, tar.TypeDir:
	case tar.TypeSymlink:
		if err := checkLink(name, h.Linkname); err != nil {
			return err
		}
	case tar.TypeLink:
		if c.kinds[h.Linkname] != tar.TypeReg || h.Linkname == InfoName {
			return refuse("is a hard link to %q, which is no file before it", h.Linkname)
		}
	case tar.TypeChar, tar.TypeBlock, tar.TypeFifo:
		return refuse("is a device or pipe")
	default:
		return refuse("has type %q, want a file, directory or link", h.Typeflag)
	}
	c.kinds[name] = h.Typeflag
	if !known {
		// What has entries below it is a directory, listed or not.
		for parent := path.Dir(name); parent != "."; parent = path.Dir(parent) {
			c.kinds[parent] = tar.TypeDir
		}
	}
	c.bytes += h.Size
	if len(c.kinds) > maxEntries || c.bytes > maxUnpacked {
		return refuse("is beyond %d entries or %d bytes", maxEntries, int64(maxUnpacked))
	}
	return nil
}

// checkLink keeps a symbolic link within the tree. A target may climb only at
// its beginning: after another link's name, .. leads where that link points,
// and no look at names tells where that is.
func checkLink(name, target string) error {
	refuse := func(reason string) error {
		return &UnsafeError{name, fmt.Sprintf("is a link to %q, %s", target, reason)}
	}
	if target == "" || strings.HasPrefix(target, "/") || strings.ContainsAny(target, "\x00\\") {
		return refuse("want a path relative to it")
	}
	depth := strings.Count(name, "/")
	climbing := true
	for part := range strings.SplitSeq(target, "/") {
		switch {
		case part == "." || part == "":
		case part != "..":
			climbing = false
		case !climbing:
			return refuse("want .. only at its beginning")
		default:
			if depth--; depth < 0 {
				return refuse("which is out of the tree")
			}
		}
	}
	return nil
}

// Unpack unpacks an archive into dir, which must not exist or be empty, after
// Inspect has found nothing wrong with it. If it fails, dir is as it was.
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
