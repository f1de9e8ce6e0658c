package machine

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Booted is a machine with systemd as its first process.
type Booted struct {
	nspawn  *exec.Cmd
	console bytes.Buffer
	ended   chan struct{}
	// leader is systemd's process id as this process sees it.
	leader int
}

// units is where an administrator's units are.
const units = "etc/systemd/system"

// cloudInit runs user data as cloud-init does.
const cloudInit = `[Unit]
After=network.target

[Service]
Type=oneshot
ExecStart=/` + userDataFile + "\n"

// CanBoot says why no systemd can run here: it makes control groups, of version 1
// or 2, and some containers may not.
func CanBoot() error {
	for _, hierarchy := range []string{"/sys/fs/cgroup/systemd", "/sys/fs/cgroup"} {
		if _, err := os.Stat(filepath.Join(hierarchy, "cgroup.procs")); err != nil {
			continue
		}
		group := filepath.Join(hierarchy, fmt.Sprintf("tandem-%d", os.Getpid()))
		if err := os.Mkdir(group, 0o755); err != nil {
			return fmt.Errorf("no systemd can run here: %w", err)
		}
		return os.Remove(group)
	}
	return errors.New("no systemd can run here: there are no control groups")
}

// Boot has systemd start the machine, on this process's network: on a first
// boot with nothing enabled, later with what was enabled in between. User data
// runs unless it is empty. All units have the environment env. The machine is
// starting when Boot returns; the caller ends it with PowerOff or Kill.
func (m *Machine) Boot(userData string, env []string) (*Booted, error) {
	if err := m.leaveToSystemd(); err != nil {
		return nil, err
	}
	if err := m.prepare(userData, env); err != nil {
		return nil, err
	}
	b := &Booted{ended: make(chan struct{})}
	b.nspawn = exec.Command("systemd-nspawn", "--quiet", "--register=no", "--keep-unit", "--link-journal=no", "--console=pipe",
		"--directory="+m.Root, "--boot", "--", "--unit=multi-user.target")
	b.nspawn.Stdout, b.nspawn.Stderr = &b.console, &b.console
	if err := b.nspawn.Start(); err != nil {
		return nil, err
	}
	go func() {
		defer close(b.ended)
		_ = b.nspawn.Wait() // the console says how it ended
	}()
	if err := b.find(); err != nil {
		return nil, errors.Join(err, b.nspawn.Process.Kill())
	}
	return b, nil
}

// leaveToSystemd takes away, before the first boot, what stands in for it and
// what this system has enabled.
func (m *Machine) leaveToSystemd() error {
	if err := os.Remove(m.Path("usr/local/sbin/systemctl")); errors.Is(err, os.ErrNotExist) {
		return nil
	} else if err != nil {
		return err
	}
	for _, dir := range []string{"proc", "run", "tmp", "dev"} {
		if err := unix.Unmount(m.Path(dir), 0); err != nil {
			return fmt.Errorf("unmount %s: %w", m.Path(dir), err)
		}
	}
	var err error
	for _, pattern := range []string{m.Path(units, "*.wants/*"), m.Path("etc/rc?.d/*")} {
		enabled, bad := filepath.Glob(pattern)
		err = errors.Join(err, bad)
		for _, link := range enabled {
			err = errors.Join(err, os.Remove(link))
		}
	}
	// A machine's console is a pipe here, which nobody can log in from.
	if err = errors.Join(err, os.Symlink(os.DevNull, m.Path(units, "console-getty.service"))); err != nil {
		return err
	}
	// systemd-nspawn reads of processes, which are those of this namespace.
	return mount("proc", "/proc", "proc", "")
}

// prepare writes what a boot reads.
func (m *Machine) prepare(userData string, env []string) error {
	quoted := make([]string, len(env))
	for i, each := range env {
		quoted[i] = strconv.Quote(each)
	}
	for _, file := range []struct {
		name, text string
		mode       os.FileMode
	}{
		{"etc/systemd/system.conf.d/environment.conf", "[Manager]\nDefaultEnvironment=" + strings.Join(quoted, " ") + "\n", 0o644},
		{units + "/cloud-init.service", cloudInit, 0o644},
		{userDataFile, userData, 0o700},
	} {
		if err := os.MkdirAll(filepath.Dir(m.Path(file.name)), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(m.Path(file.name), []byte(file.text), file.mode); err != nil {
			return err
		}
	}
	link := m.Path(units, "multi-user.target.wants/cloud-init.service")
	if userData == "" {
		return os.RemoveAll(link)
	}
	return errors.Join(os.MkdirAll(filepath.Dir(link), 0o755), os.Symlink("../cloud-init.service", link))
}

// find waits for systemd, the one child of systemd-nspawn, to answer.
func (b *Booted) find() error {
	pid := b.nspawn.Process.Pid
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		select {
		case <-b.ended:
			return fmt.Errorf("systemd-nspawn has ended:\n%s", &b.console)
		default:
		}
		children, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%[1]d/children", pid))
		if err != nil {
			continue
		}
		if b.leader, err = strconv.Atoi(strings.TrimSpace(string(children))); err != nil {
			continue
		}
		// It fails while the machine is starting, which is said.
		if said, _ := b.Command("systemctl", "is-system-running").Output(); slices.Contains(states, strings.TrimSpace(string(said))) {
			return nil
		}
	}
	return errors.New("no systemd answers in the machine")
}

// states are those of a systemd that answers.
var states = []string{"initializing", "starting", "running", "degraded"}

// Command is a program of the machine.
func (b *Booted) Command(program string, args ...string) *exec.Cmd {
	return exec.Command("nsenter", append([]string{"--target", strconv.Itoa(b.leader), "--all", program}, args...)...)
}

// PowerOff has systemd end everything in order, and waits until it has.
func (b *Booted) PowerOff() error {
	if out, err := b.Command("systemctl", "poweroff").CombinedOutput(); err != nil {
		return fmt.Errorf("systemctl poweroff: %w\n%s", err, out)
	}
	select {
	case <-b.ended:
		return nil
	case <-time.After(2 * time.Minute):
		return errors.New("the machine does not end")
	}
}

// Kill takes the machine's power, if it still has any.
func (b *Booted) Kill() error {
	select {
	case <-b.ended:
		return nil
	default:
	}
	err := unix.Kill(b.leader, syscall.SIGKILL)
	<-b.ended
	return err
}
