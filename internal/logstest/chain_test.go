package logstest_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tandem-iac/tandem/internal/logstest"
	"github.com/tandem-iac/tandem/internal/needs"
)

// programs is where the broker and the index are.
var programs string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "logstest-")
		if err == nil {
			defer os.RemoveAll(dir)
			programs, err = dir, logstest.Build(context.Background(), dir)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		return m.Run()
	}())
}

// serviceLog is the log that the load goes to.
const serviceLog = "var/log/web/web.log"

// chain is a chain that runs for the time of a test.
type chain struct {
	*logstest.Chain
	t *testing.T
	// next is the number of the first line that was not written.
	next int
}

func newChain(t *testing.T, s logstest.Settings) *chain {
	t.Helper()
	c := prepared(t, s)
	c.must(c.Start())
	return c
}

// prepared is a chain of which nothing runs yet.
func prepared(t *testing.T, s logstest.Settings) *chain {
	t.Helper()
	needs.Tool(t, "rsyslogd")
	needs.Tool(t, "nginx")
	made, err := logstest.NewChain(t.TempDir(), programs, s)
	if err != nil {
		t.Fatal(err)
	}
	c := &chain{Chain: made, t: t}
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(c.missing())
		}
		if err := c.Stop(); err != nil {
			t.Error(err)
		}
		if !t.Failed() {
			return
		}
		for _, file := range []string{c.Machine.Path("var/log/tandem/logs.log"), c.Indexer.Path("var/log/tandem/log-indexer.log"), c.Indexer.Path("var/log/tandem/log-indexer-nginx.log")} {
			text, _ := os.ReadFile(file)
			t.Logf("%s:\n%.4000s", filepath.Base(file), text)
		}
		t.Logf("programs:\n%.2000s\n%.2000s\n%.2000s", c.Machine.Output(), c.Indexer.Rsyslog.Output(), c.Indexer.Nginx.Output())
	})
	return c
}

func (c *chain) must(err error) {
	c.t.Helper()
	if err != nil {
		c.t.Fatal(err)
	}
}

// write writes a load in the background until the returned function is called.
func (c *chain) write(perSecond int) (stop func()) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(c.t.Context()))
	c.t.Cleanup(cancel)
	done := make(chan error, 1)
	go func() {
		next, err := logstest.Write(ctx, c.Machine.Path(serviceLog), c.next, 1<<30, perSecond)
		c.next = next
		done <- err
	}()
	return func() {
		c.t.Helper()
		cancel()
		c.must(<-done)
	}
}

// line writes the next line of the load by itself.
func (c *chain) line() {
	c.t.Helper()
	c.must(c.Machine.Append(serviceLog, logstest.Line(c.next)+"\n"))
	c.next++
}

// patience is how long a test waits for what takes seconds on an idle machine.
const patience = 2 * time.Minute

// wait waits until something has come to pass.
func (c *chain) wait(what string, done func() (bool, error)) {
	c.t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(100 * time.Millisecond) {
		ok, err := done()
		if ok && err == nil {
			return
		}
		if time.Now().After(end) {
			c.t.Fatalf("still waiting for %s: %v", what, err)
		}
	}
}

// created waits until the index has so many documents.
func (c *chain) created(n int) {
	c.t.Helper()
	c.wait(fmt.Sprintf("%d documents", n), func() (bool, error) {
		counts, err := c.Index.Counts()
		return counts.Documents >= n, err
	})
}

// more waits until the index has documents that it did not have before.
func (c *chain) more() {
	c.t.Helper()
	counts, err := c.Index.Counts()
	c.must(err)
	c.created(counts.Documents + 1)
}

// spooled waits until something is on the machine's disk queue.
func (c *chain) spooled(more int64) {
	c.t.Helper()
	c.wait("the queue on disk", func() (bool, error) { return c.Machine.Spooled() > more, nil })
}

// missing tells which lines the index does not have.
func (c *chain) missing() string {
	records, err := c.Records()
	if err != nil {
		return err.Error()
	}
	var gaps []string
	for n := 0; n < c.next; n++ {
		from := n
		for ; n < c.next && records[logstest.Line(n)].ID == ""; n++ {
		}
		if n > from {
			gaps = append(gaps, fmt.Sprintf("%d-%d", from, n-1))
		}
	}
	return fmt.Sprintf("%d of %d lines are there, without %s", len(records), c.next, strings.Join(gaps, " "))
}

// complete waits until as many documents as lines were written are there, and
// fails if one line is missing, if one is there twice, or anything else.
func (c *chain) complete() map[string]logstest.Record {
	c.t.Helper()
	c.created(c.next)
	records, err := c.Records()
	c.must(err)
	for n := range c.next {
		if _, there := records[logstest.Line(n)]; !there {
			c.t.Fatalf("line %d of %d is missing", n, c.next)
		}
	}
	if len(records) != c.next {
		c.t.Errorf("%d documents, want %d", len(records), c.next)
	}
	counts, err := c.Index.Counts()
	c.must(err)
	if len(counts.Malformed) > 0 {
		c.t.Errorf("the index was asked what it does not understand: %q", counts.Malformed)
	}
	if dead := c.Indexer.DeadLetters(); dead != "" {
		c.t.Errorf("dead letters:\n%.2000s", dead)
	}
	return records
}
