package main

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func output(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// The operator's programs start at once and need no Node.
func TestCommandsDoNotLinkJSII(t *testing.T) {
	for _, pkg := range strings.Fields(output(t, "go", "list", "-deps", "../...")) {
		if strings.Contains(pkg, "jsii") || strings.Contains(pkg, "cdktf") || strings.Contains(pkg, "terraform-cdk") {
			t.Errorf("cmd/... links %s", pkg)
		}
	}
}

func TestLinkerSetsVersion(t *testing.T) {
	const cli = "github.com/tandem-iac/tandem/internal/cli"
	program := filepath.Join(t.TempDir(), "tandem")
	output(t, "go", "build", "-buildvcs=false", "-o", program,
		"-ldflags", "-X "+cli+".version=v1.2.3 -X "+cli+".commit=0b0d052", ".")
	got := output(t, program, "version")
	if want := "tandem v1.2.3, commit 0b0d052, go"; !strings.HasPrefix(got, want) {
		t.Errorf("got %q, want it to begin with %q", got, want)
	}
}
