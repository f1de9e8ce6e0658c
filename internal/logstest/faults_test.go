package logstest_test

import (
	"net/http"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/tandem-iac/tandem/internal/logstest"
)

// outage is how long the broker is away. A minute is what has been promised;
// LOGS_OUTAGE=1m makes it one.
func outage(t *testing.T) time.Duration {
	t.Helper()
	text := os.Getenv("LOGS_OUTAGE")
	if text == "" {
		return 8 * time.Second
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// The rate of lines that the outage is promised for.
const perSecond = 5000

func TestBrokerOutage(t *testing.T) {
	c := newChain(t, nil)
	stop := c.write(perSecond)
	c.created(2 * perSecond)
	c.must(c.Broker.Kill())
	time.Sleep(outage(t))
	c.spooled(0)
	c.must(c.Broker.Start())
	c.more()
	stop()
	c.complete()
	c.must(c.Machine.Stop())
	if size := c.Machine.Spooled(); size > 0 {
		t.Errorf("%d bytes are left on disk", size)
	}
}

// Each program is killed under load, and started again.
func TestKills(t *testing.T) {
	c := newChain(t, nil)
	stop := c.write(2000)
	for _, victim := range []*logstest.Program{c.Machine.Program, c.Indexer.Rsyslog, c.Indexer.Nginx, c.Index.Program, c.Broker} {
		c.more()
		c.must(victim.Kill())
		time.Sleep(300 * time.Millisecond) // for the others to notice
		c.must(victim.Start())
	}
	c.more()
	stop()
	c.complete()
}

// What an indexer has taken and could not index is taken again, by whoever comes
// after it.
func TestIndexerIsLostWithoutIndex(t *testing.T) {
	c := newChain(t, nil)
	stop := c.write(1000)
	c.more()
	c.must(c.Index.Kill())
	time.Sleep(3 * time.Second) // for the indexer to take some; nobody tells how many
	stop()
	c.must(c.Indexer.Rsyslog.Kill())
	c.must(os.RemoveAll(c.Indexer.Path("var/lib/tandem-log-indexer"))) // its machine is gone
	c.must(c.Indexer.Nginx.Stop())
	c.must(c.Index.Start())
	c.must(c.Indexer.Start())
	c.complete()
}

// What is on disk outlives a kill, a reboot, and both at once.
func TestRebootWithoutBroker(t *testing.T) {
	c := newChain(t, nil)
	stop := c.write(perSecond)
	c.more()
	c.must(c.Broker.Stop())
	c.spooled(0)
	stop()
	c.must(c.Machine.Stop())
	if c.Machine.Spooled() == 0 {
		t.Fatal("nothing was saved")
	}
	// The machine boots; what has been read of its log is gone, so that only the
	// queue has it.
	read, err := c.Machine.Read(serviceLog)
	c.must(err)
	written, err := os.ReadFile(c.Machine.Path(serviceLog))
	c.must(err)
	c.must(os.Remove(c.Machine.Path(serviceLog)))
	c.must(c.Machine.Append(serviceLog, string(written[read:])))
	c.must(c.Machine.Start())
	before := c.Machine.Spooled()
	stop = c.write(perSecond)
	c.spooled(before + 1<<20)
	c.must(c.Machine.Kill())
	c.must(c.Machine.Start())
	c.spooled(before)
	stop()
	c.must(c.Broker.Start())
	c.complete()
}

// A full disk queue keeps its bound, and what has no room waits in its file.
func TestQueueIsFull(t *testing.T) {
	const bound = 16 // MiB
	c := newChain(t, logstest.Settings{"TANDEM_LOG_QUEUE_MIB": strconv.Itoa(bound)})
	c.must(c.Broker.Stop())
	next, err := logstest.Write(t.Context(), c.Machine.Path(serviceLog), c.next, 60_000, 20_000)
	c.must(err)
	c.next = next
	c.wait("a full queue", func() (bool, error) { return c.Machine.Spooled() > bound<<20, nil })
	time.Sleep(time.Second) // for what would pass the bound
	if size := c.Machine.Spooled() >> 20; size > bound+8 {
		t.Errorf("%d MiB are on disk, want at most %d and a file of 8", size, bound)
	}
	// With a full queue, rsyslog has to be killed.
	c.Machine.Grace = 3 * time.Second
	c.must(c.Machine.Stop())
	c.must(c.Machine.Start())
	c.must(c.Broker.Start())
	c.complete()
}

func TestIndexRefuses(t *testing.T) {
	c := newChain(t, nil)
	stop := c.write(2000)
	for _, f := range []logstest.Faults{
		{Requests: 3, Status: http.StatusTooManyRequests},
		{Requests: 2, Status: http.StatusServiceUnavailable},
		{Requests: 2, Status: http.StatusServiceUnavailable, Page: true},
		{Requests: 1, Status: http.StatusGatewayTimeout, Page: true},
		{Requests: 1, Status: http.StatusUnauthorized},
		{Lose: 2},
		{Items: 500, Every: 3, ItemStatus: http.StatusTooManyRequests},
		{Items: 500, Every: 1, ItemStatus: http.StatusServiceUnavailable},
	} {
		c.must(c.Index.Fail(f))
		c.wait("the faults to happen", func() (bool, error) {
			left, err := c.Index.Pending()
			return left.Requests == 0 && left.Items == 0 && left.Lose == 0, err
		})
	}
	stop()
	c.complete()
}

// What brokers have refused before a restart is sent again, though nothing but the
// hourly note is logged any more.
func TestRefusedIsSentAgain(t *testing.T) {
	const refused = `{"id":"i-0123456789abcdef0:0:1:2","@timestamp":"2026-03-01T12:00:00.123456+00:00","message":"refused"}`
	c := newChain(t, nil)
	c.line()
	c.complete()
	c.must(c.Machine.Stop())
	c.must(os.WriteFile(c.Machine.Path("var/lib/tandem-logs/spool/unsent"), []byte(logstest.Topic+"\ti-0123456789abcdef0\t"+refused+"\n"), 0o600))
	c.must(c.Machine.Start())
	stubSystemctl(t)
	c.must(c.Machine.Run("checkpoint"))
	c.created(3)
	records, err := c.Records()
	c.must(err)
	if _, there := records["refused"]; !there {
		t.Errorf("what was refused is not among %v", records)
	}
}
