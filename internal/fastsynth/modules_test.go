//go:build linux || darwin

package fastsynth

import (
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

// bindings are the import paths of the provider's packages.
const bindings = "github.com/cdktf/cdktf-provider-aws-go/aws/v19/"

// TestModulesOfTheApp holds for every binding that a construct will ever use:
// there is no list to forget it in.
func TestModulesOfTheApp(t *testing.T) {
	const app = "github.com/tandem-iac/tandem"
	program := filepath.Join(t.TempDir(), "app")
	if out, err := exec.Command("go", "build", "-o", program, app).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	deps, err := exec.Command("go", "list", "-deps", app).Output()
	if err != nil {
		t.Fatal(err)
	}
	var want []string // package names, which are modules in lower case
	for dep := range strings.Lines(string(deps)) {
		name, ok := strings.CutPrefix(strings.TrimSpace(dep), bindings)
		if ok && name != "jsii" && !strings.Contains(name, "/") {
			want = append(want, name)
		}
	}
	modules, err := modulesOf(program)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, m := range modules {
		got = append(got, strings.ToLower(m))
	}
	slices.Sort(got)
	slices.Sort(want)
	if len(want) == 0 || !slices.Equal(got, want) {
		t.Errorf("found %v in the program, want %v", got, want)
	}
}

func TestFindModules(t *testing.T) {
	const chunk = 1 << 20
	name := func(rest string) string { return strings.Join([]string{provider, rest}, ".") }
	for _, tt := range []struct{ title, text, want string }{
		{"one", "xx" + name("vpc.Vpc") + "xx", "vpc"},
		{"next to each other", name("vpc.Vpc") + name("eip.Eip") + name("vpc.VpcConfig"), "eip vpc"},
		{"digits and capitals", name("s3BucketVersioning.S3BucketVersioningA"), "s3BucketVersioning"},
		{"across two chunks", strings.Repeat("x", chunk-25) + name("vpc.Vpc") + strings.Repeat("x", chunk), "vpc"},
		{"at the end of a chunk", strings.Repeat("x", chunk-len(name("vpc."))) + name("vpc.Vpc"), "vpc"},
		{"the package alone", name("") + "and more.", ""},
		{"not a type", name("vpc.vpc") + name("a b.C") + name(strings.Repeat("x", 200)+".C"), ""},
	} {
		t.Run(tt.title, func(t *testing.T) {
			got, err := findModules(iotest.DataErrReader(strings.NewReader(tt.text)))
			if err != nil || strings.Join(got, " ") != tt.want {
				t.Errorf("got %v, %v; want %s", got, err, tt.want)
			}
		})
	}
}
