// Package packagetest makes packages and repositories of them, as a
// distribution does, for tests.
package packagetest

import (
	"bytes"
	"crypto"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/armor"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
	"github.com/google/rpmpack"

	"github.com/tandem-iac/tandem/internal/needs"
)

// Package is one to be made. Installed, it is a file
// /usr/share/tandem-test/<name> with its version.
type Package struct {
	Name, Version string
	// Requires are the names of what it depends on.
	Requires []string
	// Says is what its program /usr/bin/<name> prints, if it is a Debian
	// package. Empty: it has none.
	Says string
	// Size is how many bytes that cannot be compressed it has besides.
	Size int
}

// Key signs packages, as a distribution does.
type Key struct {
	// Public is a file with the public key.
	Public string
	entity *openpgp.Entity
}

// NewKey makes a key, with its public part in dir.
func NewKey(t *testing.T, dir string) Key {
	t.Helper()
	config := &packet.Config{RSABits: 2048, DefaultHash: crypto.SHA256}
	entity, err := openpgp.NewEntity("Test Distribution", "", "test@example.com", config)
	if err != nil {
		t.Fatal(err)
	}
	var public bytes.Buffer
	w, err := armor.Encode(&public, openpgp.PublicKeyType, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(entity.Serialize(w), w.Close()); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "RPM-GPG-KEY-test")
	write(t, file, public.String())
	return Key{Public: file, entity: entity}
}

// Sign returns a detached signature.
func (k Key) Sign(data []byte) ([]byte, error) {
	var signature bytes.Buffer
	err := openpgp.DetachSign(&signature, k.entity, bytes.NewReader(data), &packet.Config{DefaultHash: crypto.SHA256})
	return signature.Bytes(), err
}

// Tools skips a test where the programs that mirror and install are missing.
func Tools(t testing.TB) {
	t.Helper()
	for _, tool := range []string{"dnf", "createrepo_c", "rpmkeys", "apt-get", "apt-ftparchive", "dpkg-deb"} {
		needs.Tool(t, tool)
	}
}

// noarch is the architecture of all RPMs here.
const noarch = "noarch"

// RPM makes a package in dir, signed unless key is nil.
func (p Package) RPM(t *testing.T, dir string, key *Key) {
	t.Helper()
	var requires rpmpack.Relations
	for _, name := range p.Requires {
		if err := requires.Set(name); err != nil {
			t.Fatal(err)
		}
	}
	r, err := rpmpack.NewRPM(rpmpack.RPMMetaData{
		Name: p.Name, Version: p.Version, Release: "1", Arch: noarch, OS: "linux", Summary: "test", Description: "test", Licence: "none",
		BuildTime: time.Unix(1700000000, 0), Requires: requires, Compressor: "gzip",
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, body := range p.files() {
		r.AddFile(rpmpack.RPMFile{Name: name, Body: body, Mode: 0o100644, Owner: "root", Group: "root"})
	}
	if key != nil {
		r.SetPGPSigner(key.Sign)
	}
	file, err := os.Create(filepath.Join(dir, fmt.Sprintf("%s-%s-1.%s.rpm", p.Name, p.Version, noarch)))
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(r.Write(file), file.Close()); err != nil {
		t.Fatal(err)
	}
}

// File is what the package installs.
func (p Package) File() string { return "/usr/share/tandem-test/" + p.Name }

func (p Package) files() map[string][]byte {
	files := map[string][]byte{p.File(): []byte(p.Version + "\n")}
	if p.Size > 0 {
		// Different in each version, so that nothing is there already.
		noise, state := make([]byte, p.Size), uint32(len(p.Version))
		for _, c := range p.Version {
			state = state*31 + uint32(c)
		}
		for i := range noise {
			state = state*1664525 + 1013904223
			noise[i] = byte(state >> 24)
		}
		files[p.File()+".noise"] = noise
	}
	return files
}

// Deb makes a package in dir.
func (p Package) Deb(t *testing.T, dir string) {
	t.Helper()
	root := t.TempDir()
	control := fmt.Sprintf("Package: %s\nVersion: %s\nArchitecture: all\nMaintainer: Test <test@example.com>\nDescription: test\n", p.Name, p.Version)
	if len(p.Requires) > 0 {
		control += "Depends: " + strings.Join(p.Requires, ", ") + "\n"
	}
	write(t, filepath.Join(root, "DEBIAN/control"), control)
	for name, body := range p.files() {
		write(t, filepath.Join(root, name), string(body))
	}
	if p.Says != "" {
		program := filepath.Join(root, "usr/bin", p.Name)
		write(t, program, "#!/bin/sh\necho '"+p.Says+"'\n")
		if err := os.Chmod(program, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	Run(t, "", "dpkg-deb", "--root-owner-group", "-Znone", "--build", root, filepath.Join(dir, fmt.Sprintf("%s_%s_all.deb", p.Name, p.Version)))
}

// RPMSource makes a repository of RPMs in dir and returns a directory with the
// .repo file that names it at url.
func RPMSource(t *testing.T, dir, url string, key *Key, packages ...Package) (repos string) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, p := range packages {
		p.RPM(t, dir, key)
	}
	Run(t, "", "createrepo_c", "--quiet", dir)
	repos = t.TempDir()
	write(t, filepath.Join(repos, "source.repo"), "[source]\nname=source\nbaseurl="+url+"\nenabled=1\ngpgcheck=0\nmetadata_expire=0\n")
	return repos
}

// DebSource makes a repository of Debian packages in dir and returns a
// sources.list that names it at url.
func DebSource(t *testing.T, dir, url string, packages ...Package) (list string) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, p := range packages {
		p.Deb(t, dir)
	}
	write(t, filepath.Join(dir, "Packages"), Run(t, dir, "apt-ftparchive", "packages", "."))
	list = filepath.Join(t.TempDir(), "sources.list")
	write(t, list, "deb [trusted=yes] "+url+" ./\n")
	return list
}

// Run runs a program that has to succeed and returns what it prints.
func Run(t *testing.T, dir, program string, args ...string) string {
	t.Helper()
	cmd := exec.Command(program, args...)
	var out, said strings.Builder
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, &out, &said
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s: %v\n%s%s", strings.Join(cmd.Args, " "), err, said.String(), out.String())
	}
	return out.String()
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o755), os.WriteFile(file, []byte(text), 0o644)); err != nil {
		t.Fatal(err)
	}
}
