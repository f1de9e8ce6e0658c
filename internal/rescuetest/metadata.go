package rescuetest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/tandem-iac/tandem/internal/imds"
)

const (
	mockPackage  = "github.com/aws/amazon-ec2-metadata-mock/cmd/ec2-metadata-mock"
	mockProgram  = "ec2-metadata-mock"
	startTimeout = 30 * time.Second
)

// Mock is AWS's own stand-in for the metadata service.
type Mock struct {
	// URL is where it listens.
	URL string
	cmd *exec.Cmd
}

// BuildMock builds the stand-in that tools/go.mod names into directory.
func BuildMock(ctx context.Context, directory string) error {
	module, err := exec.CommandContext(ctx, "go", "env", "GOMOD").Output()
	if err != nil {
		return fmt.Errorf("go env GOMOD: %w", err)
	}
	build := exec.CommandContext(ctx, "go", "build", "-modfile=tools/go.mod", "-o", filepath.Join(directory, mockProgram), mockPackage)
	build.Dir = filepath.Dir(strings.TrimSpace(string(module)))
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("build %s: %w: %s", mockPackage, err, out)
	}
	return nil
}

// StartMock starts the stand-in, which it builds into directory unless it is
// there, with IMDSv2 alone and with all events from the beginning. The caller
// stops it.
func StartMock(ctx context.Context, directory string) (*Mock, error) {
	program := filepath.Join(directory, mockProgram)
	if _, err := os.Stat(program); err != nil {
		if err := BuildMock(ctx, directory); err != nil {
			return nil, err
		}
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	port := listener.Addr().(*net.TCPAddr).Port
	if err := listener.Close(); err != nil {
		return nil, err
	}
	m := &Mock{URL: "http://127.0.0.1:" + strconv.Itoa(port)}
	m.cmd = exec.Command(program, "--imdsv2", "--hostname", "127.0.0.1", "--port", strconv.Itoa(port))
	m.cmd.Env = append(os.Environ(), "HOME="+directory)
	if err := m.cmd.Start(); err != nil {
		return nil, err
	}
	return m, m.await(ctx)
}

func (m *Mock) await(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	for {
		_, err := imds.New(imds.Config{Endpoint: m.URL}).InstanceID(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
			return errors.Join(fmt.Errorf("the metadata mock does not answer: %w", err), m.Stop())
		}
	}
}

// Stop ends it.
func (m *Mock) Stop() error {
	if err := m.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	_ = m.cmd.Wait() // it was killed
	return nil
}

// Answer is an answer that the metadata service gives instead of its own.
type Answer struct {
	Status int
	Body   string
}

// Metadata is one instance's metadata service: the mock's answers, held back
// until they are wanted.
type Metadata struct {
	// URL is where it listens.
	URL    string
	mock   string
	id     string
	server *httptest.Server
	ended  chan struct{}

	mu             sync.Mutex
	action         string
	at             time.Time
	recommended    bool
	recommendation string
	target         string
	skew           time.Duration
	dateless       bool
	fault          func(path string) *Answer
	tokens         int
	noticed        time.Time
}

// NewMetadata serves an instance's metadata through the mock at url. The
// caller closes it.
func NewMetadata(url, instance string) *Metadata {
	m := &Metadata{mock: url, id: instance, target: "InService", ended: make(chan struct{})}
	m.server = httptest.NewServer(m)
	m.URL = m.server.URL
	return m
}

// Close ends all connections.
func (m *Metadata) Close() {
	close(m.ended)
	m.server.CloseClientConnections()
	m.server.Close()
}

func (m *Metadata) set(change func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	change()
}

// Interrupt gives notice of an action at a time.
func (m *Metadata) Interrupt(action string, at time.Time) {
	m.set(func() { m.action, m.at, m.noticed = action, at, time.Time{} })
}

// Noticed is when the notice was first answered.
func (m *Metadata) Noticed() time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.noticed
}

// Withdraw takes the notice back.
func (m *Metadata) Withdraw() { m.set(func() { m.action = "" }) }

// Recommend recommends to rebalance.
func (m *Metadata) Recommend() { m.set(func() { m.recommended = true }) }

// Target sets the state that the group moves the instance to.
func (m *Metadata) Target(state string) { m.set(func() { m.target = state }) }

// Skew has AWS's clock behind the instance's by d in all that the service
// says; dateless leaves the Date out of its answers.
func (m *Metadata) Skew(d time.Duration, dateless bool) {
	m.set(func() { m.skew, m.dateless = d, dateless })
}

// Faults asks fault, for each path, for an answer instead of the right one. A
// status of 0 cuts the connection, a negative one answers nothing until Close.
// Where fault is or returns nil, nothing is wrong.
func (m *Metadata) Faults(fault func(path string) *Answer) { m.set(func() { m.fault = fault }) }

// Tokens is how many were given out.
func (m *Metadata) Tokens() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.tokens
}

// ServeHTTP answers as the metadata service does.
func (m *Metadata) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path := strings.TrimPrefix(r.URL.Path, "/latest/meta-data/")
	m.mu.Lock()
	fault, skew, dateless := m.fault, m.skew, m.dateless
	m.mu.Unlock()
	var answer *Answer
	if fault != nil {
		answer = fault(path)
	}
	if answer == nil {
		answer = m.answer(r, path)
	}
	w.Header()["Date"] = nil
	if !dateless {
		w.Header().Set("Date", time.Now().Add(-skew).UTC().Format(http.TimeFormat))
	}
	switch {
	case answer.Status == 0:
		panic(http.ErrAbortHandler)
	case answer.Status < 0:
		select {
		case <-m.ended:
		case <-r.Context().Done():
		}
		panic(http.ErrAbortHandler)
	}
	w.WriteHeader(answer.Status)
	_, _ = io.WriteString(w, answer.Body) // the agent may be gone
}

func (m *Metadata) answer(r *http.Request, path string) *Answer {
	m.mu.Lock()
	defer m.mu.Unlock()
	nothing := &Answer{Status: http.StatusNotFound}
	asked := m.ask(r)
	if asked.Status != http.StatusOK {
		return asked
	}
	switch path {
	case "/latest/api/token":
		m.tokens++
	case imds.InstanceIDPath:
		asked.Body = m.id
	case imds.TargetStatePath:
		asked.Body = m.target
	case imds.RebalancePath:
		if !m.recommended {
			return nothing
		}
		if m.recommendation == "" { // the mock makes a new one each time
			m.recommendation = asked.Body
		}
		asked.Body = m.recommendation
	case imds.InstanceActionPath:
		if m.action == "" {
			return nothing
		}
		if m.noticed.IsZero() {
			m.noticed = time.Now()
		}
		notice, err := json.Marshal(map[string]string{"action": m.action, "time": m.at.Add(-m.skew).UTC().Format(time.RFC3339)})
		if err != nil {
			return &Answer{Status: http.StatusInternalServerError, Body: err.Error()}
		}
		asked.Body = string(notice)
	}
	return asked
}

// ask has the mock answer.
func (m *Metadata) ask(r *http.Request) *Answer {
	out, err := http.NewRequestWithContext(r.Context(), r.Method, m.mock+r.URL.Path, nil)
	if err != nil {
		return &Answer{}
	}
	out.Header = r.Header.Clone()
	answer, err := http.DefaultClient.Do(out)
	if err != nil {
		return &Answer{}
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		return &Answer{}
	}
	return &Answer{Status: answer.StatusCode, Body: string(body)}
}
