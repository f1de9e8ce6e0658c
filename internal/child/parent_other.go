//go:build !linux

package child

import (
	"os"
	"os/exec"
)

func attach(*exec.Cmd) {}

func lockThread(body func()) { body() }

func killGroup(pid int) error {
	p, err := os.FindProcess(pid)
	if err != nil {
		return err
	}
	return p.Kill()
}

// sweepGroup does nothing: there are no groups.
func sweepGroup(int) error { return nil }
