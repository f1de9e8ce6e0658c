package archive_test

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/tandem-iac/tandem/internal/release/archive"
)

func TestUnpack(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, service)
	file, _ := build(t, dir, "obelix")
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	target := filepath.Join(t.TempDir(), "srv")
	if _, err := archive.Unpack(t.Context(), f, target, archive.Want{SHA256: sum(read(t, file))}); err != nil {
		t.Fatal(err)
	}
	// The machine's own tar unpacks the same.
	other := t.TempDir()
	run(t, other, "tar", "xzf", file)
	run(t, ".", "diff", "--recursive", "--no-dereference", target, other)
	for name, want := range map[string]fs.FileMode{"obelix": 0o755, "obelix/bin/run": 0o755, "obelix/index.php": 0o644, "RELEASE": 0o644} {
		if info, err := os.Stat(filepath.Join(target, name)); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: got %v %v, want %v", name, info.Mode(), err, want)
		}
	}
	if link, err := os.Readlink(filepath.Join(target, "obelix/current")); err != nil || link != "bin/run" {
		t.Errorf("current is a link to %q (%v), want bin/run", link, err)
	}
	// Never over something that is there.
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		t.Fatal(err)
	}
	_, err = archive.Unpack(t.Context(), f, target, archive.Want{})
	if err == nil || !strings.Contains(err.Error(), "is not empty") {
		t.Errorf("got %v, want that the directory is not empty", err)
	}
}

// refused unpacks data and returns the error; there has to be one, and nothing
// may have been written.
func refused(t *testing.T, data []byte, want archive.Want) error {
	t.Helper()
	parent := t.TempDir()
	_, err := archive.Unpack(t.Context(), bytes.NewReader(data), filepath.Join(parent, "a", "..", "srv"), want)
	if err == nil {
		t.Error("it was unpacked")
		return errors.New("none")
	}
	if left, _ := os.ReadDir(parent); len(left) > 0 {
		t.Errorf("%s was written before %v", left[0].Name(), err)
	}
	return err
}

func TestUnpackRefusesUnsafeEntries(t *testing.T) {
	file := func(name string) tar.Header {
		return tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644, Size: 3}
	}
	link := func(name, target string) tar.Header {
		return tar.Header{Typeflag: tar.TypeSymlink, Name: name, Linkname: target, Mode: 0o777}
	}
	hard := func(name, target string) tar.Header {
		return tar.Header{Typeflag: tar.TypeLink, Name: name, Linkname: target, Mode: 0o644}
	}
	for name, test := range map[string]struct {
		entries []tar.Header
		want    string
	}{
		"parent":                {[]tar.Header{file("../evil")}, "has a name with"},
		"parent inside":         {[]tar.Header{file("a/../../evil")}, "has a name with"},
		"only dots":             {[]tar.Header{file("..")}, "has a name with"},
		"absolute":              {[]tar.Header{file("/etc/cron.d/evil")}, "has an absolute name"},
		"backslash":             {[]tar.Header{file(`a\b`)}, "no file should have"},
		"not UTF-8":             {[]tar.Header{file("caf\xe9")}, "not UTF-8"},
		"double slash":          {[]tar.Header{file("a//b")}, "has a name with"},
		"link out":              {[]tar.Header{link("a/link", "../../etc")}, "out of the tree"},
		"absolute link":         {[]tar.Header{link("link", "/etc")}, "relative"},
		"link that climbs late": {[]tar.Header{link("d/up", ".."), link("x", "d/up/../etc")}, ".. only at its beginning"},
		"below a link":          {[]tar.Header{link("d", "e"), file("d/evil")}, "lies below d"},
		"below a file":          {[]tar.Header{file("d"), file("d/evil")}, "lies below d"},
		"hard link out":         {[]tar.Header{hard("x", "../../etc/passwd")}, "no file before it"},
		"hard link to a link":   {[]tar.Header{link("l", "f"), hard("x", "l")}, "no file before it"},
		"character device":      {[]tar.Header{{Typeflag: tar.TypeChar, Name: "null", Devmajor: 1, Devminor: 3}}, "device"},
		"block device":          {[]tar.Header{{Typeflag: tar.TypeBlock, Name: "sda"}}, "device"},
		"pipe":                  {[]tar.Header{{Typeflag: tar.TypeFifo, Name: "p"}}, "device or pipe"},
		"twice":                 {[]tar.Header{file("a"), link("a", "b")}, "comes twice"},
		"directory, then link":  {[]tar.Header{file("d/a"), link("d", "e")}, "comes twice"},
		"a second RELEASE":      {[]tar.Header{file("RELEASE")}, "comes twice"},
		"sparse":                {[]tar.Header{{Typeflag: tar.TypeCont, Name: "c"}}, "has type"},
	} {
		t.Run(name, func(t *testing.T) {
			// A harmless file first: it must not be written either.
			err := refused(t, craft(t, append([]tar.Header{file("harmless")}, test.entries...)...), archive.Want{})
			var unsafe *archive.UnsafeError
			if !errors.As(err, &unsafe) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want an UnsafeError with %q", err, test.want)
			}
		})
	}
}

func TestUnpackTakesHarmlessLinks(t *testing.T) {
	data := craft(t,
		tar.Header{Typeflag: tar.TypeReg, Name: "a/f", Mode: 0o4755, Size: 3},
		tar.Header{Typeflag: tar.TypeSymlink, Name: "a/b/up", Linkname: "../../a/./f"},
		tar.Header{Typeflag: tar.TypeLink, Name: "hard", Linkname: "a/f"},
	)
	target := filepath.Join(t.TempDir(), "srv")
	if _, err := archive.Unpack(t.Context(), bytes.NewReader(data), target, archive.Want{}); err != nil {
		t.Fatal(err)
	}
	if got := string(read(t, filepath.Join(target, "a/b/up"))); got != "xxx" {
		t.Errorf("through the link: %q, want xxx", got)
	}
	if info, err := os.Stat(filepath.Join(target, "hard")); err != nil || info.Mode() != 0o755 {
		t.Errorf("got mode %v (%v), want it without set-user-id", info.Mode(), err)
	}
}

func TestUnpackRefusesDamage(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{"a": strings.Repeat("0123456789", 100_000)})
	file, _ := build(t, dir, ".")
	good := stamped(t, file, 7)
	want := archive.Want{SHA256: sum(good), Version: 7}
	tampered := bytes.Clone(good)
	tampered[len(tampered)-100] ^= 1
	other := stamped(t, file, 8)
	for name, test := range map[string]struct {
		data []byte
		want archive.Want
		text string
	}{
		"tampered":                    {tampered, want, "its SHA-256 is"},
		"tampered, nothing wanted":    {tampered, archive.Want{}, "damaged"},
		"truncated":                   {good[:len(good)/2], want, "its SHA-256 is"},
		"truncated, nothing wanted":   {good[:len(good)/2], archive.Want{}, "it is cut off"},
		"truncated in RELEASE":        {good[:600], archive.Want{}, "it is cut off"},
		"extended":                    {append(bytes.Clone(good), good...), archive.Want{}, "something follows its end"},
		"another version":             {other, archive.Want{Version: 7}, "it is version 8, want 7"},
		"the tree of another archive": {append(archive.InfoMember(t, "SHA256="+strings.Repeat("0", 64)), good[len(archive.InfoMember(t, archive.Info{Version: 7, Tree: strings.Repeat("0", 64)}.String())):]...), archive.Want{}, "RELEASE says"},
		"empty":                       {nil, archive.Want{}, "was not built by"},
		"not gzip":                    {[]byte(strings.Repeat("x", 4096)), archive.Want{}, "was not built by"},
	} {
		t.Run(name, func(t *testing.T) {
			if err := refused(t, test.data, test.want); !strings.Contains(err.Error(), test.text) {
				t.Errorf("got %v, want %q", err, test.text)
			}
		})
	}
}

// What is too large is refused by its headers: nothing is read that would
// have to be counted first.
func TestUnpackLimits(t *testing.T) {
	var tree bytes.Buffer
	w := tar.NewWriter(&tree)
	if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: "huge", Mode: 0o644, Size: archive.MaxUnpacked + 1}); err != nil {
		t.Fatal(err)
	}
	err := refused(t, seal(t, tree.Bytes()), archive.Want{})
	if want := `entry "huge" brings the files to 68719476737 bytes, want at most 68719476736`; err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	// RELEASE is the first of them.
	if err := archive.CheckEntries(archive.MaxEntries - 1); err != nil {
		t.Errorf("as many as there may be: %v", err)
	}
	err = archive.CheckEntries(archive.MaxEntries)
	if want := `entry "f1048576" is one too many: want at most 1048576 files, directories and links`; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

// A fault of what is read is told from one of reading it.
func TestInspectTellsFaults(t *testing.T) {
	var invalid *archive.InvalidError
	if _, err := archive.Inspect(t.Context(), strings.NewReader("x"), archive.Want{}); !errors.As(err, &invalid) {
		t.Errorf("no archive: got %v, want an InvalidError", err)
	}
	broken := errors.New("disk on fire")
	for name, r := range map[string]io.Reader{
		"at once": iotest.ErrReader(broken),
		"later":   io.MultiReader(bytes.NewReader(craft(t, tar.Header{Typeflag: tar.TypeReg, Name: "a", Size: 3})[:1100]), iotest.ErrReader(broken)),
	} {
		if _, err := archive.Inspect(t.Context(), r, archive.Want{SHA256: "x"}); !errors.Is(err, broken) || errors.As(err, &invalid) {
			t.Errorf("%s: got %v, want the reader's error alone", name, err)
		}
	}
}
