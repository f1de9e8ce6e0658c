package logstest

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/tandem-iac/tandem/internal/child"
)

// Build builds the broker and the index into a directory.
func Build(ctx context.Context, dir string) error {
	module, err := runUntil(ctx, exec.Command("go", "env", "GOMOD"))
	if err != nil {
		return err
	}
	here := filepath.Join(filepath.Dir(strings.TrimSpace(module)), "internal/logstest")
	for _, name := range []string{"broker", "index"} {
		build := exec.Command("go", "build", "-o", filepath.Join(dir, name), ".")
		build.Dir = filepath.Join(here, name) // the broker is a module of its own
		build.Env = append(os.Environ(), "GOTMPDIR="+dir)
		if _, err := runUntil(ctx, build); err != nil {
			return fmt.Errorf("build %s: %w", name, err)
		}
	}
	return nil
}

// runUntil runs a command to its end, or to that of ctx with all that it has
// started, and returns what it printed. A terminal's Ctrl-C does not reach it.
func runUntil(ctx context.Context, cmd *exec.Cmd) (string, error) {
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	p, err := child.Start(cmd)
	if err != nil {
		return "", err
	}
	select {
	case <-p.Ended():
	case <-ctx.Done():
		return "", errors.Join(context.Cause(ctx), p.Kill())
	}
	if err := p.Err(); err != nil {
		return "", fmt.Errorf("%w\n%s", err, &said)
	}
	return out.String(), nil
}

// Program is one that is started, ended, killed and started again.
type Program struct {
	// Begin makes the command; before it is called, the program does not run.
	Begin func() (*exec.Cmd, error)
	// Ended runs after the program was asked to end, with whether it did so in
	// order. Nil: nothing.
	Ended func(orderly bool) error
	// Grace is how long it may take to end before it is killed. Zero: patience.
	Grace time.Duration
	// Ready says that it has started. Nil: it is at once.
	Ready func() bool

	process *child.Process
	output  bytes.Buffer
}

// patience is how long a program may take to start or to end.
const patience = 40 * time.Second

// Start starts the program and waits until it is ready.
func (p *Program) Start() error {
	cmd, err := p.Begin()
	if err != nil {
		return err
	}
	cmd.Stdout, cmd.Stderr = &p.output, &p.output
	if p.process, err = child.Start(cmd); err != nil {
		return err
	}
	for end := time.Now().Add(patience); p.Ready != nil && !p.Ready(); time.Sleep(20 * time.Millisecond) {
		select {
		case <-p.process.Ended():
			return fmt.Errorf("%s has ended: %w\n%s", cmd.Path, p.process.Err(), &p.output)
		default:
		}
		if time.Now().After(end) {
			return fmt.Errorf("%s is not ready", cmd.Path)
		}
	}
	return nil
}

// Stop ends the program, in order if it can.
func (p *Program) Stop() error {
	if p.process == nil {
		return nil
	}
	process := p.process
	p.process = nil
	grace := patience
	if p.Grace > 0 {
		grace = p.Grace
	}
	if err := process.Stop(grace); err != nil {
		return err
	}
	if p.Ended != nil {
		return p.Ended(process.Err() == nil)
	}
	return nil
}

// Kill kills the program as kill -9 does.
func (p *Program) Kill() error {
	process := p.process
	p.process = nil
	return process.Kill()
}

// PID is the process's id. Zero: it does not run.
func (p *Program) PID() int {
	if p.process == nil {
		return 0
	}
	return p.process.PID()
}

// Output is what the program has said. It may be read when it does not run.
func (p *Program) Output() string { return p.output.String() }

// FreePort is a port of 127.0.0.1 that was free a moment ago.
func FreePort() (int, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	return listener.Addr().(*net.TCPAddr).Port, listener.Close()
}

// Listening says that somebody listens at an address.
func Listening(address string) bool {
	c, err := net.DialTimeout("tcp", address, time.Second)
	if err != nil {
		return false
	}
	return c.Close() == nil
}

// Topic is the one that brokers have.
const Topic = "logs"

// NewBroker is a broker, with its data in a directory and further flags.
func NewBroker(programs, data string, flags ...string) (p *Program, address string, err error) {
	port, err := FreePort()
	if err != nil {
		return nil, "", err
	}
	address = fmt.Sprintf("127.0.0.1:%d", port)
	return &Program{
		Begin: func() (*exec.Cmd, error) {
			return exec.Command(filepath.Join(programs, "broker"), append([]string{"-port", fmt.Sprint(port), "-data", data, "-topic", Topic}, flags...)...), nil
		},
		Ready: func() bool { return Listening(address) },
	}, address, nil
}

// Send sends messages to a broker, as anybody may.
func Send(programs, address string, messages ...string) error {
	send := exec.Command(filepath.Join(programs, "broker"), append([]string{"-send", address, "-topic", Topic}, messages...)...)
	if out, err := send.CombinedOutput(); err != nil {
		return fmt.Errorf("send to %s: %w\n%s", address, err, out)
	}
	return nil
}

// ChangePassword gives the user of a broker with a certificate another password.
// Who has logged in before stays.
func ChangePassword(programs, address, certificate, user, password, to string) error {
	change := exec.Command(filepath.Join(programs, "broker"), "-change", address, "-certificate", certificate, "-user", user, "-password", password, to)
	if out, err := change.CombinedOutput(); err != nil {
		return fmt.Errorf("change the password at %s: %w\n%s", address, err, out)
	}
	return nil
}

// IndexProcess is an Index in a process of its own.
type IndexProcess struct {
	*Program
	// URL is its address, as machines have it.
	URL string
	// Flags are further ones, for when it starts next.
	Flags []string
}

// NewIndexProcess is an index, with its documents in a file and further flags.
func NewIndexProcess(programs, file string, flags ...string) (*IndexProcess, error) {
	port, err := FreePort()
	if err != nil {
		return nil, err
	}
	address := fmt.Sprintf("127.0.0.1:%d", port)
	x := &IndexProcess{URL: "http://" + address, Flags: flags}
	x.Program = &Program{
		Begin: func() (*exec.Cmd, error) {
			return exec.Command(filepath.Join(programs, "index"), append([]string{"-port", fmt.Sprint(port), "-file", file}, x.Flags...)...), nil
		},
		Ready: func() bool { return Listening(address) },
	}
	return x, nil
}

// Fail sets what goes wrong from now on.
func (x *IndexProcess) Fail(f Faults) error {
	body, err := json.Marshal(f)
	if err != nil {
		return err
	}
	return x.ask(http.MethodPut, "faults", bytes.NewReader(body), nil)
}

// Pending is what is still to go wrong.
func (x *IndexProcess) Pending() (f Faults, err error) {
	err = x.ask(http.MethodGet, "faults", nil, &f)
	return f, err
}

// Counts say what has happened since it has started.
func (x *IndexProcess) Counts() (c Counts, err error) {
	err = x.ask(http.MethodGet, "counts", nil, &c)
	return c, err
}

// Documents are those of all indices.
func (x *IndexProcess) Documents() (all []Document, err error) {
	err = x.ask(http.MethodGet, "documents", nil, &all)
	return all, err
}

// Put stores a document, as a test's beginning.
func (x *IndexProcess) Put(index, id string, source any) error {
	body, err := json.Marshal(source)
	if err != nil {
		return err
	}
	return x.ask(http.MethodPut, "documents/"+index+"/"+id, bytes.NewReader(body), nil)
}

func (x *IndexProcess) ask(method, what string, body io.Reader, into any) error {
	request, err := http.NewRequest(method, x.URL+"/-/"+what, body)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", request.URL, response.Status)
	}
	if into == nil {
		return nil
	}
	return json.NewDecoder(bufio.NewReader(response.Body)).Decode(into)
}

// writeFile writes a file and the directories that it needs.
func writeFile(file string, data []byte, mode os.FileMode) error {
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	return os.WriteFile(file, data, mode)
}
