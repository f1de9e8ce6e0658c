package instance_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/tandem-iac/tandem/internal/logstest"
	machines "github.com/tandem-iac/tandem/internal/machine"
	"github.com/tandem-iac/tandem/internal/moto"
	"github.com/tandem-iac/tandem/internal/needs"
	"github.com/tandem-iac/tandem/internal/rescuetest"
)

// isolated says that the tests run in namespaces of their own, programs where
// those of logstest and rescuetest are, built out here, where there is a network.
const (
	isolated = "TANDEM_TEST_ISOLATED"
	programs = "TANDEM_TEST_PROGRAMS"
)

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
func isolate() (code int, err error) {
	dir, err := os.MkdirTemp("", "instance-")
	if err != nil {
		return 1, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if err := logstest.Build(context.Background(), dir); err != nil {
		return 1, err
	}
	if err := rescuetest.BuildMock(context.Background(), dir); err != nil {
		return 1, err
	}
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
	cmd.Env = append(os.Environ(), isolated+"=1", programs+"="+dir)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: machines.Namespaces,
		Pdeathsig:  syscall.SIGKILL,
	}
	err = cmd.Run()
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
	if err := machines.RaiseLoopback(); err != nil {
		t.Fatal(err)
	}
}

// machine is a throw-away machine.
type machine struct {
	*machines.Machine
	root string
	// env is what cloud-init and Systems Manager start scripts with, and what
	// leads AWS tools to the stand-in.
	env []string
}

func newMachine(t *testing.T, endpoint string) *machine {
	t.Helper()
	made, err := machines.New(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := made.Remove(); err != nil {
			t.Error(err)
		}
	})
	m := &machine{Machine: made, root: made.Root, env: []string{"PATH=" + machines.SearchPath()}}
	for name, value := range moto.Environment(endpoint) {
		m.env = append(m.env, name+"="+value)
	}
	return m
}

// path is where the test finds a file of the machine.
func (m *machine) path(elem ...string) string { return m.Path(elem...) }

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

// command is a program of the machine with its output in the returned builder.
func (m *machine) command(program string, env ...string) (*exec.Cmd, *strings.Builder) {
	cmd := m.Command(program, append(append([]string{}, m.env...), env...))
	return cmd, captured(cmd)
}

func captured(cmd *exec.Cmd) *strings.Builder {
	var out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.WaitDelay = 10 * time.Second // a service that keeps the output open is a fault
	return &out
}

// boot runs user data as cloud-init does and returns what the console shows.
func (m *machine) boot(t *testing.T, script string, env ...string) (string, error) {
	t.Helper()
	cmd, err := m.UserData(script, append(append([]string{}, m.env...), env...))
	if err != nil {
		t.Fatal(err)
	}
	out := captured(cmd)
	err = cmd.Run()
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
