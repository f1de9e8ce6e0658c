package fleettest

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"github.com/tandem-iac/tandem/internal/fleet"
)

// Machine stands for what runs on an instance.
type Machine struct {
	// Root is its file system, as far as it has one.
	Root string

	id    string
	cloud *Cloud
	host  Host

	mu       sync.Mutex
	draining int // how often it is still seen draining
	commands []*command
	stopped  bool
}

// Host is what a machine runs on.
type Host interface {
	// Command is a script of Systems Manager, to be started in a process group
	// of its own. Its output is not set.
	Command(script string) (*exec.Cmd, error)
	// URL is where the machine answers over HTTP. Empty: nowhere yet.
	URL() string
	Stop()
}

// directory is a Host whose file system is below root.
type directory struct {
	root string
	web  *httptest.Server
}

func (d directory) Command(script string) (*exec.Cmd, error) {
	file, err := os.CreateTemp(d.root, "command-*")
	if err != nil {
		return nil, err
	}
	_, err = file.WriteString(Rooted(d.root, script))
	return exec.Command("bash", file.Name()), errors.Join(err, file.Close())
}

func (d directory) URL() string { return d.web.URL }
func (d directory) Stop()       { d.web.Close() }

// setup stands for the setup script: it takes the health file away, installs,
// and puts it back as the last step. Files in /srv make it misbehave.
const setup = `#!/bin/bash
set -euo pipefail
version=${VERSION:-$(cat /srv/stable)}
playbook=${ANS_VERSION:-$(cat /srv/stable-playbook)}
echo "$version" >> /srv/setups
rm -f /srv/www/health /etc/tandem/release
if [ -e "/srv/slow-$version" ]; then sleep "$(cat "/srv/slow-$version")"; fi
if [ -e "/srv/stumble" ]; then
	rm /srv/stumble
	exit 1
fi
if [ -e "/srv/break-$version" ] || [ -e "/srv/break-by-$playbook" ]; then
	echo "TASK [start the service] failed"
	exit 2
fi
printf 'SERVICE_VERSION=%s\nPLAYBOOK_VERSION=%s\n' "$version" "$playbook" > /etc/tandem/release
[ -e "/srv/sick-$version" ] || echo fine > /srv/www/health
`

// Machine returns that of an instance. It comes up with the stable release.
func (c *Cloud) Machine(id string) *Machine {
	c.mu.Lock()
	defer c.mu.Unlock()
	if m := c.machines[id]; m != nil {
		return m
	}
	m := &Machine{Root: c.cfg.Dir(), id: id, cloud: c}
	c.machines[id] = m
	if c.cfg.Launch == nil {
		m.comeUp(c.stable)
		return m
	}
	host, err := c.cfg.Launch(id)
	if err != nil {
		c.cfg.Report(fmt.Errorf("instance %s: %w", id, err))
		m.stopped = true
		return m
	}
	m.host = host
	return m
}

// comeUp makes the machine a stand-in that has a release.
func (m *Machine) comeUp(stable int) {
	for name, text := range map[string]string{
		"usr/local/sbin/tandem-setup": Rooted(m.Root, setup),
		"etc/tandem/release":          fmt.Sprintf("SERVICE_VERSION=%d\nPLAYBOOK_VERSION=%d\n", stable, Playbook),
		"srv/stable":                  strconv.Itoa(stable),
		"srv/stable-playbook":         strconv.Itoa(Playbook),
		"srv/www/health":              "fine",
	} {
		path := filepath.Join(m.Root, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o755)); err != nil {
			m.cloud.cfg.Report(err)
		}
	}
	m.host = directory{m.Root, httptest.NewServer(http.FileServer(http.Dir(filepath.Join(m.Root, "srv/www"))))}
	m.tag()
}

// Rooted moves the paths of a script below a root.
func Rooted(root, script string) string {
	for _, dir := range []string{"/usr/local/sbin/", "/etc/tandem/", "/srv/"} {
		script = strings.ReplaceAll(script, dir, root+dir)
	}
	return script
}

// Stable makes a playbook latest-stable on the machine.
func (m *Machine) Stable(playbook int) { m.put("stable-playbook", strconv.Itoa(playbook)) }

// BreakBy makes setups by a playbook fail.
func (m *Machine) BreakBy(playbook int) { m.put(fmt.Sprintf("break-by-%d", playbook), "") }

// Break makes setups of a version fail.
func (m *Machine) Break(version int) { m.put(fmt.Sprintf("break-%d", version), "") }

// Sick makes the health check of a version never pass.
func (m *Machine) Sick(version int) { m.put(fmt.Sprintf("sick-%d", version), "") }

// Stumble makes the next setup fail.
func (m *Machine) Stumble() { m.put("stumble", "") }

// TakeHealthAway makes the health check fail until the next setup.
func (m *Machine) TakeHealthAway() {
	if err := os.Remove(filepath.Join(m.Root, "srv/www/health")); err != nil {
		m.cloud.cfg.Report(err)
	}
}

// Slow makes setups of a version take seconds.
func (m *Machine) Slow(version int, seconds float64) {
	m.put(fmt.Sprintf("slow-%d", version), strconv.FormatFloat(seconds, 'f', -1, 64))
}

func (m *Machine) put(name, text string) {
	if err := os.WriteFile(filepath.Join(m.Root, "srv", name), []byte(text), 0o644); err != nil {
		m.cloud.cfg.Report(err)
	}
}

// Release is what is in place.
func (m *Machine) Release() fleet.Release {
	values := m.record()
	return fleet.ParseRelease(values["SERVICE_VERSION"], values["PLAYBOOK_VERSION"])
}

func (m *Machine) record() map[string]string {
	data, _ := os.ReadFile(filepath.Join(m.Root, "etc/tandem/release"))
	values := map[string]string{}
	for line := range strings.Lines(string(data)) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		values[key] = value
	}
	return values
}

// Setups are the versions whose setup has been started.
func (m *Machine) Setups() string {
	data, _ := os.ReadFile(filepath.Join(m.Root, "srv/setups"))
	return strings.Join(strings.Fields(string(data)), " ")
}

func (m *Machine) tag() {
	values := m.record()
	if values["SERVICE_VERSION"] == "" {
		m.cloud.Tag(m.id, map[string]string{fleet.ReleaseTag: fleet.Broken})
		return
	}
	m.cloud.Tag(m.id, map[string]string{fleet.ReleaseTag: values["SERVICE_VERSION"], fleet.PlaybookTag: values["PLAYBOOK_VERSION"]})
}

// URL is where the machine answers over HTTP. Empty: nowhere.
func (m *Machine) URL() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.stopped {
		return ""
	}
	return m.host.URL()
}

func (m *Machine) healthy() bool {
	answer, err := http.Get(m.URL() + "/health")
	if err != nil {
		return false
	}
	answer.Body.Close()
	return answer.StatusCode == http.StatusOK
}

// command is a script that runs, or has run, on a machine.
type command struct {
	cmd            *exec.Cmd
	stdout, stderr bytes.Buffer
	done           chan struct{}
	code           int
}

func (m *Machine) run(script string) (*command, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.stopped {
		return nil, errors.New("the machine is off")
	}
	cmd, err := m.host.Command(script)
	if err != nil {
		return nil, err
	}
	c := &command{cmd: cmd, done: make(chan struct{})}
	c.cmd.Stdout, c.cmd.Stderr = &c.stdout, &c.stderr
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := c.cmd.Start(); err != nil {
		return nil, err
	}
	m.commands = append(m.commands, c)
	go func() {
		defer close(c.done)
		_ = c.cmd.Wait() // the code tells
		c.code = c.cmd.ProcessState.ExitCode()
		if m.cloud.cfg.Ran != nil {
			m.cloud.cfg.Ran(m.id, c.code)
		}
		m.mu.Lock()
		defer m.mu.Unlock()
		if !m.stopped && m.cloud.cfg.Launch == nil { // others do it themselves
			m.tag()
		}
	}()
	return c, nil
}

// kill ends a command and all that it has started.
func (c *command) kill() {
	_ = syscall.Kill(-c.cmd.Process.Pid, syscall.SIGKILL) // it may have ended
	<-c.done
}

func (m *Machine) stop() {
	m.mu.Lock()
	if m.stopped {
		m.mu.Unlock()
		return
	}
	m.stopped = true
	commands := m.commands
	m.mu.Unlock()
	for _, c := range commands {
		select {
		case <-c.done:
		default:
			c.kill()
		}
	}
	m.host.Stop()
}

func (c *Cloud) stop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, m := range c.machines {
		m.stop()
	}
}
