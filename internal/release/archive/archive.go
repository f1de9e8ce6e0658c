// Package archive is the file format of a release: a reproducible tar.gz that
// says in its first entry what it holds, and that is checked as a whole
// before anything of it is unpacked.
//
//	gzip member 1, stored      RELEASE      VERSION, GIT_COMMIT, GIT_BRANCH, BUILT_AT, SHA256
//	gzip member 2, deflated    the tree     sorted, one time, one owner, modes 0755 and 0644
//
// Every gunzip and tar reads the two members as one archive. A build does not
// know its version, which is given out when it is published. Its VERSION is
// empty then, and publishing replaces member 1, a kilobyte, rather than
// compressing the tree again. SHA256 is that of member 2 uncompressed and so
// the same before and after; BUILT_AT is the commit's time rather than the
// clock's. Hence the same commit gives the same bytes wherever it is built
// with the same tandem, and so does publishing them under the same version.
package archive

import (
	"archive/tar"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"strconv"
	"strings"
	"time"
)

// InfoName is the name of an archive's first entry.
const InfoName = "RELEASE"

// maxInfo bounds member 1: one stored block of deflate.
const maxInfo = 1<<16 - 1

// Info is what RELEASE says.
type Info struct {
	// Version is the number that the archive was published under. Zero: it
	// has not been published.
	Version int
	// Commit is the commit it was built from. Empty: not from a repository.
	Commit string
	// Branch is the branch that was checked out. Empty: unknown.
	Branch string
	// BuiltAt is the commit's time, or SOURCE_DATE_EPOCH. Zero: neither is known.
	BuiltAt time.Time
	// Tree is the SHA-256, in hex, of the tar stream of the tree.
	Tree string
	// Modified says that the tree differed from the commit.
	Modified bool
}

// String is the content of RELEASE: KEY=value lines.
func (i Info) String() string {
	var b strings.Builder
	line := func(key, value string) { fmt.Fprintf(&b, "%s=%s\n", key, value) }
	version, builtAt := "", ""
	if i.Version > 0 {
		version = strconv.Itoa(i.Version)
	}
	if !i.BuiltAt.IsZero() {
		builtAt = i.BuiltAt.UTC().Format(time.RFC3339)
	}
	line("VERSION", version)
	line("GIT_COMMIT", i.Commit)
	line("GIT_BRANCH", i.Branch)
	line("BUILT_AT", builtAt)
	line("SHA256", i.Tree)
	if i.Modified {
		line("MODIFIED", "true")
	}
	return b.String()
}

// ParseLines reads KEY=value lines, the form of RELEASE and of pointers.
// Lines without a = and keys that nobody knows are left to whoever added them.
func ParseLines(text string) map[string]string {
	values := map[string]string{}
	for line := range strings.Lines(text) {
		if key, value, ok := strings.Cut(strings.TrimRight(line, "\r\n"), "="); ok {
			values[key] = value
		}
	}
	return values
}

// parseInfo reads the content of RELEASE.
func parseInfo(text string) (Info, error) {
	values := ParseLines(text)
	info := Info{
		Commit:   values["GIT_COMMIT"],
		Branch:   values["GIT_BRANCH"],
		Tree:     values["SHA256"],
		Modified: values["MODIFIED"] == "true",
	}
	var err error
	if v := values["VERSION"]; v != "" {
		if info.Version, err = strconv.Atoi(v); err != nil || info.Version < 1 {
			return Info{}, fmt.Errorf("%s: VERSION is %q, want a number from 1", InfoName, v)
		}
	}
	if v := values["BUILT_AT"]; v != "" {
		if info.BuiltAt, err = time.Parse(time.RFC3339, v); err != nil {
			return Info{}, fmt.Errorf("%s: BUILT_AT is %q, want a time such as 2026-01-31T12:00:00Z", InfoName, v)
		}
	}
	if len(info.Tree) != 64 || strings.Trim(info.Tree, "0123456789abcdef") != "" {
		return Info{}, fmt.Errorf("%s: SHA256 is %q, want 64 lower-case hex digits", InfoName, info.Tree)
	}
	return info, nil
}

// member is gzip member 1: RELEASE as a tar entry, stored, not compressed, so
// that its length depends on nothing but the lengths of the values.
func (i Info) member() ([]byte, error) {
	var entry bytes.Buffer
	text := i.String()
	w := tar.NewWriter(&entry)
	err := w.WriteHeader(&tar.Header{
		Typeflag: tar.TypeReg, Name: InfoName, Size: int64(len(text)), Mode: 0o644,
		ModTime: entryTime(i.BuiltAt), Uname: owner, Gname: owner,
	})
	if err == nil {
		_, err = io.WriteString(w, text)
	}
	// Flush pads the entry; Close would end the archive.
	if err = errors.Join(err, w.Flush()); err != nil {
		return nil, err
	}
	data := entry.Bytes()
	if len(data) > maxInfo {
		return nil, fmt.Errorf("%s takes %d bytes, want at most %d: shorten the branch name", InfoName, len(data), maxInfo)
	}
	// RFC 1952: magic, deflate, no flags, no time, no hints, unknown system;
	// RFC 1951: one final stored block; then CRC-32 and size.
	out := []byte{0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff, 1}
	out = binary.LittleEndian.AppendUint16(out, uint16(len(data)))
	out = binary.LittleEndian.AppendUint16(out, ^uint16(len(data)))
	out = append(out, data...)
	out = binary.LittleEndian.AppendUint32(out, crc32.ChecksumIEEE(data))
	out = binary.LittleEndian.AppendUint32(out, uint32(len(data)))
	return out, nil
}

// File is an archive on disk.
type File struct {
	Info Info
	file *os.File
	// head is the length of member 1, size that of the file.
	head, size int64
}

// Open reads what the archive at path says of itself; the caller closes the
// file. It checks nothing else: Inspect does.
func Open(path string) (*File, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	archive := &File{file: f}
	stat, err := f.Stat()
	switch {
	case err != nil:
	case stat.IsDir():
		err = ErrDirectory
	default:
		archive.size = stat.Size()
		archive.Info, archive.head, err = readInfo(f)
	}
	if err != nil {
		if !errors.Is(err, ErrDirectory) {
			path += ":"
		}
		return nil, errors.Join(fmt.Errorf("%s %w", path, err), f.Close())
	}
	return archive, nil
}

// Close closes the file.
func (f *File) Close() error { return f.file.Close() }

// Stamp is the archive as it is under a version: the same tree behind a
// RELEASE that says so. It reads from the file, which has to stay open.
func (f *File) Stamp(version int) (content io.ReaderAt, size int64, err error) {
	info := f.Info
	info.Version = version
	head, err := info.member()
	if err != nil {
		return nil, 0, err
	}
	tree := io.NewSectionReader(f.file, f.head, f.size-f.head)
	return spliced{head: head, tail: tree}, int64(len(head)) + tree.Size(), nil
}

// spliced reads head and then tail.
type spliced struct {
	head []byte
	tail io.ReaderAt
}

func (s spliced) ReadAt(p []byte, off int64) (n int, err error) {
	if off < int64(len(s.head)) {
		n = copy(p, s.head[off:])
		if n == len(p) {
			return n, nil
		}
	}
	m, err := s.tail.ReadAt(p[n:], off+int64(n)-int64(len(s.head)))
	return n + m, err
}

// ErrDirectory says that a directory was named where an archive is wanted.
var ErrDirectory = errors.New("is a directory, want an archive")

// errCutOff is an archive whose end is missing, or was read as something else.
var errCutOff = errors.New("it is cut off, or damaged before its end")

// errForeign is an archive without a RELEASE where it belongs.
var errForeign = errors.New("it was not built by 'tandem release build': it does not begin with " + InfoName)

// readInfo reads member 1 and returns its length too.
func readInfo(r io.Reader) (Info, int64, error) {
	prefix := make([]byte, 15)
	if _, err := io.ReadFull(r, prefix); err != nil {
		return Info{}, 0, errForeign
	}
	size := binary.LittleEndian.Uint16(prefix[11:])
	if !bytes.HasPrefix(prefix, []byte{0x1f, 0x8b, 8, 0}) || prefix[10] != 1 || ^size != binary.LittleEndian.Uint16(prefix[13:]) {
		return Info{}, 0, errForeign
	}
	rest := make([]byte, int(size)+8)
	if _, err := io.ReadFull(r, rest); err != nil {
		return Info{}, 0, errCutOff
	}
	data, trailer := rest[:size], rest[size:]
	if crc32.ChecksumIEEE(data) != binary.LittleEndian.Uint32(trailer) {
		return Info{}, 0, fmt.Errorf("%s is damaged: its checksum does not match", InfoName)
	}
	entry := tar.NewReader(bytes.NewReader(data))
	header, err := entry.Next()
	if err != nil || header.Name != InfoName || header.Typeflag != tar.TypeReg {
		return Info{}, 0, errForeign
	}
	text, err := io.ReadAll(entry)
	if err != nil {
		return Info{}, 0, errForeign
	}
	info, err := parseInfo(string(text))
	return info, int64(len(prefix) + len(rest)), err
}
