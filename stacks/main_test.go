package stacks_test

import (
	"os"
	"testing"

	"github.com/tandem-iac/tandem/internal/fastsynth"
)

func TestMain(m *testing.M) {
	fastsynth.Prepare(os.Stderr)
	code := m.Run()
	fastsynth.Close()
	os.Exit(code)
}
