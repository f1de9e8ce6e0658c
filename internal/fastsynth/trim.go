//go:build linux || darwin

package fastsynth

import (
	"archive/tar"
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	"github.com/klauspost/compress/gzip" // half again as fast as the standard library's
)

// assemblyFile describes a package's types to the kernel.
const assemblyFile = ".jsii"

// npmPackage is what the kernel needs of a package.
type npmPackage struct {
	Name    string
	Version string
	files   map[string][]byte // by slash-separated path below the package
}

// unpack reads a package from its tarball. Of the provider it keeps modules
// only.
func unpack(tarball []byte, modules []string) (npmPackage, error) {
	unzipped, err := gzip.NewReader(bytes.NewReader(tarball))
	if err != nil {
		return npmPackage{}, err
	}
	pkg := npmPackage{files: map[string][]byte{}}
	var dirs map[string]string // of the provider's modules, once its assembly was seen
	archive := tar.NewReader(bufio.NewReaderSize(unzipped, 1<<16))
	for {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return npmPackage{}, err
		}
		_, name, _ := strings.Cut(path.Clean(header.Name), "/") // without the leading package/
		switch {
		case header.Typeflag != tar.TypeReg:
		case name == assemblyFile:
			pkg.files[name], dirs, err = trimAssembly(archive, modules)
		case wanted(name) && (dirs == nil || inModules(name, dirs)):
			pkg.files[name], err = io.ReadAll(archive)
		}
		if err != nil {
			return npmPackage{}, fmt.Errorf("%s: %w", header.Name, err)
		}
	}
	if err := json.Unmarshal(pkg.files["package.json"], &pkg); err != nil {
		return npmPackage{}, fmt.Errorf("package.json: %w", err)
	}
	if dirs != nil {
		pkg.files["lib/index.js"] = lazyIndex(dirs)
	}
	for name, data := range pkg.files {
		pkg.files[name] = withoutSourceMap(data)
	}
	return pkg, nil
}

// wanted reports whether Node may load the file name, or read it to find
// another: not type declarations, documentation and source maps.
func wanted(name string) bool {
	switch path.Ext(name) {
	case ".js", ".cjs", ".json":
		return true
	}
	return false
}

// inModules reports whether the provider's file name belongs to one of the
// modules in dirs, or to all of them.
func inModules(name string, dirs map[string]string) bool {
	rest, inLib := strings.CutPrefix(name, "lib/")
	if !inLib {
		return true
	}
	dir, _, _ := strings.Cut(rest, "/")
	for _, d := range dirs {
		if d == dir {
			return true
		}
	}
	return false
}

// trimAssembly reads an assembly and returns it without documentation. Of the
// provider's it keeps the types of modules only, and also returns the directory
// of each module, below lib.
func trimAssembly(r io.Reader, modules []string) ([]byte, map[string]string, error) {
	text, err := trimMembers(r, modules)
	if err != nil {
		return nil, nil, err
	}
	var assembly map[string]any
	if err := json.Unmarshal(text, &assembly); err != nil {
		return nil, nil, err
	}
	var dirs map[string]string
	if assembly["name"] == provider {
		if dirs, err = moduleDirs(text); err != nil {
			return nil, nil, err
		}
	}
	for _, section := range []string{"types", "submodules"} {
		dropDocs(assembly[section])
	}
	delete(assembly, "readme")
	text, err = json.Marshal(assembly)
	return text, dirs, err
}

// trimMembers copies an assembly but for the provider's types and submodules
// that are not in modules. Decoding the whole 120 MB would take seconds; it is
// indented, so its lines tell where a member begins and ends. The caller
// decodes the result, which finds out if that ever changes.
func trimMembers(r io.Reader, modules []string) ([]byte, error) {
	keep := map[string]bool{}
	for _, m := range modules {
		keep[m] = true
	}
	var out bytes.Buffer
	lines := bufio.NewReaderSize(r, 1<<20)
	inMembers, skipping := false, false
	for {
		line, err := lines.ReadSlice('\n')
		switch {
		case bytes.HasPrefix(line, []byte(`  "`)): // a section
			inMembers = bytes.HasPrefix(line, []byte(`  "types": {`)) || bytes.HasPrefix(line, []byte(`  "submodules": {`))
			skipping = false
		case inMembers && bytes.HasPrefix(line, []byte(`    "`)): // a member of it
			name, ours := bytes.CutPrefix(line[len(`    "`):], []byte(provider+"."))
			end := bytes.IndexAny(name, `."`)
			skipping = ours && end > 0 && !keep[string(name[:end])]
		case inMembers && bytes.HasPrefix(line, []byte(`  }`)): // the end of the section
			skipping = false
			if text := bytes.TrimSuffix(out.Bytes(), []byte(",\n")); len(text) < out.Len() {
				out.Truncate(len(text)) // the last member kept was not the last
			}
		}
		if !skipping {
			out.Write(line)
		}
		if errors.Is(err, io.EOF) {
			return out.Bytes(), nil
		}
		if err != nil {
			return nil, err
		}
	}
}

// moduleDirs returns the directory, below lib, of each of the provider's
// modules. Its name cannot be told from the module's: s3Control lives in
// s3control.
func moduleDirs(assembly []byte) (map[string]string, error) {
	var described struct {
		Submodules map[string]struct{ SymbolID string }
		Types      map[string]struct{ Namespace string }
	}
	if err := json.Unmarshal(assembly, &described); err != nil {
		return nil, err
	}
	dirs := map[string]string{}
	for name, m := range described.Submodules {
		dir, ok := strings.CutSuffix(strings.TrimPrefix(m.SymbolID, "src/"), "/index:")
		if !ok || strings.Contains(dir, "/") {
			return nil, fmt.Errorf("%s is at %q, want src/<directory>/index", name, m.SymbolID)
		}
		dirs[strings.TrimPrefix(name, provider+".")] = dir
	}
	for name, t := range described.Types {
		if _, ok := dirs[t.Namespace]; !ok {
			return nil, fmt.Errorf("%s is in %q, which is no module", name, t.Namespace)
		}
	}
	if len(dirs) == 0 {
		return nil, fmt.Errorf("none of the program's modules is in %s", provider)
	}
	return dirs, nil
}

// dropDocs removes from a decoded assembly, in place, what the kernel does not
// read.
func dropDocs(v any) {
	switch v := v.(type) {
	case map[string]any:
		for _, key := range []string{"docs", "locationInModule", "readme", "symbolId"} {
			delete(v, key)
		}
		for _, member := range v {
			dropDocs(member)
		}
	case []any:
		for _, element := range v {
			dropDocs(element)
		}
	}
}

// lazyIndex is the provider's entry point: a getter for each module, which
// loads it when a type of it is first used.
func lazyIndex(dirs map[string]string) []byte {
	table, _ := json.Marshal(dirs) // a map of strings always encodes, sorted
	return fmt.Appendf(nil, `"use strict";
Object.defineProperty(exports, "__esModule", { value: true });
for (const [name, dir] of Object.entries(%s))
  Object.defineProperty(exports, name, { enumerable: true, get: () => require("./" + dir) });
`, table)
}

// withoutSourceMap cuts an inline source map, which is most of a compiled file
// and which Node does not read.
func withoutSourceMap(data []byte) []byte {
	i := bytes.LastIndex(data, []byte("\n//# sourceMappingURL=data:"))
	if i < 0 || bytes.Contains(bytes.TrimSpace(data[i+1:]), []byte("\n")) {
		return data
	}
	return data[:i+1]
}
