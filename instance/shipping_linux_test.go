package instance_test

import (
	"encoding/json"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/tandem-iac/tandem/instance"
	"github.com/tandem-iac/tandem/internal/bootstrap"
	"github.com/tandem-iac/tandem/internal/logstest"
	"github.com/tandem-iac/tandem/internal/needs"
)

// newChain is what logs go through. A test starts the parts that no machine of
// its own has in their place; they end with it.
func newChain(t *testing.T) *logstest.Chain {
	t.Helper()
	needs.Tool(t, "rsyslogd")
	needs.Tool(t, "nginx")
	chain, err := logstest.NewChain(t.TempDir(), os.Getenv(programs), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := chain.Stop(); err != nil {
			t.Error(err)
		}
	})
	return chain
}

func start(t *testing.T, parts ...func() error) {
	t.Helper()
	for _, part := range parts {
		if err := part(); err != nil {
			t.Fatal(err)
		}
	}
}

// shipping are the settings of a machine that ships its logs, as the logging
// stack sets them.
func shipping(chain *logstest.Chain) []instance.Setting {
	return []instance.Setting{
		{Name: "TANDEM_LOG_BROKERS", Value: chain.Address},
		{Name: "TANDEM_LOG_TOPIC", Value: logstest.Topic},
		{Name: "TANDEM_LOG_SECURITY", Value: "plaintext"},
	}
}

// found waits for a line in the index that holds a text.
func found(t *testing.T, chain *logstest.Chain, text string) logstest.Record {
	t.Helper()
	for end := time.Now().Add(2 * time.Minute); ; time.Sleep(100 * time.Millisecond) {
		documents, err := chain.Index.Documents()
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range documents {
			var r logstest.Record
			if err := json.Unmarshal(d.Source, &r); err != nil {
				t.Fatalf("%s: %v", d.Source, err)
			}
			if strings.Contains(r.Message, text) {
				return r
			}
		}
		if time.Now().After(end) {
			t.Fatalf("no %q among %d documents", text, len(documents))
		}
	}
}

// ships looks for lines of the machine in the index: of the boot, and of the
// service after it.
func ships(t *testing.T, c *cloud, m *machine, chain *logstest.Chain) {
	if boot := found(t, chain, "configuring obelix 1 with"); boot.Source != "setup" || boot.InstanceID != c.instance {
		t.Errorf("the boot is there as %+v", boot)
	}
	if status, _, _ := get(t, "/a-page-that-is-not-there"); status != http.StatusNotFound {
		t.Errorf("the page answers %d", status)
	}
	got := found(t, chain, "GET /a-page-that-is-not-there")
	want := logstest.Record{
		ID: got.ID, Time: got.Time, Host: got.Host, InstanceID: c.instance, Environment: environment, Cluster: service, Group: "prod-obelix-spot",
		Service: service, Release: "1", Lifecycle: "spot", Source: "apache-access", File: got.File, Offset: got.Offset, Message: got.Message,
	}
	if got != want {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	flush, out := m.command("/etc/tandem/flush.d/90-tandem-logs")
	if err := flush.Run(); err != nil {
		t.Errorf("the agent's hook: %v\n%s", err, out)
	}
}

// TestIndexer boots an indexer, whose playbook has it bring what another machine
// ships into the index.
func TestIndexer(t *testing.T) {
	requireMachines(t)
	t.Parallel()
	chain := newChain(t)
	start(t, chain.Broker.Start, chain.Index.Start, chain.Machine.Start)
	if err := chain.Machine.Append("var/log/web/web.log", "a line for the index\n"); err != nil {
		t.Fatal(err)
	}
	c := newCloud(t)
	c.put(instance.SetupKey(instance.SetupSHA256()), instance.Setup())
	c.publishAgent()
	if _, err := bootstrap.PublishLogIndexer(t.Context(), c.ledger); err != nil {
		t.Fatal(err)
	}
	c.settings = append(shipping(chain),
		instance.Setting{Name: "TANDEM_SERVICE", Value: instance.LogIndexerArtifact},
		instance.Setting{Name: "TANDEM_PLAYBOOK", Value: instance.LogIndexerPlaybookArtifact},
		instance.Setting{Name: "TANDEM_LOG_INDEX_URL", Value: chain.Index.URL},
		instance.Setting{Name: "TANDEM_LOG_INDEX_PREFIX", Value: "logs"},
		instance.Setting{Name: "TANDEM_LOG_RETENTION_DAYS", Value: "14"},
	)
	m := newMachine(t, c.url)
	m.env = append(m.env, "AWS_EC2_METADATA_SERVICE_ENDPOINT="+c.metadata())
	out, err := m.boot(t, c.userData(instance.SetupSHA256()))
	if err != nil || !m.exists(healthFile) {
		t.Fatalf("%v, or no health file\n%s", err, out)
	}
	found(t, chain, "a line for the index")
	asked := m.read(t, "var/log/systemctl")
	for _, unit := range []string{"tandem-log-indexer-gateway.service", "tandem-log-indexer.service", "tandem-log-indexer-checkpoint.timer", "tandem-log-indexer-refresh.timer", "tandem-log-indexer-retention.timer"} {
		if !strings.Contains(asked, "enable "+unit+"\n") || !regexp.MustCompile(`(re)?start `+unit+`\n`).MatchString(asked) {
			t.Errorf("%s is not enabled, or not started:\n%s", unit, asked)
		}
	}
	if text := found(t, chain, "configuring log-indexer 1 with"); text.Service != "log-indexer" || text.InstanceID != c.instance {
		t.Errorf("the indexer's own boot is there as %+v", text)
	}
	if out, err = m.setup(); err != nil || !regexp.MustCompile(`localhost +: ok=[0-9]+ +changed=0 .*failed=0`).MatchString(out) {
		t.Errorf("a second run: %v, or it changes something\n%s", err, out)
	}
}
