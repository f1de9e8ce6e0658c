package main

import (
	"debug/elf"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/tandem-iac/tandem/internal/rescuetest"
)

// maxBinary is what the program may take on a disk and over a network, in bytes.
const maxBinary = 15e6

// The program needs nothing of the machine that it runs on, not even libc.
func TestStaticAndSmall(t *testing.T) {
	file := filepath.Join(t.TempDir(), "spotwatch")
	build := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w", "-o", file, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	info, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	if info.Size() > maxBinary {
		t.Errorf("it has %d bytes, want at most %.0f", info.Size(), maxBinary)
	}
	program, err := elf.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer program.Close()
	for _, part := range program.Progs {
		if part.Type == elf.PT_INTERP || part.Type == elf.PT_DYNAMIC {
			t.Errorf("it has a %s: it is linked with what is on the machine", part.Type)
		}
	}
}

// Every package that it is made of is there for both architectures of
// instances, without C. Compiling both takes minutes; `make build` does.
func TestBothArchitectures(t *testing.T) {
	for _, arch := range []string{"amd64", "arm64"} {
		list := exec.Command("go", "list", "-deps", "-f", "{{with .Error}}{{.}}{{end}}{{with .CgoFiles}}C: {{.}}{{end}}", ".")
		list.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+arch)
		if out, err := list.CombinedOutput(); err != nil || strings.TrimSpace(string(out)) != "" {
			t.Errorf("%s: %v\n%s", arch, err, out)
		}
	}
}

// systemd is told when the agent is ready, that it lives, whether the metadata
// service answers or not, and that it ends.
func TestTellsSystemd(t *testing.T) {
	m := newMachine(t)
	directory, err := os.MkdirTemp("", "notify") // a socket's name is short
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(directory)
	address := &net.UnixAddr{Name: filepath.Join(directory, "socket"), Net: "unixgram"}
	socket, err := net.ListenUnixgram("unixgram", address)
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	told := func(want string) {
		t.Helper()
		if err := socket.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
		for buffer := make([]byte, 4096); ; {
			n, err := socket.Read(buffer)
			if err != nil {
				t.Fatalf("systemd is not told %q: %v", want, err)
			}
			if strings.Contains(string(buffer[:n]), want) {
				return
			}
		}
	}
	m.env = append(m.env, "NOTIFY_SOCKET="+address.Name)
	m.start()
	told("READY=1\nWATCHDOG_USEC=20200000") // two polls and 20 s
	told("STATUS=watching " + m.Instances[0])
	m.metadata.Faults(func(string) *rescuetest.Answer { return &rescuetest.Answer{} })
	m.until("the metadata service is missed", m.logged("the metadata service does not say"))
	for range 3 {
		told("WATCHDOG=1")
	}
	m.mu.Lock()
	process := m.process
	m.mu.Unlock()
	if err := process.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	told("STOPPING=1")
	if err := process.Wait(); err != nil {
		t.Errorf("it ended with %v", err)
	}
}

// Metrics are served as Prometheus reads them.
func TestServesMetrics(t *testing.T) {
	m := newMachine(t)
	m.env = append(m.env, "TANDEM_METRICS_ADDRESS=127.0.0.1:0")
	m.start()
	m.interrupt()
	m.until("rescue is reported", m.logged(`"msg":"rescued"`))
	address := regexp.MustCompile(`"msg":"serving metrics","address":"([^"]+)"`).FindStringSubmatch(m.log())
	if address == nil {
		t.Fatal("it does not say where it serves metrics")
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+address[1]+"/metrics", nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`spotwatch_interruption_notices_total{action="terminate"} 1`, "spotwatch_rescues_total 1", `spotwatch_build_info{version="unknown"} 1`,
		"# TYPE spotwatch_rescue_failures_total counter",
	} {
		if !strings.Contains(string(text), want+"\n") {
			t.Errorf("no %s in\n%s", want, text)
		}
	}
}
