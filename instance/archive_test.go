package instance_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tandem-iac/tandem/instance"
)

// archiveScript is the part of the setup script that reads archives and
// manifests, followed by a call of it.
func archiveScript(t *testing.T) string {
	t.Helper()
	const begin, end = "archive() {\n", "\nPYTHON\n}\n"
	_, script, found := strings.Cut(string(instance.Setup()), begin)
	body, _, ended := strings.Cut(script, end)
	if !found || !ended {
		t.Fatalf("no function archive in the setup script")
	}
	return begin + body + end + `archive "$@"`
}

func runArchive(t *testing.T, args ...string) (string, error) {
	t.Helper()
	out, err := exec.Command("bash", append([]string{"-c", archiveScript(t), "setup.sh"}, args...)...).CombinedOutput()
	return strings.TrimSpace(string(out)), err
}

func TestArchiveEntries(t *testing.T) {
	file := func(name string) tar.Header { return tar.Header{Typeflag: tar.TypeReg, Name: name} }
	dir := func(name string) tar.Header { return tar.Header{Typeflag: tar.TypeDir, Name: name} }
	link := func(name, target string) tar.Header {
		return tar.Header{Typeflag: tar.TypeSymlink, Name: name, Linkname: target}
	}
	hard := func(name, target string) tar.Header {
		return tar.Header{Typeflag: tar.TypeLink, Name: name, Linkname: target}
	}
	for name, test := range map[string]struct {
		entries []tar.Header
		want    string // empty: accepted
	}{
		"a tree":                      {[]tar.Header{dir("a/"), file("a/b"), dir("a/"), link("a/c", "../d/./e"), link("d", "a"), hard("a/f", "a/b"), file("a b/\n\"$(x)\"")}, ""},
		"..":                          {[]tar.Header{file("a/../../../evil")}, "'a/../../../evil' has an absolute name, or one with"},
		"absolute name":               {[]tar.Header{file("/evil")}, "'/evil' has an absolute name"},
		"absolute directory":          {[]tar.Header{dir("/")}, "has an absolute name"},
		".":                           {[]tar.Header{file("./a")}, "'./a' has an absolute name, or one with"},
		"link out":                    {[]tar.Header{link("a/out", "../../evil")}, "links to '../../evil', out of the tree"},
		"absolute link":               {[]tar.Header{link("out", "/etc")}, "links to '/etc', out of the tree"},
		"climb behind another link":   {[]tar.Header{link("a", "b/c"), link("b/x", "../a/../../evil")}, "out of the tree"},
		"hard link out":               {[]tar.Header{hard("out", "../../etc/passwd")}, "no file before it"},
		"absolute hard link":          {[]tar.Header{hard("out", "/etc/passwd")}, "no file before it"},
		"hard link to a link":         {[]tar.Header{link("a", "b"), hard("c", "a")}, "no file before it"},
		"file below a link":           {[]tar.Header{link("a", "b"), file("a/evil")}, "'a/evil' lies below what is no directory"},
		"file below a file":           {[]tar.Header{file("a"), file("a/b")}, "lies below what is no directory"},
		"link in a directory's place": {[]tar.Header{file("a/b"), link("a", "c")}, "'a' comes twice"},
		"file in a link's place":      {[]tar.Header{link("a", "b"), file("a")}, "'a' comes twice"},
		"block device":                {[]tar.Header{{Typeflag: tar.TypeBlock, Name: "a", Devmajor: 8}}, "is neither file, directory nor link"},
		"character device":            {[]tar.Header{{Typeflag: tar.TypeChar, Name: "a", Devmajor: 1}}, "is neither file, directory nor link"},
		"pipe":                        {[]tar.Header{{Typeflag: tar.TypeFifo, Name: "a"}}, "is neither file, directory nor link"},
	} {
		t.Run(name, func(t *testing.T) {
			archive := filepath.Join(t.TempDir(), "a.tar.gz")
			if err := os.WriteFile(archive, archiveOf(t, test.entries...), 0o600); err != nil {
				t.Fatal(err)
			}
			into := t.TempDir()
			for _, args := range [][]string{{"check", archive}, {"unpack", archive, into}} {
				got, err := runArchive(t, args...)
				if (err == nil) != (test.want == "") || !strings.Contains(got, test.want) || test.want == "" && got != "" {
					t.Errorf("%s: %v %q, want %q", args[0], err, got, test.want)
				}
			}
			if _, err := os.Lstat(filepath.Join(into, "../evil")); err == nil {
				t.Error("it has reached out of its directory")
			}
		})
	}
}

func TestDamagedArchives(t *testing.T) {
	good := archiveOf(t, tar.Header{Typeflag: tar.TypeReg, Name: strings.Repeat("long/", 40) + "name"})
	for name, data := range map[string][]byte{
		"truncated": good[:len(good)/2],
		"empty":     {},
		"text":      []byte("hello"),
	} {
		t.Run(name, func(t *testing.T) {
			archive := filepath.Join(t.TempDir(), "a.tar.gz")
			if err := os.WriteFile(archive, data, 0o600); err != nil {
				t.Fatal(err)
			}
			if got, err := runArchive(t, "check", archive); err == nil || !strings.HasPrefix(got, "it is damaged: ") {
				t.Errorf("%v %q, want that it is damaged", err, got)
			}
		})
	}
}

// Whatever the archive says, files are root's and nobody else may write them.
func TestUnpackedPermissions(t *testing.T) {
	archive, into := filepath.Join(t.TempDir(), "a.tar.gz"), t.TempDir()
	entries := archiveOf(t,
		tar.Header{Typeflag: tar.TypeDir, Name: "dir", Mode: 0o4},
		tar.Header{Typeflag: tar.TypeReg, Name: "dir/program", Mode: 0o6777, Uid: 1000, Uname: "nobody"})
	if err := os.WriteFile(archive, entries, 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := runArchive(t, "unpack", archive, into); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for name, want := range map[string]os.FileMode{"dir": os.ModeDir | 0o704, "dir/program": 0o755} {
		info, err := os.Stat(filepath.Join(into, name))
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode() != want {
			t.Errorf("%s has mode %v, want %v", name, info.Mode(), want)
		}
	}
}

func TestManifests(t *testing.T) {
	const sum = "6d2c7ea7fde9"
	for name, test := range map[string]struct{ manifest, want string }{
		"the right one":       {`{"artifact": "obelix", "environment": "prod", "version": 7, "sha256": "` + sum + `", "git_commit": "0b0d052"}`, sum + " 0b0d052"},
		"another artifact":    {`{"artifact": "menhir", "environment": "prod", "version": 7, "sha256": "` + sum + `"}`, "its manifest is that of menhir 7 for prod"},
		"another environment": {`{"artifact": "obelix", "environment": "test", "version": 7, "sha256": "` + sum + `"}`, "its manifest is that of obelix 7 for test"},
		"another version":     {`{"artifact": "obelix", "environment": "prod", "version": 8, "sha256": "` + sum + `"}`, "its manifest is that of obelix 8 for prod"},
		"no manifest":         {`[1]`, "it is damaged: TypeError"},
		"a field missing":     {`{"artifact": "obelix", "environment": "prod", "version": 7}`, "it is damaged: KeyError: 'sha256'"},
		"no JSON":             {`VERSION=7`, "it is damaged: JSONDecodeError"},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "manifest.json")
			if err := os.WriteFile(file, []byte(test.manifest), 0o600); err != nil {
				t.Fatal(err)
			}
			got, err := runArchive(t, "manifest", file, "obelix", "prod", "7")
			if (err == nil) != strings.HasPrefix(test.want, sum) || !strings.HasPrefix(got, test.want) {
				t.Errorf("%v %q, want %q", err, got, test.want)
			}
		})
	}
}

// archiveOf makes an archive of entries as they are; a file's body is its name.
func archiveOf(t *testing.T, entries ...tar.Header) []byte {
	t.Helper()
	var data bytes.Buffer
	zip := gzip.NewWriter(&data)
	w := tar.NewWriter(zip)
	for _, header := range entries {
		if header.Typeflag == tar.TypeReg {
			header.Size = int64(len(header.Name))
		}
		if header.Mode == 0 {
			header.Mode = 0o644
		}
		if err := w.WriteHeader(&header); err != nil {
			t.Fatal(err)
		}
		if header.Typeflag == tar.TypeReg {
			if _, err := w.Write([]byte(header.Name)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := zip.Close(); err != nil {
		t.Fatal(err)
	}
	return data.Bytes()
}
