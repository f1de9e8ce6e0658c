// Package child starts programs that do not outlive this one: on Linux the
// kernel kills them with it, however it ends.
package child

import (
	"errors"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// Process is a program that was started.
type Process struct {
	cmd *exec.Cmd
	// ended is closed when the process has, with err.
	ended chan struct{}
	err   error
}

// Start starts cmd, which is otherwise as exec.Command has made it, and waits
// for its end in the background. The caller kills or stops it.
func Start(cmd *exec.Cmd) (*Process, error) {
	attach(cmd)
	p := &Process{cmd: cmd, ended: make(chan struct{})}
	started := make(chan error, 1)
	go func() {
		// The thread that starts a process is the parent it dies with.
		lockThread(func() {
			err := cmd.Start()
			started <- err
			if err == nil {
				p.err = cmd.Wait()
				close(p.ended)
			}
		})
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	return p, nil
}

// PID is the process's id.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Ended is closed when the process has ended.
func (p *Process) Ended() <-chan struct{} { return p.ended }

// Err is how it ended, once it has: as of exec.Cmd.Wait.
func (p *Process) Err() error { return p.err }

// Usage is what it has used, once it has ended.
func (p *Process) Usage() *os.ProcessState { return p.cmd.ProcessState }

// Kill ends the process and its process group at once and waits for its end.
func (p *Process) Kill() error {
	select {
	case <-p.ended:
		return nil
	default:
	}
	if err := ignoreGone(killGroup(p.PID())); err != nil {
		return err
	}
	<-p.ended
	return nil
}

// Sweep kills what a process that has just ended has left in its process group.
func (p *Process) Sweep() error { return ignoreGone(sweepGroup(p.PID())) }

// ignoreGone returns nil where there was nothing to kill.
func ignoreGone(err error) error {
	if errors.Is(err, os.ErrProcessDone) || errors.Is(err, syscall.ESRCH) {
		return nil
	}
	return err
}

// Stop asks the process to end, and kills it where it has not after grace.
func (p *Process) Stop(grace time.Duration) error {
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case <-p.ended:
		return nil
	case <-time.After(grace):
		return p.Kill()
	}
}
