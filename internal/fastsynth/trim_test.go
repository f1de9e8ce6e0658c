//go:build linux || darwin

package fastsynth

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"
)

// assembly is laid out as the provider's is.
const assembly = `{
  "name": "@cdktf/provider-aws",
  "submodules": {
    "PKG.eip": {
      "symbolId": "src/eip/index:"
    },
    "PKG.s3Control": {
      "readme": {
        "markdown": "x"
      },
      "symbolId": "src/s3control/index:"
    },
    "PKG.vpc": {
      "symbolId": "src/vpc/index:"
    }
  },
  "types": {
    "PKG.eip.Eip": {
      "kind": "class",
      "namespace": "eip"
    },
    "PKG.s3Control.Bucket": {
      "docs": {
        "summary": "x"
      },
      "kind": "class",
      "namespace": "s3Control"
    },
    "PKG.vpc.Vpc": {
      "kind": "class",
      "namespace": "vpc"
    }
  },
  "version": "1.0.0"
}
`

func TestTrimAssembly(t *testing.T) {
	text := strings.ReplaceAll(assembly, "PKG", provider)
	trimmed, dirs, err := trimAssembly(strings.NewReader(text), []string{"s3Control", "noModule"})
	if err != nil {
		t.Fatal(err)
	}
	if want := map[string]string{"s3Control": "s3control"}; !maps.Equal(dirs, want) {
		t.Errorf("directories %v, want %v", dirs, want)
	}
	const want = `{"name":"PKG","submodules":{"PKG.s3Control":{}},"types":{"PKG.s3Control.Bucket":{"kind":"class","namespace":"s3Control"}},"version":"1.0.0"}`
	if got := strings.ReplaceAll(string(trimmed), provider, "PKG"); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestTrimAssemblyRefusesWhatItDoesNotKnow(t *testing.T) {
	text := strings.ReplaceAll(assembly, "PKG", provider)
	for name, harmed := range map[string]string{
		"not JSON":            text[:len(text)-20],
		"module elsewhere":    strings.Replace(text, "src/vpc/index:", "source/vpc:", 1),
		"type of no module":   strings.Replace(text, `"namespace": "vpc"`, `"namespace": "vpc.inner"`, 1),
		"no module is in it ": strings.NewReplacer(".vpc", ".other").Replace(text),
	} {
		if _, _, err := trimAssembly(strings.NewReader(harmed), []string{"vpc"}); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// The embedded packages, as they are: every type of a module is kept, and none
// of another.
func TestUnpackProvider(t *testing.T) {
	pkg, err := unpack(awsTarball, []string{"s3TablesTableBucket", "vpc"})
	if err != nil {
		t.Fatal(err)
	}
	var described struct {
		Types map[string]struct{ Namespace string }
	}
	if err := json.Unmarshal(pkg.files[assemblyFile], &described); err != nil {
		t.Fatal(err)
	}
	types := map[string]int{}
	for _, d := range described.Types {
		types[d.Namespace]++
	}
	if want := map[string]int{"s3TablesTableBucket": 10, "vpc": 2}; !maps.Equal(types, want) {
		t.Errorf("types by module %v, want %v", types, want)
	}
	files := slices.Sorted(maps.Keys(pkg.files))
	want := []string{".eslintrc.json", ".jsii", "lib/index.js", "lib/s3tables-table-bucket/index.js", "lib/vpc/index.js",
		"package.json", "tsconfig.eslint.json"}
	if !slices.Equal(files, want) {
		t.Errorf("files %v, want %v", files, want)
	}
}

func TestWithoutSourceMap(t *testing.T) {
	const marker = "\n//# sourceMappingURL=data:"
	for _, tt := range []struct{ file, want string }{
		{"a()" + marker + "xyz", "a()\n"},
		{"a()" + marker + "xyz\n", "a()\n"},
		{"a()", "a()"},
		{"a()" + marker + "x\nb()", "a()" + marker + "x\nb()"},
	} {
		if got := string(withoutSourceMap([]byte(tt.file))); got != tt.want {
			t.Errorf("%q becomes %q, want %q", tt.file, got, tt.want)
		}
	}
}
