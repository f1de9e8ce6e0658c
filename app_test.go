package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/tandem-iac/tandem/internal/fastsynth"
	"github.com/tandem-iac/tandem/internal/golden"
)

func TestMain(m *testing.M) {
	testscript.Main(synthesizing{m}, map[string]func(){"app": main})
}

// synthesizing prepares tests that synthesize in this process, and ends the
// kernel after them.
type synthesizing struct{ *testing.M }

func (m synthesizing) Run() int {
	fastsynth.Prepare(os.Stderr)
	defer fastsynth.Close()
	var err error
	if synthesizedDir, err = os.MkdirTemp("", "tandem-example-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(synthesizedDir)
	return m.M.Run()
}

// TestApp runs the app as its users do, as a process of its own.
func TestApp(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: filepath.Join("testdata", "script"),
		Setup: func(e *testscript.Env) error {
			e.Setenv("HOME", os.Getenv("HOME")) // where the cache is
			example, err := os.ReadFile("tandem.yaml")
			if err != nil {
				return err
			}
			return os.WriteFile(e.Getenv("WORK")+"/tandem.yaml", example, 0o666)
		},
	})
}

// TestCdktfSynth has the cdktf command line run the app, as cdktf.json says.
func TestCdktfSynth(t *testing.T) {
	cdktf := filepath.Join("node_modules", ".bin", "cdktf")
	if _, err := os.Stat(cdktf); err != nil {
		t.Fatalf("%v: run `npm ci`, as `make test` does", err)
	}
	dir := t.TempDir()
	cmd := exec.Command(cdktf, "synth", "--output", dir)
	cmd.Env = append(os.Environ(), "CI=1", "CHECKPOINT_DISABLE=1", "DISABLE_VERSION_CHECK=1", "FORCE_COLOR=0")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if strings.Contains(string(out), "end-of-life") {
		t.Errorf("the jsii runtime's banner is not silenced:\n%s", out)
	}
	var manifest struct {
		Stacks map[string]json.RawMessage `json:"stacks"`
	}
	data, err := os.ReadFile(filepath.Join(dir, "manifest.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &manifest); err != nil {
		t.Fatal(err)
	}
	if len(manifest.Stacks) != 5 {
		t.Errorf("the manifest lists %d stacks, want 5:\n%s", len(manifest.Stacks), data)
	}
	for name := range manifest.Stacks {
		data, err := os.ReadFile(filepath.Join(dir, "stacks", name, "cdk.tf.json"))
		if err != nil {
			t.Fatal(err)
		}
		golden.Equal(t, filepath.Join("testdata", "stacks", name+".json"), data)
	}
}
