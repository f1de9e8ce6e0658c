//go:build unix

package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/tandem-iac/tandem/internal/needs"
	"github.com/tandem-iac/tandem/internal/readme"
)

// envFile is where the README has it.
const envFile = "bin/try-logs.env"

// TestMain is also the program, with arguments of its own.
func TestMain(m *testing.M) {
	if os.Getenv("TRY_LOGS_TEST_PROGRAM") != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// program is the program, with what it says.
func program(t *testing.T, args ...string) (cmd *exec.Cmd, said *strings.Builder) {
	t.Helper()
	cmd, said = exec.Command(os.Args[0], args...), new(strings.Builder)
	cmd.Env = append(os.Environ(), "TRY_LOGS_TEST_PROGRAM=1")
	cmd.Stdout, cmd.Stderr = said, said
	return cmd, said
}

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
		if info, err := os.Stat(file); err == nil && info.Size() > 0 {
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
	second, said := program(t, "-env", filepath.Join(dir, envFile))
	refusal := fmt.Sprintf("is that of process %d, which still runs: end it first", os.Getpid())
	if err := second.Run(); err == nil || !strings.Contains(said.String(), refusal) {
		t.Errorf("a second one ends with %v and says %s", err, said)
	}
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

// TestInterruptedWhileBuilding presses Ctrl-C, which every process of the terminal
// gets, before anything runs.
func TestInterruptedWhileBuilding(t *testing.T) {
	dir, temporary := t.TempDir(), t.TempDir()
	cmd, said := program(t, "-env", filepath.Join(dir, envFile))
	cmd.Env = append(cmd.Env, "TMPDIR="+temporary)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Stdout = nil
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(stdout)
	if !lines.Scan() || !strings.HasPrefix(lines.Text(), "building and starting") {
		t.Errorf("it begins with %q", lines.Text())
	}
	building := func() bool {
		entries, err := filepath.Glob(filepath.Join(temporary, "tandem-logs-*", "*"))
		return err != nil || len(entries) > 0
	}
	for end := time.Now().Add(patience); !building(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("it does not build")
		}
	}
	if err := syscall.Kill(-cmd.Process.Pid, syscall.SIGINT); err != nil {
		t.Error(err)
	}
	for lines.Scan() {
		fmt.Fprintln(said, lines.Text())
	}
	if err := cmd.Wait(); err != nil || said.String() != "" {
		t.Errorf("it ends with %v and says %s", err, said)
	}
	for _, left := range []string{temporary, filepath.Join(dir, filepath.Dir(envFile))} {
		if entries, err := os.ReadDir(left); err != nil || len(entries) > 0 {
			t.Errorf("%s holds %v, %v", left, entries, err)
		}
	}
}
