package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tandem-iac/tandem/internal/needs"
	"github.com/tandem-iac/tandem/internal/readme"
)

// patience is how long all of it may take to start, and the commands to run.
const patience = 2 * time.Minute

// started runs the program, for the time of the test, and waits until it has said
// where all of it is.
func started(t *testing.T, file string) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan struct{})
	var err error
	go func() {
		defer close(ended)
		err = run(ctx, file)
	}()
	t.Cleanup(func() {
		cancel()
		if <-ended; err != nil {
			t.Error(err)
		}
	})
	for end := time.After(patience); ; {
		if _, err := os.Stat(file); err == nil {
			return
		}
		select {
		case <-ended:
			t.Fatal("it has ended")
		case <-end:
			t.Fatal("it does not start")
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// TestReadme goes through what the README has a newcomer do.
func TestReadme(t *testing.T) {
	for _, tool := range []string{"rsyslogd", "nginx", "curl", "jq"} {
		needs.Tool(t, tool)
	}
	steps := readme.Steps(t, "../../README.md", "Try the logs, without AWS")
	if len(steps) < 4 || steps[0].Command != "make try-logs" || steps[1].Command != "source "+envFile {
		t.Fatalf("the section begins with %v", steps[:min(2, len(steps))])
	}
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, filepath.Dir(envFile)), 0o755); err != nil {
		t.Fatal(err)
	}
	started(t, filepath.Join(dir, envFile))
	var script, want strings.Builder
	for _, s := range steps[1:] {
		script.WriteString(s.Command + "\n")
		for _, line := range s.Shown {
			want.WriteString(line + "\n")
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	shell := exec.CommandContext(ctx, "bash", "-c", script.String())
	shell.Dir, shell.WaitDelay = dir, time.Second
	if got, err := shell.CombinedOutput(); err != nil || string(got) != want.String() {
		t.Errorf("%v, got\n%s\nwant\n%s", err, got, want.String())
	}
}
