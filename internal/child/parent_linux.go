package child

import (
	"os/exec"
	"runtime"
	"syscall"
)

// attach makes the kernel kill the process when the thread that starts it
// ends. A group of its own keeps a terminal's Ctrl-C to the parent.
func attach(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
}

func lockThread(body func()) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	body()
}

// killGroup kills the process and what it has started in its group.
func killGroup(pid int) error { return syscall.Kill(-pid, syscall.SIGKILL) }

// The number of a group is given to nobody else while it has members; where it
// has none, there is nothing to kill.
func sweepGroup(pid int) error { return killGroup(pid) }
