package logstest_test

import (
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/tandem-iac/tandem/internal/logstest"
)

// hostile are lines that others wrote, and what becomes of them.
var hostile = map[string]string{
	`quotes " and ' and \ and \" and \u0041`:       "",
	"\ttabs\tand a bell \a and an escape \x1b[31m": "",
	"a zero \x00 in between":                       "",
	"no UTF-8: \xff\xfe \xed\xa0\x80 \xc0\xaf end": "no UTF-8:       " + "    end",
	"cut \xe2\x82":                                     "cut   ",
	"äöü € 😀 \u2028":                                   "",
	`","release":"99","x":"`:                           "",
	`{"id":"i-0:1:2:3","@timestamp":"1999-01-01T00"}`:  "",
	`%msg% $!metadata %$.line% ${jndi:ldap://x} $(id)`: "",
	"\x7f":      "",
	" indented": "",
}

// A line of each log is found with all that is known about it.
func TestRecords(t *testing.T) {
	c := prepared(t, nil)
	c.must(c.Machine.Release(41))
	c.must(c.Start())
	sources := map[string]string{
		"var/log/apache2/access.log":    "apache-access",
		"var/log/apache2/error.log":     "apache-error",
		"var/log/httpd/access_log":      "apache-access",
		"var/log/httpd/error_log":       "apache-error",
		"var/log/web/web.log":           "service",
		"var/log/cloud-init.log":        "cloud-init",
		"var/log/cloud-init-output.log": "cloud-init",
		"var/log/tandem/setup.log":      "setup",
		"var/log/tandem/spotwatch.log":  "spotwatch",
	}
	for file := range sources {
		c.must(c.Machine.Append(file, "to "+file+"\n"))
	}
	for line := range hostile {
		c.must(c.Machine.Append(serviceLog, line+"\n"))
	}
	long := strings.Repeat("x", 200_000)
	c.must(c.Machine.Append(serviceLog, long+"\n\n\nthe same\nthe same\n"))
	c.created(len(sources) + len(hostile) + 3)

	// The next release's lines say so; those of before do not change.
	systemctl := stubSystemctl(t)
	c.must(c.Machine.Run("refresh"))
	if said := systemctl(); said != "" {
		t.Errorf("nothing has changed, and systemctl was asked to %s", said)
	}
	c.must(c.Machine.Release(42))
	c.must(c.Machine.Run("refresh"))
	if said := systemctl(); said != "restart tandem-logs.service\n" {
		t.Errorf("systemctl was asked to %q", said)
	}
	c.must(c.Machine.Stop())
	c.must(c.Machine.Append(serviceLog, "while it restarts\n"))
	c.must(c.Machine.Start())
	c.created(len(sources) + len(hostile) + 4)

	records, err := c.Records("the same")
	c.must(err)
	host, err := os.Hostname()
	c.must(err)
	for file, source := range sources {
		got := records["to "+file]
		want := logstest.Record{
			ID: got.ID, Time: got.Time, Host: host, InstanceID: "i-0123456789abcdef0", Environment: "prod", Cluster: "web",
			Group: "prod-web-spot", Service: "web", Release: "41", Lifecycle: "spot", Source: source,
			File: c.Machine.Path(file), Message: "to " + file,
		}
		if got != want {
			t.Errorf("got  %+v\nwant %+v", got, want)
		}
		if !regexp.MustCompile(`^i-0123456789abcdef0:0:-?\d+:-?\d+$`).MatchString(got.ID) || time.Since(got.Time) > time.Minute {
			t.Errorf("id %s, time %s", got.ID, got.Time)
		}
	}
	for line, want := range hostile {
		if want == "" {
			want = line
		}
		if r, there := records[want]; !there || r.Release != "41" || r.Group != "prod-web-spot" {
			t.Errorf("%q is not there as %q, or with another release: %+v", line, want, r)
		}
	}
	if _, there := records[long[:64<<10]]; !there {
		t.Error("of a very long line not the first 64 KiB are there")
	}
	if got := records["while it restarts"].Release; got != "42" {
		t.Errorf("the line after the next release says %q", got)
	}
	if dead := c.Indexer.DeadLetters(); dead != "" {
		t.Errorf("dead letters: %s", dead)
	}
	names := map[string]bool{}
	documents, err := c.Index.Documents()
	c.must(err)
	for _, d := range documents {
		names[d.Index] = true
	}
	today := "logs-" + time.Now().UTC().Format("2006.01.02")
	if len(names) > 2 || !names[today] && time.Now().UTC().Hour() > 0 {
		t.Errorf("indices are %v, want %s", names, today)
	}
}

// stubSystemctl puts a systemctl first on the path that notes what it is asked
// for, and returns what has been since the last time.
func stubSystemctl(t *testing.T) func() string {
	t.Helper()
	dir := t.TempDir()
	said := filepath.Join(dir, "said")
	if err := os.WriteFile(filepath.Join(dir, "systemctl"), []byte("#!/bin/sh\necho \"$@\" >> "+said+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	return func() string {
		text, _ := os.ReadFile(said)
		os.Remove(said)
		return string(text)
	}
}

// What the index will never take is kept, and holds nothing up; what is no
// record at all never reaches it.
func TestDeadLetters(t *testing.T) {
	c := newChain(t, nil)
	c.must(c.Index.Fail(logstest.Faults{Items: 1, Every: 1, ItemStatus: http.StatusBadRequest}))
	c.must(c.Machine.Append(serviceLog, "refused \"for\" good\n"))
	c.wait("the dead letter", func() (bool, error) {
		return strings.Contains(c.Indexer.DeadLetters(), `refused \"for\" good`), nil
	})
	if dead := c.Indexer.DeadLetters(); !strings.Contains(dead, `"status": 400`) || !strings.Contains(dead, `"instance_id": "i-0123456789abcdef0"`) {
		t.Errorf("the dead letter does not say all: %s", dead)
	}
	for _, value := range []string{"hello", `{"id":"A/B","@timestamp":"2026-01-01T00:00:00Z"}`, `{"id":"a","@timestamp":"*"}`} {
		c.must(logstest.Send(programs, c.Address, value))
	}
	c.wait("the strange letters", func() (bool, error) {
		return strings.Count(c.Indexer.DeadLetters(), "not a log record") == 3, nil
	})
	c.must(c.Machine.Append(serviceLog, "after it\n"))
	c.created(1)
	records, err := c.Records()
	c.must(err)
	if _, there := records["after it"]; !there || len(records) != 1 {
		t.Errorf("got %v", records)
	}

	file := c.Indexer.Path("var/lib/tandem-log-indexer/dead-letters.json")
	c.must(os.Truncate(file, 64<<20+1))
	c.must(c.Indexer.Run("prepare"))
	if before, err := os.Stat(file + ".1"); err != nil || before.Size() != 64<<20+1 || c.Indexer.DeadLetters() != "" {
		t.Errorf("what had grown too large was not put aside: %v", err)
	}
}

// The agent's hook ships what there is, and the final marker, which is written
// afterwards, leaves as well.
func TestFlush(t *testing.T) {
	c := newChain(t, nil)
	stop := c.write(2000)
	c.more()
	stop()
	// The hook's restart.
	c.must(c.Machine.Stop())
	if size := c.Machine.Spooled(); size > 0 {
		t.Errorf("%d bytes are not shipped", size)
	}
	c.must(c.Machine.Start())
	begin := time.Now()
	c.must(c.Machine.Append("var/log/tandem/spotwatch.log", `{"msg":"spotwatch final marker"}`+"\n"))
	c.created(c.next + 1)
	t.Logf("the marker was in the index after %s", time.Since(begin).Round(10*time.Millisecond))
	stubSystemctl(t)
	c.must(c.Machine.Run("flush"))
	// Without a broker, the hook fails, and says what is left.
	c.must(c.Broker.Stop())
	c.wait("rsyslog to notice", func() (bool, error) {
		c.line()
		text, err := os.ReadFile(c.Machine.Path("var/log/tandem/logs.log"))
		return strings.Contains(string(text), "action 'kafka' suspended"), err
	})
	c.must(c.Machine.Stop())
	if err := c.Machine.Run("flush"); err == nil || !strings.Contains(err.Error(), "bytes of logs have not been shipped") {
		t.Errorf("got %v, want that logs have not been shipped", err)
	}
}

func TestRetention(t *testing.T) {
	c := prepared(t, logstest.Settings{"TANDEM_LOG_RETENTION_DAYS": "3"})
	c.must(c.Index.Start())
	c.must(c.Indexer.Nginx.Start())
	day := func(ago int) string { return time.Now().UTC().AddDate(0, 0, -ago).Format("2006.01.02") }
	keep := []string{"logs-" + day(0), "logs-" + day(2), "logs-" + day(3), "logs-archive-" + day(90), "other-" + day(90), "logs-notes"}
	for _, name := range append([]string{"logs-" + day(4), "logs-" + day(400)}, keep...) {
		c.must(c.Index.Put(name, "1", map[string]string{"message": "x"}))
	}
	c.must(c.Indexer.Run("retention"))
	documents, err := c.Index.Documents()
	c.must(err)
	left := map[string]bool{}
	for _, d := range documents {
		left[d.Index] = true
	}
	for _, name := range keep {
		if !left[name] {
			t.Errorf("%s is gone", name)
		}
	}
	if len(left) != len(keep) {
		t.Errorf("left are %v, want %v", left, keep)
	}
	c.must(c.Index.Stop())
	if err := c.Indexer.Run("retention"); err == nil {
		t.Error("no word of an index that does not answer")
	}
	c.must(c.Index.Start())
}
