package instance_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/tandem-iac/tandem/instance"
	"github.com/tandem-iac/tandem/internal/logstest"
	"github.com/tandem-iac/tandem/internal/rescue"
	"github.com/tandem-iac/tandem/internal/rescuetest"
)

// webMachine is a machine of a cluster.
type webMachine struct {
	*booted
	cluster  *rescuetest.Cloud
	metadata *rescuetest.Metadata
	// lines is how many were written to the service's log.
	lines int
}

const webLog = "var/log/" + service + "/web.log"

// TestSystemd is the life of a web machine under a systemd of its own, whose
// units have all of their settings and all of their restrictions.
func TestSystemd(t *testing.T) {
	requireSystemd(t)
	c := newCloud(t)
	c.put(instance.SetupKey(instance.SetupSHA256()), instance.Setup())
	c.publishAgent()
	c.publish(service, page(t, "one"))
	c.publish(playbook, "playbook")
	c.promoteFirst(service)
	c.promoteFirst(playbook)
	w := newWebMachine(t, c)
	w.boot(c.userData(instance.SetupSHA256()))

	for _, step := range []struct {
		name string
		run  func(*testing.T, *webMachine)
	}{
		{"everything runs", everythingRuns},
		{"its logs are in the index", ships},
		{"what is killed comes back", killed},
		{"what hangs is killed", hangs},
		{"a note of how far shipping has come", checkpoint},
		{"lines written just before the end are shipped", shutdown},
		{"a second boot without user data", bootsAgain},
		{"notice", noticed},
	} {
		if !t.Run(step.name, func(t *testing.T) { w.t = t; step.run(t, w) }) {
			t.Fatalf("the steps after it depend on this one\n%s", w.journal())
		}
	}
}

func newWebMachine(t *testing.T, c *cloud) *webMachine {
	t.Helper()
	w := &webMachine{booted: newBooted(t, c)}
	start(t, w.logs.Broker.Start, w.logs.Index.Start, w.logs.Indexer.Start)
	var err error
	w.cluster, err = rescuetest.NewCloud(t.Context(), c.moto, rescuetest.Size{Spot: 1, OnDemand: 1, Max: 3})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.cluster.Close)
	mock, err := rescuetest.StartMock(t.Context(), os.Getenv(programs))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := mock.Stop(); err != nil {
			t.Error(err)
		}
	})
	w.metadata = rescuetest.NewMetadata(mock.URL, w.cluster.Instances[0])
	t.Cleanup(w.metadata.Close)

	w.env = append(w.env, "AWS_EC2_METADATA_SERVICE_ENDPOINT="+w.metadata.URL)
	write(t, w.path("etc/tandem/spotwatch.env"), "AWS_ENDPOINT_URL="+w.cluster.URL+"\n")
	c.settings = append(shipping(w.logs),
		instance.Setting{Name: "TANDEM_GROUP", Value: w.cluster.Spot},
		instance.Setting{Name: "TANDEM_RESCUE_GROUP", Value: w.cluster.OnDemand},
		instance.Setting{Name: "TANDEM_RESCUE_POLICY_ARN", Value: w.cluster.Policy},
		instance.Setting{Name: "TANDEM_TARGET_GROUP_ARN", Value: w.cluster.TargetGroup},
		instance.Setting{Name: "TANDEM_POLL_SECONDS", Value: "1"},
		instance.Setting{Name: "TANDEM_DEREGISTRATION_SECONDS", Value: "1"},
	)
	return w
}

// line writes a line to the service's log.
func (w *webMachine) line() (text string) {
	w.t.Helper()
	w.lines++
	text = fmt.Sprintf("line %d", w.lines)
	if err := os.MkdirAll(filepath.Dir(w.path(webLog)), 0o755); err != nil {
		w.t.Fatal(err)
	}
	f, err := os.OpenFile(w.path(webLog), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		w.t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString(text + "\n"); err != nil {
		w.t.Fatal(err)
	}
	return text
}

func everythingRuns(t *testing.T, w *webMachine) {
	w.runs("spotwatch.service", "tandem-logs.service", "tandem-logs-checkpoint.timer", "tandem-logs-refresh.timer", "apache2.service")
	if status, _, _ := get(t, "/health"); status != http.StatusOK {
		t.Errorf("the health path answers %d, want 200", status)
	}
	serves(t, "one")
	w.indexed(w.line())
}

// ships looks for lines of the boot, and of the service after it.
func ships(t *testing.T, w *webMachine) {
	if boot := w.indexed("configuring obelix 1 with"); boot.Source != "setup" || boot.InstanceID != w.cluster.Instances[0] {
		t.Errorf("the boot is there as %+v", boot)
	}
	if status, _, _ := get(t, "/a-page-that-is-not-there"); status != http.StatusNotFound {
		t.Errorf("the page answers %d", status)
	}
	got := w.indexed("GET /a-page-that-is-not-there")
	want := logstest.Record{
		ID: got.ID, Time: got.Time, Host: got.Host, InstanceID: w.cluster.Instances[0], Environment: environment, Cluster: service, Group: w.cluster.Spot,
		Service: service, Release: "1", Lifecycle: "spot", Source: "apache-access", File: got.File, Offset: got.Offset, Message: got.Message,
	}
	if got != want {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func killed(_ *testing.T, w *webMachine) {
	w.comesBack("KILL", "spotwatch.service", "tandem-logs.service")
	w.indexed(w.line())
}

// hangs stops the agent without ending it: its watchdog notices.
func hangs(_ *testing.T, w *webMachine) { w.comesBack("STOP", "spotwatch.service") }

func checkpoint(t *testing.T, w *webMachine) {
	last := w.line()
	if said := w.systemctl("start", "tandem-logs-checkpoint.service", "tandem-logs-refresh.service"); said != "" {
		t.Errorf("systemctl says %s", said)
	}
	w.indexed(last)
	if !w.exists("var/lib/tandem-logs/checkpoint/sizes") {
		t.Error("it has noted nothing")
	}
	if w.exists("var/lib/tandem-logs/clean") {
		t.Error("a start has not used up the end before it")
	}
}

func shutdown(t *testing.T, w *webMachine) {
	last := w.line()
	if err := w.PowerOff(); err != nil {
		t.Fatal(err)
	}
	if !w.exists("var/lib/tandem-logs/clean") {
		t.Error("rsyslog was not ended in order")
	}
	w.indexed(last)
}

func bootsAgain(t *testing.T, w *webMachine) {
	w.boot("")
	everythingRuns(t, w)
}

// noticed has the agent's hooks run inside of its restrictions.
func noticed(t *testing.T, w *webMachine) {
	last := w.line()
	w.metadata.Interrupt("terminate", time.Now().Add(45*time.Second))
	w.indexed(rescue.MarkerMessage)
	w.indexed(last)
	if desired, err := w.cluster.Desired(t.Context()); err != nil || desired != 2 {
		t.Errorf("%v, %d instances are desired, want the one and its rescuer", err, desired)
	}
	if registered, err := w.cluster.Registered(t.Context(), w.cluster.Instances[0]); err != nil || registered {
		t.Errorf("%v, registered: %t, want the instance to have left the load balancer", err, registered)
	}
	for _, trouble := range []string{"hook failed", "failed, trying again", `"level":"ERROR"`} {
		for _, record := range w.records(trouble) {
			t.Errorf("the agent says %s", record.Message)
		}
	}
}
