package drill

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/tandem-iac/tandem/internal/child"
	"github.com/tandem-iac/tandem/internal/moto"
)

const (
	instanceActionPath = "/latest/meta-data/spot/instance-action"

	// metadataGrace is how long the metadata service may take to answer first.
	metadataGrace = 30 * time.Second
	// portAttempts is how often a port that was free a moment ago is tried.
	portAttempts = 5
	// keepEvery is how often a service that is down is looked for.
	keepEvery = 20 * time.Millisecond
)

// metadata is one instance's metadata service: amazon-ec2-metadata-mock behind a
// gate, which keeps its address when the service is started again.
type metadata struct {
	*listener
	program, dir, id string

	// changing is held while the service is started or stopped.
	changing    sync.Mutex
	notice, end time.Time // of the service that was started last

	mu      sync.Mutex
	process *child.Process         // nil while the service is down on purpose
	proxy   *httputil.ReverseProxy // nil while the service is down
	polls   int
	noticed time.Time
}

func newMetadata(program, dir, id string) (*metadata, error) {
	m := &metadata{program: program, dir: dir, id: id}
	config, err := json.Marshal(map[string]any{"metadata": map[string]any{"values": map[string]string{
		"instance-id": id, "placement-region": moto.Region, "placement-availability-zone": moto.Region + "a",
	}}})
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(m.config(), config, 0o600); err != nil {
		return nil, err
	}
	m.listener, err = listen(m)
	return m, err
}

func (m *metadata) config() string { return filepath.Join(m.dir, "metadata.json") }

// start starts the service, which gives notice at a time, in whole seconds, of
// an end at another. It takes the place of the one that runs; tokens of that
// one are worth nothing any more.
func (m *metadata) start(ctx context.Context, notice, end time.Time) error {
	m.changing.Lock()
	defer m.changing.Unlock()
	m.notice, m.end = notice, end
	return m.launch(ctx)
}

// keep starts the service again when it ends by itself or is killed by somebody
// else, until ctx ends. Down is told from when on it was gone, once it is back.
func (m *metadata) keep(ctx context.Context, down func(from time.Time)) error {
	for ctx.Err() == nil {
		process := m.running()
		if process == nil {
			pause(ctx, keepEvery)
			continue
		}
		select {
		case <-process.Ended():
		case <-ctx.Done():
			return nil
		}
		from := time.Now()
		if again, err := m.revive(ctx, process); err != nil && ctx.Err() == nil {
			return err
		} else if again {
			down(from)
		}
	}
	return nil
}

// revive starts the service again, unless another has taken the place of the
// process that has ended, or none is to.
func (m *metadata) revive(ctx context.Context, ended *child.Process) (bool, error) {
	m.changing.Lock()
	defer m.changing.Unlock()
	if m.running() != ended {
		return false, nil
	}
	return true, m.launch(ctx)
}

func (m *metadata) running() *child.Process {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.process
}

func (m *metadata) launch(ctx context.Context) error {
	for attempt := 1; ; attempt++ {
		port, err := freePort()
		if err != nil {
			return err
		}
		process, err := child.Start(m.command(port, m.notice, m.end))
		if err != nil {
			return fmt.Errorf("%s: %w", m.program, err)
		}
		url := fmt.Sprintf("http://127.0.0.1:%d", port)
		if err := m.wait(ctx, process, url); err != nil {
			if err := errors.Join(err, process.Kill()); attempt == portAttempts || ctx.Err() != nil {
				return err
			}
			continue
		}
		proxy, err := newProxy(url)
		if err != nil {
			return errors.Join(err, process.Kill())
		}
		m.mu.Lock()
		before := m.process
		m.process, m.proxy = process, proxy
		m.mu.Unlock()
		if before != nil {
			return before.Kill()
		}
		return nil
	}
}

func (m *metadata) command(port int, notice, end time.Time) *exec.Cmd {
	never := end.Add(24 * time.Hour)
	cmd := exec.Command(m.program, "spot",
		"--hostname", "127.0.0.1", "--port", strconv.Itoa(port), "--imdsv2", "--config-file", m.config(),
		"--mock-ip-count", "-1", // no limit
		"--mock-trigger-time", stamp(notice), "--time", stamp(end), "--action", "terminate",
		"--rebalance-trigger-time", stamp(never))
	cmd.Env = []string{"HOME=" + m.dir} // where it looks for settings
	return cmd
}

// stamp is a time as metadata has it, in whole seconds.
func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// wait waits until the service at url answers, and for this instance.
func (m *metadata) wait(ctx context.Context, process *child.Process, url string) error {
	ctx, cancel := context.WithTimeout(ctx, metadataGrace)
	defer cancel()
	for {
		if id, err := instanceID(ctx, url); err == nil && id == m.id {
			return nil
		}
		select {
		case <-process.Ended():
			return fmt.Errorf("%s ended at once: %w", m.program, process.Err())
		case <-ctx.Done():
			return fmt.Errorf("%s does not answer: %w", m.program, context.Cause(ctx))
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func instanceID(ctx context.Context, url string) (string, error) {
	ask := func(method, path string, header ...string) (string, error) {
		r, err := http.NewRequestWithContext(ctx, method, url+path, nil)
		if err != nil {
			return "", err
		}
		r.Header.Set(header[0], header[1])
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			return "", err
		}
		defer answer.Body.Close()
		text, err := io.ReadAll(answer.Body)
		return strings.TrimSpace(string(text)), err
	}
	token, err := ask(http.MethodPut, "/latest/api/token", "X-aws-ec2-metadata-token-ttl-seconds", "60")
	if err != nil {
		return "", err
	}
	return ask(http.MethodGet, "/latest/meta-data/instance-id", "X-aws-ec2-metadata-token", token)
}

// QuietMetadata starts an instance's metadata service that never gives notice.
// Its files are in dir. The caller stops it.
func QuietMetadata(ctx context.Context, program, dir, id string) (url string, stop func() error, err error) {
	m, err := newMetadata(program, dir, id)
	if err != nil {
		return "", nil, err
	}
	never := time.Now().Add(365 * 24 * time.Hour)
	if err := m.start(ctx, never, never); err != nil {
		return "", nil, errors.Join(err, m.close())
	}
	return m.url, m.close, nil
}

// stop ends the service; what asks it is cut off.
func (m *metadata) stop() error {
	m.changing.Lock()
	defer m.changing.Unlock()
	m.mu.Lock()
	process := m.process
	m.process, m.proxy = nil, nil
	m.mu.Unlock()
	if process == nil {
		return nil
	}
	return process.Kill()
}

func (m *metadata) close() error { return errors.Join(m.listener.close(), m.stop()) }

func (m *metadata) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	m.mu.Lock()
	proxy := m.proxy
	m.mu.Unlock()
	if proxy == nil {
		panic(http.ErrAbortHandler)
	}
	if r.URL.Path != instanceActionPath {
		proxy.ServeHTTP(w, r)
		return
	}
	proxy.ServeHTTP(&statusRecorder{ResponseWriter: w, decided: func(status int) {
		m.mu.Lock()
		defer m.mu.Unlock()
		switch {
		case status == http.StatusOK && m.noticed.IsZero():
			m.noticed = time.Now()
		case status == http.StatusNotFound:
			m.polls++
		}
	}}, r)
}

// quietPolls is how often an agent was told that there is no notice.
func (m *metadata) quietPolls() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.polls
}

// seen is when the agent was told of the notice first. Zero: never.
func (m *metadata) seen() time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.noticed
}

func freePort() (int, error) {
	socket, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	return socket.Addr().(*net.TCPAddr).Port, socket.Close()
}

// silent is for servers whose clients are killed on purpose.
func silent() *log.Logger { return log.New(io.Discard, "", 0) }
