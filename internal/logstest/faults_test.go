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
	time.Sleep(2 * time.Second)
	c.must(c.Broker.Kill())
	time.Sleep(outage(t))
	if c.Machine.Spooled() == 0 {
		t.Error("nothing is on disk: the outage was too short to test anything")
	}
	c.must(c.Broker.Start())
	time.Sleep(2 * time.Second)
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
		time.Sleep(time.Second)
		c.must(victim.Kill())
		time.Sleep(300 * time.Millisecond)
		c.must(victim.Start())
	}
	time.Sleep(time.Second)
	stop()
	c.complete()
}

// What an indexer has taken and could not index is taken again, by whoever comes
// after it.
func TestIndexerIsLostWithoutIndex(t *testing.T) {
	c := newChain(t, nil)
	stop := c.write(1000)
	time.Sleep(time.Second)
	c.must(c.Index.Kill())
	time.Sleep(3 * time.Second)
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
	time.Sleep(time.Second)
	c.must(c.Broker.Stop())
	time.Sleep(5 * time.Second)
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
	stop = c.write(perSecond)
	time.Sleep(3 * time.Second)
	c.must(c.Machine.Kill())
	c.must(c.Machine.Start())
	time.Sleep(time.Second)
	stop()
	c.must(c.Broker.Start())
	c.complete()
}

// A full disk queue keeps its bound, and what has no room waits in its file.
func TestQueueIsFull(t *testing.T) {
	const bound = 16 // MiB
	c := newChain(t, logstest.Settings{"TANDEM_LOG_QUEUE_MIB": strconv.Itoa(bound)})
	c.must(c.Broker.Stop())
	stop := c.write(20_000)
	time.Sleep(3 * time.Second)
	stop()
	c.wait(30*time.Second, "a full queue", func() (bool, error) { return c.Machine.Spooled() > bound<<20, nil })
	time.Sleep(time.Second)
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
		c.wait(30*time.Second, "the faults to happen", func() (bool, error) {
			left, err := c.Index.Pending()
			return left.Requests == 0 && left.Items == 0 && left.Lose == 0, err
		})
	}
	stop()
	c.complete()
}
