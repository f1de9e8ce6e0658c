package drill

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// machine is a spot instance: its web service, its metadata service, its way to
// AWS and its agent.
type machine struct {
	id, dir  string
	service  *service
	metadata *metadata
	aws      *awsGate
	agent    *agent
	// notice and end are when it learns of its end, and that end.
	notice, end time.Time

	// stopped says that its service had ended by the time it went.
	stopped bool
	// stopAgent ends the agent and waits for its end. Nil: it was not started.
	stopAgent func()

	mu      sync.Mutex
	outages []span
	chaos   Chaos
}

// Hooks of a machine, in their order.
const (
	noteHook  = "10-note"
	stopHook  = "50-stop-service"
	flushHook = "10-ship-log"
)

// hookDirectories is where an agent looks for hooks, below its root.
var hookDirectories = map[string]string{
	noteHook:  "etc/tandem/drain.d",
	stopHook:  "etc/tandem/drain.d",
	flushHook: "etc/tandem/flush.d",
}

// writeHooks gives the machine its hooks: each notes that it runs, and one
// stops the service with all that it is working on.
func (m *machine) writeHooks() error {
	body := map[string]string{
		noteHook:  "",
		stopHook:  fmt.Sprintf("kill -TERM %d\n", m.service.process.PID()),
		flushHook: fmt.Sprintf("cp '%s' '%s'\n", m.logFile(), filepath.Join(m.dir, "shipped.log")),
	}
	for name, directory := range hookDirectories {
		at := filepath.Join(m.dir, directory)
		if err := os.MkdirAll(at, 0o755); err != nil {
			return err
		}
		script := fmt.Sprintf("#!/bin/sh\nset -e\n%secho '%s' >> '%s'\n", body[name], name, m.hookLog())
		if err := os.WriteFile(filepath.Join(at, name), []byte(script), 0o755); err != nil { //nolint:gosec // hooks are programs
			return err
		}
	}
	return nil
}

func (m *machine) hookLog() string { return filepath.Join(m.dir, "hooks.log") }
func (m *machine) logFile() string { return filepath.Join(m.dir, "agent.log") }

// hooksRun returns the hooks that have come to their end, in that order.
func (m *machine) hooksRun() ([]string, error) {
	data, err := os.ReadFile(m.hookLog())
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	return strings.Fields(string(data)), nil
}

// ready waits until the agent has asked for a notice, more than once, and there
// was none.
func (m *machine) ready(ctx context.Context) error {
	const polls = 2
	for m.metadata.quietPolls() < polls {
		select {
		case <-ctx.Done():
			return fmt.Errorf("the agent of %s does not ask for its notice: %w\n%s", m.id, context.Cause(ctx), m.lastWords())
		case <-time.After(20 * time.Millisecond):
		}
	}
	return nil
}

// lastWords is the end of what the agent has said.
func (m *machine) lastWords() string {
	data, err := os.ReadFile(m.logFile())
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(data)), "\n")
	return strings.Join(lines[max(0, len(lines)-5):], "\n")
}

// keepMetadata has the metadata service outlive whoever kills it.
func (m *machine) keepMetadata(ctx context.Context) error {
	return m.metadata.keep(ctx, func(from time.Time) {
		m.outage(span{from, time.Now()}, Chaos{MetadataOutages: 1})
	})
}

// outage notes that something around the agent did not work, and counts it.
func (m *machine) outage(s span, c Chaos) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.outages = append(m.outages, s)
	m.chaos = *m.chaos.add(c)
}

// suffered is what was done to the machine.
func (m *machine) suffered() Chaos {
	m.mu.Lock()
	defer m.mu.Unlock()
	c := m.chaos
	c.Kills = m.agent.killed(time.Time{})
	return c
}

// hindered is for how long, between two times, the agent was not there or
// could not do its work.
func (m *machine) hindered(from, to time.Time) time.Duration {
	m.mu.Lock()
	spans := append(m.agent.downs(), m.outages...)
	m.mu.Unlock()
	var sum time.Duration
	for _, s := range spans {
		sum += s.overlap(from, to)
	}
	return sum
}

// off is what the end of an instance does: nothing of it goes on.
func (m *machine) off() error {
	if m.stopAgent != nil {
		m.stopAgent()
	}
	return errors.Join(m.service.process.Kill(), m.metadata.close(), m.aws.close())
}
