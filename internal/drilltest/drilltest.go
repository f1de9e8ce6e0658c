// Package drilltest builds what drills start, for tests of them.
package drilltest

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Build builds the agent and the stand-in for the metadata service, which
// tools/go.mod names, into a directory of the test's.
func Build(t testing.TB) string {
	t.Helper()
	module, err := exec.Command("go", "env", "GOMOD").Output()
	if err != nil {
		t.Fatal(err)
	}
	directory := t.TempDir()
	for _, args := range [][]string{
		{"./cmd/spotwatch"},
		{"-modfile=tools/go.mod", "github.com/aws/amazon-ec2-metadata-mock/cmd/ec2-metadata-mock"},
	} {
		build := exec.Command("go", append([]string{"build", "-o", directory}, args...)...)
		build.Dir = filepath.Dir(strings.TrimSpace(string(module)))
		if out, err := build.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", strings.Join(build.Args, " "), err, out)
		}
	}
	return directory
}
