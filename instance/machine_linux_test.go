package instance_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tandem-iac/tandem/internal/moto"
	"github.com/tandem-iac/tandem/internal/needs"
)

// isolated says that the tests run in namespaces of their own.
const isolated = "TANDEM_TEST_ISOLATED"

// TestMain runs the tests of the superuser in a network of their own, where
// port 80 is free, and among processes of their own, which end with them.
func TestMain(m *testing.M) {
	if os.Geteuid() == 0 && os.Getenv(isolated) == "" {
		code, err := isolate()
		if !errors.Is(err, syscall.EPERM) {
			if err != nil {
				fmt.Fprintln(os.Stderr, "namespaces:", err)
			}
			os.Exit(code)
		}
	}
	os.Exit(m.Run())
}

// isolate runs this program again and returns its exit code.
func isolate() (int, error) {
	if _, err := exec.LookPath("moto_server"); err != nil {
		// It will be installed, for which there has to be a network.
		server, err := moto.Start(context.Background())
		if err != nil {
			return 1, err
		}
		if err := server.Stop(); err != nil {
			return 1, err
		}
	}
	runtime.LockOSThread() // which the child dies with
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Env = append(os.Environ(), isolated+"=1")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWNET | syscall.CLONE_NEWPID,
		Pdeathsig:  syscall.SIGKILL,
	}
	err := cmd.Run()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0, nil
	case errors.As(err, &exit):
		return exit.ExitCode(), nil
	}
	return 1, err
}

// requireMachines skips a test where there can be no machines, and fails it
// where what they run is missing.
func requireMachines(t *testing.T) {
	t.Helper()
	if os.Getenv(isolated) == "" {
		needs.Skip(t, "needs the superuser's right to make namespaces")
	}
	for _, command := range []string{"aws", "ansible-playbook", "apache2"} {
		if _, err := exec.LookPath(command); err != nil {
			t.Fatalf("%s is missing: run the tests with make, which installs it", command)
		}
	}
	if err := raiseLoopback(); err != nil {
		t.Fatal(err)
	}
}

func raiseLoopback() (err error) {
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

// machine is this system below a layer in memory, in which everything may be
// written and nothing stays.
type machine struct {
	root string
	// env is what cloud-init and Systems Manager start scripts with, and what
	// leads AWS tools to the stand-in.
	env []string
}

func newMachine(t *testing.T, endpoint string) *machine {
	t.Helper()
	base := t.TempDir()
	m := &machine{root: filepath.Join(base, "root"), env: []string{"PATH=" + os.Getenv("PATH")}}
	for name, value := range moto.Environment(endpoint) {
		m.env = append(m.env, name+"="+value)
	}
	mount := func(source, target, kind, data string) {
		t.Helper()
		if err := os.MkdirAll(target, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := unix.Mount(source, target, kind, 0, data); err != nil {
			t.Fatalf("mount %s: %v", target, err)
		}
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		t.Fatal(err)
	}
	mount("layer", base, "tmpfs", "")
	t.Cleanup(func() {
		if err := unix.Unmount(base, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	upper, work := filepath.Join(base, "upper"), filepath.Join(base, "work")
	for _, dir := range []string{upper, work} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	mount("machine", m.root, "overlay", "lowerdir=/,upperdir="+upper+",workdir="+work)
	mount("proc", m.path("proc"), "proc", "")
	for _, dir := range []string{"run", "tmp", "dev"} {
		mount(dir, m.path(dir), "tmpfs", "")
	}
	m.populate(t)
	return m
}

// populate adds what a boot does before user data: devices, and directories
// that do not outlast one. /dev/console is a file, so that it can be read.
func (m *machine) populate(t *testing.T) {
	t.Helper()
	for name, minor := range map[string]uint32{"null": 3, "zero": 5, "random": 8, "urandom": 9} {
		if err := unix.Mknod(m.path("dev", name), unix.S_IFCHR|0o666, int(unix.Mkdev(1, minor))); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(m.path("dev", name), 0o666); err != nil { // umask
			t.Fatal(err)
		}
	}
	write(t, m.path("dev/console"), "")
	if err := os.Symlink("/proc/self/fd", m.path("dev/fd")); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{"dev/shm", "run/lock"} {
		if err := os.Mkdir(m.path(dir), 0o777); err != nil {
			t.Fatal(err)
		}
	}
	// No systemd runs here: the agent's unit is started by a stand-in.
	if err := os.WriteFile(m.path("usr/local/sbin/systemctl"), []byte(systemctl), 0o755); err != nil {
		t.Fatal(err)
	}
	m.env[0] = "PATH=/usr/local/sbin:" + os.Getenv("PATH")
	for _, leftover := range []string{"etc/tandem", "opt/tandem", "var/lib/tandem", "var/log/tandem", "usr/local/sbin/tandem-setup", "usr/local/bin/spotwatch", "var/lib/spotwatch"} {
		if err := os.RemoveAll(m.path(leftover)); err != nil {
			t.Fatal(err)
		}
	}
}

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

// path is where the test finds a file of the machine.
func (m *machine) path(elem ...string) string {
	return filepath.Join(append([]string{m.root}, elem...)...)
}

func (m *machine) read(t *testing.T, file string) string {
	t.Helper()
	data, err := os.ReadFile(m.path(file))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func (m *machine) exists(file string) bool {
	_, err := os.Lstat(m.path(file))
	return err == nil
}

// command is a program of the machine with its output in the returned builder,
// in a process group of its own.
func (m *machine) command(program string, env ...string) (*exec.Cmd, *strings.Builder) {
	var out strings.Builder
	cmd := exec.Command(program)
	cmd.Dir, cmd.Env = "/", append(append([]string{}, m.env...), env...)
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: m.root, Setpgid: true}
	cmd.WaitDelay = 10 * time.Second // a service that keeps the output open is a fault
	return cmd, &out
}

// boot runs user data as cloud-init does and returns what the console shows.
func (m *machine) boot(t *testing.T, script string, env ...string) (string, error) {
	t.Helper()
	const file = "/var/lib/cloud-user-data"
	if err := os.WriteFile(m.path(file), []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	cmd, out := m.command(file, env...)
	err := cmd.Run()
	return out.String() + m.read(t, "dev/console"), err
}

// setup runs the setup script that user data has left, as a deployment does.
func (m *machine) setup(env ...string) (string, error) {
	cmd, out := m.command("/usr/local/sbin/tandem-setup", env...)
	err := cmd.Run()
	return out.String(), err
}

// get asks the machine's web server as the load balancer does. The status is 0
// where nobody answers.
func get(t *testing.T, path string) (status int, body string, header http.Header) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://127.0.0.1"+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Connection", "keep-alive") // Apache then says for how long
	client := http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	answer, err := client.Do(request)
	if err != nil {
		return 0, "", nil
	}
	defer answer.Body.Close()
	data, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(data), answer.Header
}
