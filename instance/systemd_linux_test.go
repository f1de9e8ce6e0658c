package instance_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tandem-iac/tandem/instance"
	"github.com/tandem-iac/tandem/internal/logstest"
	machines "github.com/tandem-iac/tandem/internal/machine"
	"github.com/tandem-iac/tandem/internal/needs"
	"github.com/tandem-iac/tandem/internal/rescue"
	"github.com/tandem-iac/tandem/internal/rescuetest"
)

// booted is a machine of a cluster, with systemd as its first process, and what
// its logs go to.
type booted struct {
	t *testing.T
	*machine
	*machines.Booted
	logs     *logstest.Chain
	cluster  *rescuetest.Cloud
	metadata *rescuetest.Metadata
	// lines is how many were written to the service's log.
	lines int
}

const webLog = "var/log/" + service + "/web.log"

// TestSystemd is the life of a machine under a systemd of its own, whose units
// have all of their settings and all of their restrictions.
func TestSystemd(t *testing.T) {
	requireMachines(t)
	if err := machines.CanBoot(); err != nil {
		t.Skip(err) // in some containers
	}
	for _, tool := range []string{"systemd-nspawn", "rsyslogd", "nginx"} {
		needs.Tool(t, tool)
	}
	c := newCloud(t)
	c.put(instance.SetupKey(instance.SetupSHA256()), instance.Setup())
	c.publishAgent()
	c.publish(service, page(t, "one"))
	c.publish(playbook, "playbook")
	c.promoteFirst(service)
	c.promoteFirst(playbook)
	b := newBooted(t, c)

	for _, step := range []struct {
		name string
		run  func(*testing.T, *booted)
	}{
		{"everything runs", everythingRuns},
		{"what is killed comes back", comesBack},
		{"what hangs is killed", hangs},
		{"a note of how far shipping has come", checkpoint},
		{"lines written just before the end are shipped", shutdown},
		{"a second boot without user data", bootsAgain},
		{"notice", noticed},
	} {
		if !t.Run(step.name, func(t *testing.T) { b.t = t; step.run(t, b) }) {
			t.Fatalf("the steps after it depend on this one\n%s", b.journal())
		}
	}
}

func newBooted(t *testing.T, c *cloud) *booted {
	t.Helper()
	b := &booted{t: t, logs: newChain(t)}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	start(t, b.logs.Broker.Start, b.logs.Index.Start, b.logs.Indexer.Start)
	var err error
	b.cluster, err = rescuetest.NewCloud(t.Context(), c.moto, rescuetest.Size{Spot: 1, OnDemand: 1, Max: 3})
	must(err)
	t.Cleanup(b.cluster.Close)
	mock, err := rescuetest.StartMock(t.Context(), t.TempDir())
	must(err)
	t.Cleanup(func() {
		if err := mock.Stop(); err != nil {
			t.Error(err)
		}
	})
	b.metadata = rescuetest.NewMetadata(mock.URL, b.cluster.Instances[0])
	t.Cleanup(b.metadata.Close)

	b.machine = newMachine(t, c.url)
	b.env = append(b.env, "AWS_EC2_METADATA_SERVICE_ENDPOINT="+b.metadata.URL)
	write(t, b.path("etc/tandem/spotwatch.env"), "AWS_ENDPOINT_URL="+b.cluster.URL+"\n")
	for _, s := range [][2]string{
		{"TANDEM_GROUP", b.cluster.Spot}, {"TANDEM_RESCUE_GROUP", b.cluster.OnDemand}, {"TANDEM_RESCUE_POLICY_ARN", b.cluster.Policy},
		{"TANDEM_TARGET_GROUP_ARN", b.cluster.TargetGroup}, {"TANDEM_LOG_BROKERS", b.logs.Address}, {"TANDEM_LOG_TOPIC", logstest.Topic},
		{"TANDEM_POLL_SECONDS", "1"}, {"TANDEM_DEREGISTRATION_SECONDS", "1"},
	} {
		c.settings = append(c.settings, instance.Setting{Name: s[0], Value: s[1]})
	}
	t.Cleanup(func() {
		if b.Booted == nil {
			return
		}
		if err := b.Kill(); err != nil {
			t.Error(err)
		}
	})
	b.boot(c.userData(instance.SetupSHA256()))
	return b
}

// boot boots the machine, with user data or as on a later boot, and waits until
// that is over.
func (b *booted) boot(userData string) {
	b.t.Helper()
	var err error
	if b.Booted, err = b.Boot(userData, b.env); err != nil {
		b.t.Fatal(err)
	}
	if said := b.systemctl("is-system-running", "--wait"); said != "running" {
		b.t.Fatalf("the machine is %s:\n%s\n%s", said, b.systemctl("--failed"), b.journal())
	}
}

// systemctl returns what systemctl says.
func (b *booted) systemctl(args ...string) string {
	out, err := b.Command("systemctl", args...).CombinedOutput()
	var said *exec.ExitError // of what is not active, say
	if err != nil && !errors.As(err, &said) {
		b.t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

func (b *booted) journal() string {
	out, err := b.Command("journalctl", "--no-pager", "--boot", "--lines=200").CombinedOutput()
	return fmt.Sprintf("%s%v", out, err)
}

// line writes a line to the service's log.
func (b *booted) line() (text string) {
	b.t.Helper()
	b.lines++
	text = fmt.Sprintf("line %d", b.lines)
	if err := os.MkdirAll(filepath.Dir(b.path(webLog)), 0o755); err != nil {
		b.t.Fatal(err)
	}
	f, err := os.OpenFile(b.path(webLog), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		b.t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString(text + "\n"); err != nil {
		b.t.Fatal(err)
	}
	return text
}

// wait waits until something has come to pass.
func (b *booted) wait(what string, done func() bool) {
	b.t.Helper()
	for end := time.Now().Add(time.Minute); !done(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			b.t.Fatalf("still waiting for %s\n%s", what, b.journal())
		}
	}
}

// records are the lines in the index that hold a text.
func (b *booted) records(text string) (found []logstest.Record) {
	b.t.Helper()
	documents, err := b.logs.Index.Documents()
	if err != nil {
		b.t.Fatal(err)
	}
	for _, d := range documents {
		var record logstest.Record
		if err := json.Unmarshal(d.Source, &record); err != nil {
			b.t.Fatal(err)
		}
		if strings.Contains(record.Message, text) {
			found = append(found, record)
		}
	}
	return found
}

// indexed waits until a line that holds a text is in the index.
func (b *booted) indexed(text string) logstest.Record {
	b.t.Helper()
	var found []logstest.Record
	b.wait("the index to have "+text, func() bool {
		found = b.records(text)
		return len(found) > 0
	})
	return found[0]
}

func everythingRuns(t *testing.T, b *booted) {
	for _, unit := range []string{"spotwatch.service", "tandem-logs.service", "tandem-logs-checkpoint.timer", "apache2.service"} {
		if said := b.systemctl("is-active", unit); said != "active" {
			t.Errorf("%s is %s", unit, said)
		}
		if said := b.systemctl("is-enabled", unit); said != "enabled" {
			t.Errorf("%s is %s", unit, said)
		}
	}
	if status, _, _ := get(t, "/health"); status != http.StatusOK {
		t.Errorf("the health path answers %d, want 200", status)
	}
	serves(t, "one")
	record := b.indexed(b.line())
	if record.Release != "1" || record.Group != b.cluster.Spot || record.InstanceID != b.cluster.Instances[0] || record.Source != "service" {
		t.Errorf("a line is indexed as %+v", record)
	}
}

func comesBack(t *testing.T, b *booted) {
	for _, unit := range []string{"spotwatch.service", "tandem-logs.service"} {
		before := b.systemctl("show", "--property=MainPID", unit)
		b.systemctl("kill", "--signal=KILL", unit)
		b.wait(unit+" to come back", func() bool {
			return b.systemctl("is-active", unit) == "active" && b.systemctl("show", "--property=MainPID", unit) != before
		})
	}
	b.indexed(b.line())
}

// hangs stops the agent without ending it: its watchdog notices.
func hangs(t *testing.T, b *booted) {
	const unit = "spotwatch.service"
	before := b.systemctl("show", "--property=MainPID", unit)
	b.systemctl("kill", "--signal=STOP", unit)
	b.wait("another agent", func() bool {
		return b.systemctl("is-active", unit) == "active" && b.systemctl("show", "--property=MainPID", unit) != before
	})
}

func checkpoint(t *testing.T, b *booted) {
	last := b.line()
	if said := b.systemctl("start", "tandem-logs-checkpoint.service"); said != "" {
		t.Errorf("systemctl says %s", said)
	}
	b.indexed(last)
	if !b.exists("var/lib/tandem-logs/checkpoint/sizes") {
		t.Error("it has noted nothing")
	}
	if b.exists("var/lib/tandem-logs/clean") {
		t.Error("a start has not used up the end before it")
	}
}

func shutdown(t *testing.T, b *booted) {
	last := b.line()
	if err := b.PowerOff(); err != nil {
		t.Fatal(err)
	}
	if !b.exists("var/lib/tandem-logs/clean") {
		t.Error("rsyslog was not ended in order")
	}
	b.indexed(last)
}

func bootsAgain(t *testing.T, b *booted) {
	b.boot("")
	everythingRuns(t, b)
}

// noticed has the agent's hooks run inside of its restrictions.
func noticed(t *testing.T, b *booted) {
	last := b.line()
	b.metadata.Interrupt("terminate", time.Now().Add(45*time.Second))
	b.indexed(rescue.MarkerMessage)
	b.indexed(last)
	if desired, err := b.cluster.Desired(t.Context()); err != nil || desired != 2 {
		t.Errorf("%v, %d instances are desired, want the one and its rescuer", err, desired)
	}
	if registered, err := b.cluster.Registered(t.Context(), b.cluster.Instances[0]); err != nil || registered {
		t.Errorf("%v, registered: %t, want the instance to have left the load balancer", err, registered)
	}
	for _, trouble := range []string{"hook failed", "failed, trying again", `"level":"ERROR"`} {
		for _, record := range b.records(trouble) {
			t.Errorf("the agent says %s", record.Message)
		}
	}
}
