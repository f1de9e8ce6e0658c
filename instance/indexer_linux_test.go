package instance_test

import (
	"regexp"
	"testing"

	"github.com/tandem-iac/tandem/instance"
	"github.com/tandem-iac/tandem/internal/bootstrap"
)

// TestIndexer boots an indexer, whose playbook has it bring what another machine
// ships into the index, under a systemd of its own.
func TestIndexer(t *testing.T) {
	requireSystemd(t)
	c := newCloud(t)
	c.put(instance.SetupKey(instance.SetupSHA256()), instance.Setup())
	c.publishAgent()
	if _, err := bootstrap.PublishLogIndexer(t.Context(), c.ledger); err != nil {
		t.Fatal(err)
	}
	b := newBooted(t, c)
	start(t, b.logs.Broker.Start, b.logs.Index.Start, b.logs.Machine.Start)
	lines := func(text string) {
		t.Helper()
		if err := b.logs.Machine.Append("var/log/web/web.log", text+"\n"); err != nil {
			t.Fatal(err)
		}
		b.indexed(text)
	}
	c.settings = append(shipping(b.logs),
		instance.Setting{Name: "TANDEM_SERVICE", Value: instance.LogIndexerArtifact},
		instance.Setting{Name: "TANDEM_PLAYBOOK", Value: instance.LogIndexerPlaybookArtifact},
		instance.Setting{Name: "TANDEM_LOG_INDEX_URL", Value: b.logs.Index.URL},
		instance.Setting{Name: "TANDEM_LOG_INDEX_PREFIX", Value: "logs"},
		instance.Setting{Name: "TANDEM_LOG_RETENTION_DAYS", Value: "14"},
	)
	b.env = append(b.env, "AWS_EC2_METADATA_SERVICE_ENDPOINT="+c.metadata())
	b.boot(c.userData(instance.SetupSHA256()))
	if !b.exists(healthFile) {
		t.Errorf("there is no health file\n%s", b.journal())
	}
	gateway, indexer := "tandem-log-indexer-gateway.service", "tandem-log-indexer.service"
	b.runs(gateway, indexer, "tandem-log-indexer-checkpoint.timer", "tandem-log-indexer-refresh.timer", "tandem-log-indexer-retention.timer")
	lines("after the boot")
	if own := b.indexed("configuring log-indexer 1 with"); own.Service != "log-indexer" || own.InstanceID != c.instance {
		t.Errorf("the indexer's own boot is there as %+v", own)
	}
	out, err := b.Command("systemd-run", "--quiet", "--wait", "--pipe", "/usr/local/sbin/tandem-setup").CombinedOutput()
	if err != nil || !regexp.MustCompile(`localhost +: ok=[0-9]+ +changed=0 .*failed=0`).Match(out) {
		t.Errorf("a second run: %v, or it changes something\n%s", err, out)
	}
	b.comesBack("KILL", gateway, indexer)
	lines("after kills")
	for _, unit := range []string{"checkpoint", "refresh", "retention"} {
		if said := b.systemctl("start", "tandem-log-indexer-"+unit+".service"); said != "" {
			t.Errorf("systemctl says %s", said)
		}
	}
	lines("after all that timers start")
	if err := b.PowerOff(); err != nil {
		t.Fatal(err)
	}
	b.boot("")
	lines("after another boot")
}
