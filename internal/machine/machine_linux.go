// Package machine makes machines to throw away: this system below a layer in
// memory, in which everything may be written and nothing stays. They are made
// in namespaces of their own, so that port 80 is free and that whatever a
// machine has started and mounted ends with the process that made it.
package machine

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"
)

// Namespaces are those of mounts, network and processes, for a process that is
// to make machines. They need the superuser.
const Namespaces = syscall.CLONE_NEWNS | syscall.CLONE_NEWNET | syscall.CLONE_NEWPID

// RaiseLoopback makes 127.0.0.1 reachable in a new network namespace.
func RaiseLoopback() (err error) {
	socket, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, unix.Close(socket)) }()
	request, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	request.SetUint16(unix.IFF_UP)
	return unix.IoctlIfreq(socket, unix.SIOCSIFFLAGS, request)
}

// Machine is a throw-away machine.
type Machine struct {
	// Root is its root directory, as this process sees it.
	Root string
	base string
}

// New makes a machine on base, an empty directory, in the mount namespace of
// this process. The caller removes it, or ends with its namespace.
func New(base string) (*Machine, error) {
	m := &Machine{Root: filepath.Join(base, "root"), base: base}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return nil, fmt.Errorf("private mounts: %w", err)
	}
	if err := mount("layer", base, "tmpfs", ""); err != nil {
		return nil, err
	}
	if err := m.build(); err != nil {
		return nil, errors.Join(err, m.Remove())
	}
	return m, nil
}

func mount(source, target, kind, data string) error {
	if err := os.MkdirAll(target, 0o755); err != nil {
		return err
	}
	if err := unix.Mount(source, target, kind, 0, data); err != nil {
		return fmt.Errorf("mount %s: %w", target, err)
	}
	return nil
}

func (m *Machine) build() error {
	upper, work := filepath.Join(m.base, "upper"), filepath.Join(m.base, "work")
	if err := errors.Join(os.Mkdir(upper, 0o755), os.Mkdir(work, 0o755)); err != nil {
		return err
	}
	for _, each := range []struct{ source, target, kind, data string }{
		{"machine", m.Root, "overlay", "lowerdir=/,upperdir=" + upper + ",workdir=" + work},
		{"proc", m.Path("proc"), "proc", ""},
		{"run", m.Path("run"), "tmpfs", ""},
		{"tmp", m.Path("tmp"), "tmpfs", ""},
		{"dev", m.Path("dev"), "tmpfs", ""},
	} {
		if err := mount(each.source, each.target, each.kind, each.data); err != nil {
			return err
		}
	}
	return m.populate()
}

// populate adds what a boot does before user data: devices, and directories
// that do not outlast one. /dev/console is a file, so that it can be read.
func (m *Machine) populate() error {
	for name, minor := range map[string]uint32{"null": 3, "zero": 5, "random": 8, "urandom": 9} {
		if err := unix.Mknod(m.Path("dev", name), unix.S_IFCHR|0o666, int(unix.Mkdev(1, minor))); err != nil {
			return err
		}
		if err := os.Chmod(m.Path("dev", name), 0o666); err != nil { // umask
			return err
		}
	}
	if err := os.WriteFile(m.Path("dev/console"), nil, 0o644); err != nil {
		return err
	}
	if err := os.Symlink("/proc/self/fd", m.Path("dev/fd")); err != nil {
		return err
	}
	for _, dir := range []string{"dev/shm", "run/lock"} {
		if err := os.Mkdir(m.Path(dir), 0o777); err != nil {
			return err
		}
	}
	// No systemd runs here: the agent's unit is started by a stand-in.
	if err := os.WriteFile(m.Path("usr/local/sbin/systemctl"), []byte(systemctl), 0o755); err != nil {
		return err
	}
	for _, leftover := range []string{"etc/tandem", "opt/tandem", "var/lib/tandem", "var/log/tandem", "usr/local/sbin/tandem-setup", "usr/local/bin/spotwatch", "var/lib/spotwatch", "usr/local/sbin/tandem-logs", "var/lib/tandem-logs"} {
		if err := os.RemoveAll(m.Path(leftover)); err != nil {
			return err
		}
	}
	return nil
}

// SearchPath is a machine's PATH, on which its own programs come first.
func SearchPath() string { return "/usr/local/sbin:" + os.Getenv("PATH") }

// Path is where this process finds a file of the machine.
func (m *Machine) Path(elem ...string) string {
	return filepath.Join(append([]string{m.Root}, elem...)...)
}

// Command is a program of the machine, in a process group of its own.
func (m *Machine) Command(program string, env []string) *exec.Cmd {
	cmd := exec.Command(program)
	cmd.Dir, cmd.Env = "/", env
	cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: m.Root, Setpgid: true}
	return cmd
}

// userDataFile is where user data is kept.
const userDataFile = "var/lib/cloud-user-data"

// UserData is the machine's first boot: the command that runs a script as
// cloud-init does.
func (m *Machine) UserData(script string, env []string) (*exec.Cmd, error) {
	if err := os.WriteFile(m.Path(userDataFile), []byte(script), 0o700); err != nil {
		return nil, err
	}
	return m.Command("/"+userDataFile, env), nil
}

// Remove takes the machine's file systems away.
func (m *Machine) Remove() error { return unix.Unmount(m.base, unix.MNT_DETACH) }

// systemctl runs the agent as its unit says, and notes what else it was asked
// for about the agent. All other units are the system's.
const systemctl = `#!/bin/bash
set -euo pipefail
pid=/run/spotwatch.pid unit=/etc/systemd/system/spotwatch.service
case "$*" in
"is-active --quiet spotwatch.service") [ -e $pid ] && kill -0 "$(< $pid)"; exit ;;
"restart spotwatch.service")
	[ ! -e $pid ] || kill "$(< $pid)"
	set -a; source "$(sed -n 's/^EnvironmentFile=\([^-]\)/\1/p' $unit)"; set +a
	setsid "$(sed -n 's/^ExecStart=//p' $unit)" > /dev/null 2>&1 < /dev/null 9>&- &
	echo $! > $pid ;;
*spotwatch.service | daemon-reload) ;;
*) exec /usr/bin/systemctl "$@" ;;
esac
echo "$*" >> /var/log/systemctl
`
