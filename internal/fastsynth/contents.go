//go:build linux || darwin

package fastsynth

import (
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"errors"
	"fmt"
	"path"
	"sync"
)

// format is part of every key: raise it when the same input is to give another
// entry.
const format = "1"

// kernelMarker is the file that tells the kernel that a package is complete.
const kernelMarker = ".jsii-runtime-package-cache"

//go:embed launcher.js
var launcher []byte

// contents is what an entry is made from.
type contents struct {
	modules []string // of the provider
	program []byte   // the stock kernel
	key     string   // names the entry; other contents have another
}

func newContents(modules []string) (contents, error) {
	c := contents{modules: modules}
	var err error
	if c.program, err = jsiiRuntime.ReadFile("resources/lib/program.js"); err != nil {
		return contents{}, fmt.Errorf("the jsii kernel is not where it was: %w", err)
	}
	sum := sha256.New()
	fmt.Fprintln(sum, format, modules)
	sum.Write(launcher)
	sum.Write(c.program)
	for _, tarball := range c.tarballs() {
		const trailer = 8 // gzip ends with the checksum and the size of what it holds
		if len(*tarball) < trailer {
			return contents{}, errors.New("a package is not embedded where it was")
		}
		sum.Write((*tarball)[len(*tarball)-trailer:])
	}
	c.key = hex.EncodeToString(sum.Sum(nil)[:12])
	return c, nil
}

// tarballs returns the variables that hold the packages.
func (contents) tarballs() []*[]byte {
	return []*[]byte{&constructsTarball, &cdktfTarball, &awsTarball}
}

// standIn is what the bindings hand to the kernel in place of each tarball. The
// kernel derives the directory of a package from it.
func (c contents) standIn() []byte { return []byte(c.key) }

// files unpacks everything an entry holds, by slash-separated path. Packages
// lie where the kernel looks for a package it unpacked before.
func (c contents) files() (map[string][]byte, error) {
	tarballs := c.tarballs()
	packages, errs := make([]npmPackage, len(tarballs)), make([]error, len(tarballs))
	var workers sync.WaitGroup
	for i, tarball := range tarballs {
		workers.Go(func() { packages[i], errs[i] = unpack(*tarball, c.modules) })
	}
	workers.Wait()
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	files := map[string][]byte{"launcher.js": launcher, "program.js": c.program}
	for _, pkg := range packages {
		digest := sha256.Sum256(fmt.Appendf(nil, "%s\x00%s\x00%s", c.standIn(), pkg.Name, pkg.Version))
		dir := path.Join(pkg.Name, pkg.Version, hex.EncodeToString(digest[:]))
		for name, data := range pkg.files {
			files[path.Join(dir, name)] = data
		}
		files[path.Join(dir, kernelMarker)] = nil
	}
	return files, nil
}
