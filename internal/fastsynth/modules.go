//go:build linux || darwin

package fastsynth

import (
	"bytes"
	"errors"
	"io"
	"maps"
	"os"
	"slices"
)

// provider is the npm package that is cut down to the linked modules.
const provider = "@cdktf/provider-aws"

// linkedModules returns the provider's modules whose bindings are linked into
// this program, sorted: a binding registers its types by name, so the program
// holds the string "@cdktf/provider-aws.vpc.Vpc" if, and only if, it imports
// the package vpc. The go tool keeps no list of packages in a program, and jsii
// does not publish its registry.
func linkedModules() ([]string, error) {
	path, err := os.Executable()
	if err != nil {
		return nil, err
	}
	return modulesOf(path)
}

// modulesOf is linkedModules of the program at path.
func modulesOf(path string) ([]string, error) {
	program, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer program.Close()
	modules, err := findModules(program)
	if err == nil && len(modules) == 0 {
		err = errors.New("no bindings of " + provider + " found in " + path)
	}
	return modules, err
}

// findModules scans r for the names of types. It may return a word that only
// looks like a module; none is missing.
func findModules(r io.Reader) ([]string, error) {
	const chunk, longest = 1 << 20, 128 // longest name of a module, with room
	prefix := []byte(provider + ".")
	found := map[string]bool{}
	buf := make([]byte, 0, longest+chunk)
	for {
		n, err := r.Read(buf[len(buf) : len(buf)+chunk : cap(buf)])
		buf = buf[:len(buf)+n]
		for rest := buf; ; {
			i := bytes.Index(rest, prefix)
			if i < 0 {
				break
			}
			rest = rest[i+len(prefix):]
			if name := leadingModule(rest); name != "" {
				found[name] = true
			}
		}
		if err == io.EOF {
			return slices.Sorted(maps.Keys(found)), nil
		}
		if err != nil {
			return nil, err
		}
		// A name may straddle two chunks: look at the end again.
		buf = append(buf[:0], buf[max(0, len(buf)-longest):]...)
	}
}

// leadingModule returns the module of text, what follows the package in a
// type's name: "vpc" of "vpc.Vpc". It is "" if text does not go on like that.
func leadingModule(text []byte) string {
	i := bytes.IndexByte(text[:min(len(text), 100)], '.')
	if i < 1 || i+1 >= len(text) || text[i+1] < 'A' || text[i+1] > 'Z' {
		return ""
	}
	for _, c := range text[:i] {
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') {
			return ""
		}
	}
	return string(text[:i])
}
