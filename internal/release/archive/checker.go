package archive

import (
	"archive/tar"
	"fmt"
	"io/fs"
	"path"
	"strings"
	"unicode/utf8"
)

// The limits of an archive, which stop one that was made to fill a disk.
const (
	// MaxEntries bounds files, directories and links, RELEASE among them.
	MaxEntries = 1 << 20
	// MaxUnpacked bounds the files' bytes in all: 64 GiB.
	MaxUnpacked = 64 << 30
)

// UnsafeError is an archive entry that could do harm outside the directory
// that it is unpacked into.
type UnsafeError struct {
	// Name is the entry's name, Reason what is wrong with it.
	Name, Reason string
}

func (e *UnsafeError) Error() string { return fmt.Sprintf("entry %q %s", e.Name, e.Reason) }

// checker refuses entries that are unsafe alone or after those before them.
type checker struct {
	// kinds are the types of the entries so far, by clean name.
	kinds map[string]byte
	bytes int64
}

func newChecker() *checker { return &checker{kinds: map[string]byte{InfoName: tar.TypeReg}} }

func (c *checker) check(h *tar.Header) error {
	name := strings.TrimSuffix(h.Name, "/")
	for _, rule := range []func(name string, h *tar.Header) error{checkName, c.checkPlace, c.checkKind} {
		if err := rule(name, h); err != nil {
			return err
		}
	}
	// What has entries below it is a directory, listed or not.
	if _, known := c.kinds[name]; !known {
		for parent := path.Dir(name); parent != "."; parent = path.Dir(parent) {
			c.kinds[parent] = tar.TypeDir
		}
	}
	c.kinds[name] = h.Typeflag
	c.bytes += h.Size
	switch {
	case len(c.kinds) > MaxEntries:
		return refuse(h, "is one too many: want at most %d files, directories and links", MaxEntries)
	case c.bytes > MaxUnpacked:
		return refuse(h, "brings the files to %d bytes, want at most %d", c.bytes, int64(MaxUnpacked))
	}
	return nil
}

func refuse(h *tar.Header, format string, args ...any) error {
	return &UnsafeError{h.Name, fmt.Sprintf(format, args...)}
}

func checkName(name string, h *tar.Header) error {
	switch {
	case strings.HasPrefix(name, "/"):
		return refuse(h, "has an absolute name")
	case name == "" || strings.ContainsAny(name, "\x00\\"):
		return refuse(h, "has a name that no file should have")
	case !utf8.ValidString(name):
		return refuse(h, "has a name that is not UTF-8")
	case !fs.ValidPath(name) || name == ".":
		return refuse(h, "has a name with . or .. or // in it")
	}
	return nil
}

// checkPlace refuses an entry that another one is in the way of.
func (c *checker) checkPlace(name string, h *tar.Header) error {
	for parent := path.Dir(name); parent != "."; parent = path.Dir(parent) {
		if kind, known := c.kinds[parent]; known && kind != tar.TypeDir {
			return refuse(h, "lies below %s, which is no directory", parent)
		}
	}
	kind, known := c.kinds[name]
	if known && (kind != tar.TypeDir || h.Typeflag != tar.TypeDir) {
		return refuse(h, "comes twice")
	}
	return nil
}

func (c *checker) checkKind(name string, h *tar.Header) error {
	switch h.Typeflag {
	case tar.TypeReg, tar.TypeDir:
	case tar.TypeSymlink:
		if err := checkLink(name, h.Linkname); err != nil {
			return err
		}
	case tar.TypeLink:
		if c.kinds[h.Linkname] != tar.TypeReg || h.Linkname == InfoName {
			return refuse(h, "is a hard link to %q, which is no file before it", h.Linkname)
		}
	case tar.TypeChar, tar.TypeBlock, tar.TypeFifo:
		return refuse(h, "is a device or pipe")
	default:
		return refuse(h, "has type %q, want a file, directory or link", h.Typeflag)
	}
	return nil
}

// checkLink keeps a symbolic link within the tree. A target may climb only at
// its beginning: after another link's name, .. leads where that link points,
// and no look at names tells where that is.
func checkLink(name, target string) error {
	out := func(reason string) error {
		return &UnsafeError{name, fmt.Sprintf("is a link to %q, %s", target, reason)}
	}
	if target == "" || strings.HasPrefix(target, "/") || strings.ContainsAny(target, "\x00\\") {
		return out("want a path relative to it")
	}
	depth := strings.Count(name, "/")
	climbing := true
	for part := range strings.SplitSeq(target, "/") {
		switch {
		case part == "." || part == "":
		case part != "..":
			climbing = false
		case !climbing:
			return out("want .. only at its beginning")
		default:
			if depth--; depth < 0 {
				return out("which is out of the tree")
			}
		}
	}
	return nil
}
