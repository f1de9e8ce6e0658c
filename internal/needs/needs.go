// Package needs says by name what a test cannot do without.
package needs

import (
	"os"
	"os/exec"
	"testing"
)

// Tool skips the test where a program is not installed, and fails it in
// continuous integration, where a skipped test would pass for a passed one.
func Tool(t testing.TB, name string) {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		Skip(t, name+" is not installed")
	}
}

// Root skips the test, as Tool does, where this process is not the superuser's.
func Root(t testing.TB) {
	t.Helper()
	if os.Geteuid() != 0 {
		Skip(t, "only root can do this")
	}
}

// Skip skips the test for a reason, and fails it in continuous integration.
func Skip(t testing.TB, reason string) {
	t.Helper()
	if os.Getenv("CI") != "" {
		t.Fatal(reason)
	}
	t.Skip(reason)
}
