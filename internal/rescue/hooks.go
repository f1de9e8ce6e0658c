package rescue

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"
)

// What becomes of a hook.
const (
	hookStarted = "started"
	hookOK      = "ok"
)

const (
	// hookLines and hookLine bound what a hook says in the log.
	hookLines = 200
	hookLine  = 1 << 10
	// pipeGrace is how long the output of a hook that has ended is read on,
	// should something it has left behind keep it open.
	pipeGrace = 200 * time.Millisecond
)

// hookName is the form of a hook's name: editors' and package managers'
// leftovers have others.
var hookName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*$`)

var leftovers = []string{".bak", ".orig", ".rpmsave", ".rpmnew", ".rpmorig", ".dpkg-old", ".dpkg-dist", ".dpkg-new", ".dpkg-tmp"}

// hooks lists the hooks of a directory in lexical order. A directory that does
// not exist has none.
func hooks(directory string) ([]string, error) {
	entries, err := os.ReadDir(directory)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	var names []string
	for _, entry := range entries {
		info, failed := os.Stat(filepath.Join(directory, entry.Name()))
		leftover := false
		for _, suffix := range leftovers {
			leftover = leftover || strings.HasSuffix(entry.Name(), suffix)
		}
		if failed == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 && hookName.MatchString(entry.Name()) && !leftover {
			names = append(names, entry.Name())
		}
	}
	return names, err
}

// share is the deadline of the next of n hooks that are left until end: an
// equal part of the time, so that one that hangs takes none of the others', and
// one that is quick leaves them more.
func share(now, end time.Time, n int) time.Time {
	return now.Add(max(0, end.Sub(now)) / time.Duration(max(1, n)))
}

// runHook runs a program in a process group of its own, which is asked to end
// when nine tenths of its time are over, and killed with the last.
func runHook(ctx context.Context, log *slog.Logger, program string, env []string, now, deadline time.Time) error {
	allowed := deadline.Sub(now)
	if allowed <= 0 {
		return errors.New("no time is left for it")
	}
	output := &lineLogger{log: log}
	cmd := exec.Command(program)
	cmd.Dir, cmd.Env = "/", env
	cmd.Stdout, cmd.Stderr = output, output
	cmd.WaitDelay = pipeGrace
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	ask, kill := time.NewTimer(allowed*9/10), time.NewTimer(allowed)
	defer ask.Stop()
	defer kill.Stop()
	signal := func(s syscall.Signal) {
		// Its group may be gone by now.
		_ = syscall.Kill(-cmd.Process.Pid, s)
	}
	var reason error
	for {
		select {
		case <-ask.C:
			reason = fmt.Errorf("its time of %s was over", allowed.Round(time.Millisecond))
			signal(syscall.SIGTERM)
		case <-kill.C:
			signal(syscall.SIGKILL)
		case <-ctx.Done():
			reason = context.Cause(ctx)
			signal(syscall.SIGKILL)
			ctx = context.WithoutCancel(ctx)
		case err := <-ended:
			output.flush()
			if reason != nil {
				signal(syscall.SIGKILL) // what it has left behind
				return errors.Join(reason, err)
			}
			if errors.Is(err, exec.ErrWaitDelay) {
				return nil
			}
			return err
		}
	}
}

// lineLogger logs what is written to it line by line.
type lineLogger struct {
	log   *slog.Logger
	rest  []byte
	lines int
}

func (l *lineLogger) Write(p []byte) (int, error) {
	l.rest = append(l.rest, p...)
	for {
		line, rest, found := bytes.Cut(l.rest, []byte("\n"))
		if !found && len(l.rest) < hookLine {
			return len(p), nil
		}
		if !found {
			line, rest = l.rest[:hookLine], l.rest[hookLine:]
		}
		l.say(line)
		l.rest = append([]byte(nil), rest...)
	}
}

func (l *lineLogger) flush() {
	if len(l.rest) > 0 {
		l.say(l.rest)
	}
}

func (l *lineLogger) say(line []byte) {
	l.lines++
	switch {
	case l.lines < hookLines:
		l.log.Info("hook says", "line", strings.ToValidUTF8(string(line), "?"))
	case l.lines == hookLines:
		l.log.Warn("hook says too much: the rest is left out")
	}
}
