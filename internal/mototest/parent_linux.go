package mototest

import (
	"os/exec"
	"runtime"
	"syscall"
)

// dieWithParent makes the kernel kill the process when the thread that starts
// it ends, so that no server outlives a test that was killed.
func dieWithParent(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}

func lockThread(body func()) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	body()
}
