package main

import (
	"os"
	"path/filepath"
	"testing"
)

// TestMutationsApply: the text that each mutation replaces is in the simulator's
// source once, and no name is there twice. What they break is not tried here.
func TestMutationsApply(t *testing.T) {
	seen := map[string]bool{}
	for _, m := range mutations {
		source, err := os.ReadFile(filepath.Join("../../simulate", m.file))
		if err != nil {
			t.Fatal(err)
		}
		broken, err := m.apply(string(source))
		if err != nil {
			t.Error(err)
		} else if broken == string(source) {
			t.Errorf("%s changes nothing", m.name)
		}
		if seen[m.name] {
			t.Errorf("two mutations are called %q", m.name)
		}
		seen[m.name] = true
	}
}
