//go:build unix

package main

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/tandem-iac/tandem/internal/fleettest"
)

// computer is a machine that boots.
type computer interface {
	fleettest.Host
	// kind says what it is.
	kind() string
	// first is the command of the first boot.
	first(ctx context.Context) (*exec.Cmd, error)
}

// launch makes the machine of an instance and has it boot.
func (s *session) launch(id string) (fleettest.Host, error) {
	s.mu.Lock()
	real := s.whyNone == "" && s.real == ""
	if real {
		s.real = id
	}
	s.mu.Unlock()
	var c computer
	var err error
	if real {
		c, err = s.newHost(id)
	} else {
		c, err = s.newStandIn(id)
	}
	if err != nil {
		return nil, err
	}
	s.boots.Add(1)
	go func() {
		defer s.boots.Done()
		s.boot(id, c)
	}()
	return c, nil
}

// gone lets the next instance have the throw-away machine.
func (s *session) gone(id string) {
	s.mu.Lock()
	if s.real == id {
		s.real = ""
	}
	s.mu.Unlock()
	s.say(id, "is gone")
}

func (s *session) boot(id string, c computer) {
	s.say(id, "boots: %s", c.kind())
	if err := s.runFirst(id, c); err != nil {
		s.say(id, "has not come up: %v", err)
		s.say(id, "mend that, set the desired capacity to 0, and back")
		return
	}
	s.say(id, "is up, at %s", c.URL())
}

func (s *session) runFirst(id string, c computer) error {
	cmd, err := c.first(s.ctx)
	if err != nil {
		return err
	}
	log, err := os.Create(filepath.Join(s.dir, id+".log"))
	if err != nil {
		return err
	}
	defer log.Close()
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Run(); err != nil {
		if last := lastLine(log.Name()); last != "" {
			return errors.New(last)
		}
		return err
	}
	return nil
}

// lastLine is what a log ends with, without its time.
func lastLine(file string) string {
	text, err := os.ReadFile(file)
	if err != nil {
		return ""
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	last := lines[len(lines)-1]
	if at, rest, ok := strings.Cut(last, " "); ok {
		if _, err := time.Parse(time.RFC3339, at); err == nil {
			return rest
		}
	}
	return last
}

// grouped makes a command one that is killed with all it has started.
func grouped(cmd *exec.Cmd) *exec.Cmd {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = 10 * time.Second
	return cmd
}
