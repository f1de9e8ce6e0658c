//go:build unix

package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
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

// clone is a directory like the project's as far as the README needs it, with
// a session that runs in it.
type clone struct {
	dir  string
	try  *exec.Cmd
	said *bytes.Buffer
}

// newClone builds the programs and starts a session.
func newClone(t *testing.T, args ...string) *clone {
	t.Helper()
	needs.Tool(t, "aws")
	c := &clone{dir: filepath.Join(t.TempDir(), "tandem"), said: new(bytes.Buffer)}
	playbook := filepath.Join(c.dir, "instance", "playbook")
	if err := os.MkdirAll(playbook, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(playbook, os.DirFS("../../instance/playbook")); err != nil {
		t.Fatal(err)
	}
	bin := filepath.Join(c.dir, "bin")
	build := exec.Command("go", "build", "-buildvcs=false", "-o", bin+"/", ".", "../../cmd/tandem", "../../cmd/spotwatch")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, arch := range []string{"amd64", "arm64"} {
		if err := os.Link(filepath.Join(bin, "spotwatch"), filepath.Join(bin, "spotwatch-linux-"+arch)); err != nil {
			t.Fatal(err)
		}
	}
	c.try = exec.Command("bin/try", args...)
	// What it leaves there would be seen.
	c.try.Dir, c.try.Env = c.dir, append(os.Environ(), "TMPDIR="+t.TempDir())
	c.try.Stdout, c.try.Stderr = c.said, c.said
	if err := c.try.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.interrupt(t) })
	c.until(t, `[ -s bin/try.env ]`)
	return c
}

// interrupt ends the session, which has to take everything with it.
func (c *clone) interrupt(t *testing.T) {
	t.Helper()
	if err := c.try.Process.Signal(syscall.SIGINT); err != nil {
		t.Error(err)
	}
	if err := c.try.Wait(); err != nil {
		t.Errorf("an interrupted try: %v", err)
	}
	if t.Failed() {
		t.Logf("it said:\n%s", c.said)
	}
	if _, err := os.Stat(filepath.Join(c.dir, "bin/try.env")); err == nil {
		t.Error("bin/try.env is still there")
	}
	for _, entry := range c.try.Env {
		if tmp, ok := strings.CutPrefix(entry, "TMPDIR="); ok {
			if left, err := os.ReadDir(tmp); err == nil && len(left) > 0 && strings.HasPrefix(left[0].Name(), "tandem-try-") {
				t.Errorf("%s is left behind", left[0].Name())
			}
		}
	}
}

// shell runs a command as in the second shell.
func (c *clone) shell(t *testing.T, command string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "bash", "-c", "[ ! -s bin/try.env ] || source bin/try.env\n"+command)
	cmd.Dir = c.dir
	cmd.WaitDelay = time.Second
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func (c *clone) must(t *testing.T, command string) string {
	t.Helper()
	out, err := c.shell(t, command)
	if err != nil {
		t.Fatalf("%s: %v\n%s", command, err, out)
	}
	return out
}

// until runs a command until it succeeds.
func (c *clone) until(t *testing.T, command string) {
	t.Helper()
	for end := time.Now().Add(2 * time.Minute); ; time.Sleep(100 * time.Millisecond) {
		out, err := c.shell(t, command)
		if err == nil {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%s: %v after two minutes\n%s", command, err, out)
		}
	}
}

// TestReadme goes through what the README has a newcomer do.
func TestReadme(t *testing.T) {
	t.Parallel()
	steps := readme.Steps(t, "../../README.md", "Try the releases, without AWS")
	if len(steps) < 30 || steps[0].Command != "make build" || steps[1].Command != "make try" {
		t.Fatalf("the section has %d commands, and begins with %v", len(steps), steps[:min(2, len(steps))])
	}
	needs.Tool(t, "nagios4")
	c := newClone(t, "-stand-ins")
	for _, s := range steps[2:] {
		out := c.must(t, s.Command)
		rest := out
		for _, line := range s.Shown {
			_, after, found := strings.Cut("\n"+rest, "\n"+line+"\n")
			if !found {
				t.Fatalf("%s: no line %q in\n%s", s.Command, line, out)
			}
			rest = after
		}
	}
	again := exec.Command("bin/try")
	again.Dir = c.dir
	if out, err := again.CombinedOutput(); err == nil || !strings.Contains(string(out), fmt.Sprintf("is that of process %d, which still runs", c.try.Process.Pid)) {
		t.Errorf("a second try: %v\n%s", err, out)
	}
}

// TestThrowAwayMachine boots the one machine that is no stand-in.
func TestThrowAwayMachine(t *testing.T) {
	t.Parallel()
	if why := hostless(); why != "" {
		needs.Skip(t, why)
	}
	c := newClone(t)
	c.must(t, `tandem bootstrap publish
set -e
tandem release build --output playbook.tar.gz --directory instance/playbook .
tandem release publish --artifact web-playbook playbook.tar.gz
tandem release promote --artifact web-playbook latest
mkdir -p ../hello/public
echo 'hello, Apache' > ../hello/public/index.html
tandem release build --directory ../hello .
tandem release publish
tandem release promote latest
aws autoscaling set-desired-capacity --auto-scaling-group-name try-web-spot --desired-capacity 1`)
	c.until(t, `tandem status web | grep '1 by 1 .* healthy '`)
	address := strings.TrimSpace(c.must(t, "echo $TRY_URL"))
	answer, err := http.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(answer.Header.Get("Server"), "Apache") || string(body) != "hello, Apache\n" {
		t.Errorf("%q answers %q, want Apache to serve the page", answer.Header.Get("Server"), body)
	}
	// The group takes it away, and Apache with it.
	id := strings.TrimSpace(c.must(t, `aws autoscaling describe-auto-scaling-instances --query 'AutoScalingInstances[0].InstanceId' --output text`))
	c.must(t, "ps -eo args | grep 'host [{].*"+id+"'")
	c.must(t, `aws autoscaling set-desired-capacity --auto-scaling-group-name try-web-spot --desired-capacity 0`)
	c.until(t, `[ "$(curl -s -o /dev/null -w '%{http_code}' $TRY_URL)" = 503 ]`)
	c.until(t, "! ps -eo args | grep 'host [{].*"+id+"'") // not the command itself
}
