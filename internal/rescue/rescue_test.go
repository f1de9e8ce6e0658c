package rescue_test

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tandem-iac/tandem/internal/imds"
	"github.com/tandem-iac/tandem/internal/mototest"
	"github.com/tandem-iac/tandem/internal/rescue"
	"github.com/tandem-iac/tandem/internal/rescue/metric"
	"github.com/tandem-iac/tandem/internal/rescuetest"
)

// mock is the metadata mock that all tests share, each behind its own faults.
var mock *rescuetest.Mock

func TestMain(m *testing.M) {
	os.Exit(func() int {
		directory, err := os.MkdirTemp("", "rescue")
		if err == nil {
			defer os.RemoveAll(directory)
			mock, err = rescuetest.StartMock(context.Background(), directory)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer func() { _ = mock.Stop() }()
		flag.Parse()
		if err := flag.Set("test.parallel", "6"); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		return mototest.Main(m)
	}())
}

// budget makes of two minutes three seconds. Calls have all the time that a
// busy machine may need: an attempt that is given up is one in doubt.
var budget = rescue.Budget{
	Poll: 50 * time.Millisecond, API: time.Minute, Deregistration: 500 * time.Millisecond,
	Hooks: 600 * time.Millisecond, Flush: 400 * time.Millisecond, Notice: 3 * time.Second,
}

// world is a cluster with one instance and its agent.
type world struct {
	*testing.T
	*rescuetest.Cloud
	metadata *rescuetest.Metadata
	config   rescue.Config
	log      *lines
	id       string
	stop     context.CancelFunc
	ended    chan struct{}
}

// lines is a log that tests read.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// entries are the log's lines with a message.
func (l *lines) entries(message string) []map[string]any {
	var found []map[string]any
	for line := range strings.Lines(l.String()) {
		var entry map[string]any
		if json.Unmarshal([]byte(line), &entry) == nil && entry["msg"] == message {
			found = append(found, entry)
		}
	}
	return found
}

var defaultSize = rescuetest.Size{Spot: 1, OnDemand: 1, Max: 10}

// newWorld makes a cluster for a test, which from here on runs beside others:
// they wait more than they work.
func newWorld(t *testing.T, size rescuetest.Size) *world {
	t.Helper()
	t.Parallel()
	cloud, err := rescuetest.NewCloud(t.Context(), os.Getenv("AWS_ENDPOINT_URL"), size)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cloud.Close)
	w := &world{T: t, Cloud: cloud, id: cloud.Instances[0]}
	w.equip(w.id, t.TempDir())
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("log:\n%s", w.log)
		}
	})
	return w
}

// equip prepares an agent for an instance whose files are below root.
func (w *world) equip(id, root string) {
	w.id, w.log = id, &lines{}
	w.metadata = rescuetest.NewMetadata(mock.URL, id)
	w.Cleanup(w.metadata.Close)
	w.config = rescue.Config{
		Environment: "test", Cluster: "web", Service: "shop", Group: w.Spot, Lifecycle: rescue.Spot,
		RescueGroup: w.OnDemand, RescuePolicy: w.Policy, TargetGroup: w.TargetGroup, LifecycleHook: "drain",
		Budget: budget, Root: root,
		Metadata: imds.New(imds.Config{Endpoint: w.metadata.URL, Timeout: 500 * time.Millisecond}),
		AWS:      rescue.Connect(rescue.ConnectConfig{Region: mototest.Region, Endpoint: w.URL, Metadata: w.metadata.URL}),
		Metrics:  rescue.NewMetrics("test", root),
		Log:      slog.New(slog.NewJSONHandler(w.log, nil)),
	}
	w.write("etc/tandem/release", "SERVICE=shop\nSERVICE_VERSION=42\n", 0o644)
}

func (w *world) write(file, text string, mode os.FileMode) {
	w.Helper()
	file = filepath.Join(w.config.Root, file)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		w.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), mode); err != nil {
		w.Fatal(err)
	}
}

func (w *world) read(file string) string {
	data, err := os.ReadFile(filepath.Join(w.config.Root, file))
	if err != nil {
		return ""
	}
	return string(data)
}

// hook is a drain hook that notes that it ran, and when.
func (w *world) hook(name, script string) {
	w.write("etc/tandem/drain.d/"+name, "#!/bin/sh\necho "+name+" >> "+filepath.Join(w.config.Root, "hooks")+"\n"+script+"\n", 0o755)
}

// start starts an agent, which ends with the test or with stop.
func (w *world) start() {
	w.Helper()
	agent, err := rescue.New(w.config)
	if err != nil {
		w.Fatal(err)
	}
	ctx, cancel := context.WithCancel(w.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := agent.Run(ctx); err != nil {
			w.Error(err)
		}
	}()
	w.stop = func() { cancel(); <-ended }
	w.ended = ended
	w.Cleanup(w.stop)
	w.until("the agent watches", func() bool { return len(w.log.entries("watching")) > 0 })
}

// until waits for something that has to come.
func (w *world) until(what string, holds func() bool) {
	w.Helper()
	for end := time.Now().Add(time.Minute); !holds(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			w.Fatalf("it does not come to it that %s", what)
		}
	}
}

func (w *world) logged(message string) func() bool {
	return func() bool { return len(w.log.entries(message)) > 0 }
}

// interrupt gives the notice that the budget foresees.
func (w *world) interrupt() {
	w.metadata.Interrupt(imds.ActionTerminate, time.Now().Add(budget.Notice))
}

func (w *world) drained() {
	w.Helper()
	w.until("the agent marks the end", w.logged(rescue.MarkerMessage))
}

func (w *world) desired(want int) {
	w.Helper()
	got, err := w.Desired(w.Context())
	if err != nil || got != want {
		w.Errorf("the on-demand group has a desired capacity of %d, want %d (%v)", got, want, err)
	}
}

func (w *world) registered(want bool) {
	w.Helper()
	got, err := w.Registered(w.Context(), w.id)
	if err != nil || got != want {
		w.Errorf("the instance is registered: %v, want %v (%v)", got, want, err)
	}
}

// metric is the value of a line of /metrics.
func (w *world) metric(name string) string {
	w.Helper()
	answer := httptest.NewRecorder()
	w.config.Metrics.Handler().ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	for line := range strings.Lines(answer.Body.String()) {
		if value, found := strings.CutPrefix(line, name+" "); found {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

func TestInterruption(t *testing.T) {
	w := newWorld(t, defaultSize)
	w.hook("20-stop", "")
	w.hook("10-finish", `echo "$TANDEM_DRAIN_REASON $TANDEM_DRAIN_ACTION $TANDEM_INSTANCE_ID"`)
	w.hook("30-broken", "exit 3")
	w.write("etc/tandem/drain.d/40-no-program", "#!/bin/sh\necho no\n", 0o644)
	w.write("etc/tandem/drain.d/50-old.dpkg-old", "#!/bin/sh\necho no\n", 0o755)
	w.write("etc/tandem/flush.d/10-ship", "#!/bin/sh\necho ship >> "+filepath.Join(w.config.Root, "hooks")+"\n", 0o755)
	w.start()
	w.registered(true)
	w.desired(1)
	w.interrupt()
	w.until("rescue is accepted", w.logged("rescue accepted"))
	latency := w.Calls("ExecutePolicy")[0].At.Sub(w.metadata.Noticed())
	t.Logf("notice to rescue: %s", latency)
	w.drained()
	w.desired(2)
	w.registered(false)
	if got, want := w.read("hooks"), "10-finish\n20-stop\n30-broken\nship\n"; got != want {
		t.Errorf("the hooks ran as %q, want %q", got, want)
	}
	if said := fmt.Sprint(w.log.entries("hook says")); !strings.Contains(said, "interruption terminate "+w.id) {
		t.Errorf("a hook is told %s", said)
	}
	if len(w.log.entries("hook failed")) != 1 {
		t.Error("the hook that fails is not reported, or others are")
	}
	marker := w.log.entries(rescue.MarkerMessage)[0]
	for field, want := range map[string]string{
		"instance": w.id, "group": w.Spot, "service": "shop", "release": "42", "lifecycle": "spot", "reason": "interruption", "action": "terminate", "rescue": "done",
	} {
		if marker[field] != want {
			t.Errorf("the marker's %s is %v, want %s", field, marker[field], want)
		}
	}
	for name, want := range map[string]string{
		`spotwatch_interruption_notices_total{action="terminate"}`: "1", "spotwatch_rescues_total": "1", "spotwatch_rescue_failures_total": "0",
		"spotwatch_rescue_group_at_max_total": "0", "spotwatch_journal_errors_total": "0",
	} {
		if got := w.metric(name); got != want {
			t.Errorf("%s is %q, want %s", name, got, want)
		}
	}
	deregistered := w.Calls("DeregisterTargets")[0].At
	ran, err := os.Stat(filepath.Join(w.config.Root, "hooks"))
	if err != nil {
		t.Fatal(err)
	}
	if served := ran.ModTime().Sub(deregistered); served < budget.Deregistration {
		t.Errorf("it served for %s after it was deregistered, want %s at least", served, budget.Deregistration)
	}
	if n := len(w.Calls("CompleteLifecycleAction")); n != 0 {
		t.Errorf("%d lifecycle actions completed, though the group terminates nothing", n)
	}
	if n := len(w.Calls("PutMetricData")); n == 0 {
		t.Error("nothing was reported to CloudWatch")
	}
	for name, want := range map[string]float64{metric.Notices: 1, metric.Rescues: 1, metric.RescueFailures: 0, metric.GroupAtMax: 0} {
		if got, err := w.Reported(t.Context(), name, "test", "web"); got.Sum != want || err != nil {
			t.Errorf("CloudWatch has %v %s, want %v (%v)", got.Sum, name, want, err)
		}
	}
	// Once per instance, however often it is asked about and by whom.
	w.stop()
	w.start()
	time.Sleep(5 * budget.Poll)
	w.desired(2)
	if n := len(w.log.entries(rescue.MarkerMessage)); n != 1 {
		t.Errorf("%d markers, want one", n)
	}
}

func TestRescueWaitsForNothing(t *testing.T) {
	w := newWorld(t, defaultSize)
	release := make(chan struct{})
	w.Faults(func(c rescuetest.Call) rescuetest.Fault {
		if c.Action == "DeregisterTargets" || c.Action == "PutMetricData" {
			return rescuetest.Fault{Before: func() { <-release }}
		}
		return rescuetest.Fault{}
	})
	w.start()
	w.interrupt()
	w.until("rescue is accepted", w.logged("rescue accepted"))
	close(release)
	w.drained()
	w.desired(2)
}

func TestTermination(t *testing.T) {
	for _, lifecycle := range []string{rescue.Spot, rescue.OnDemand} {
		t.Run(lifecycle, func(t *testing.T) {
			w := newWorld(t, defaultSize)
			w.hook("10-stop", "")
			if w.config.Lifecycle = lifecycle; lifecycle == rescue.OnDemand {
				w.config.RescueGroup, w.config.RescuePolicy = "", ""
			}
			w.start()
			w.metadata.Target("Standby")
			time.Sleep(5 * budget.Poll)
			w.registered(true)
			w.metadata.Target("Terminated")
			w.until("the lifecycle action is completed", w.logged("lifecycle action completed"))
			w.desired(1)
			w.registered(false)
			if got := w.read("hooks"); got != "10-stop\n" {
				t.Errorf("the hooks ran as %q", got)
			}
			calls := w.Calls("CompleteLifecycleAction")
			if len(calls) != 1 {
				t.Fatalf("%d completions, want one", len(calls))
			}
			for name, want := range map[string]string{
				"AutoScalingGroupName": w.Spot, "LifecycleHookName": "drain", "InstanceId": w.id, "LifecycleActionResult": "CONTINUE",
			} {
				if got := calls[0].Form.Get(name); got != want {
					t.Errorf("%s is %s, want %s", name, got, want)
				}
			}
			if reason := w.log.entries(rescue.MarkerMessage)[0]["reason"]; reason != "termination" {
				t.Errorf("the reason is %s", reason)
			}
		})
	}
}

// A machine behind no load balancer, such as one that reads from a queue, has
// nothing to deregister from and nothing to wait for.
func TestNoTargetGroup(t *testing.T) {
	quiet := func(w *world) {
		w.Helper()
		if n := len(w.Calls("DeregisterTargets", "RegisterTargets")); n != 0 {
			w.Errorf("%d calls about a target group", n)
		}
	}
	t.Run("interrupted", func(t *testing.T) {
		w := newWorld(t, defaultSize)
		w.config.TargetGroup, w.config.Budget.Deregistration, w.config.Budget.Notice = "", time.Minute, 2*time.Minute
		w.config.Budget.Hooks, w.config.Budget.Flush = 20*time.Second, 10*time.Second
		w.hook("10-stop", "")
		w.start()
		w.metadata.Interrupt(imds.ActionTerminate, time.Now().Add(2*time.Minute))
		w.drained()
		if got := w.read("hooks"); got != "10-stop\n" {
			t.Errorf("the hooks ran as %q", got)
		}
		w.until("rescue is reported", w.logged("rescued"))
		w.desired(2)
		quiet(w)
		if left := w.log.entries(rescue.MarkerMessage)[0]["seconds_left"].(float64); left < 60 {
			t.Errorf("%v s are left: it has waited for requests that nobody sends", left)
		}
	})
	t.Run("terminated by its group, without rescue or hook", func(t *testing.T) {
		w := newWorld(t, defaultSize)
		w.config.TargetGroup, w.config.Lifecycle, w.config.RescueGroup, w.config.RescuePolicy = "", rescue.OnDemand, "", ""
		w.hook("10-stop", "")
		w.start()
		w.metadata.Target("Terminated")
		w.until("the lifecycle action is completed", w.logged("lifecycle action completed"))
		if got := w.read("hooks"); got != "10-stop\n" {
			t.Errorf("the hooks ran as %q", got)
		}
		w.desired(1)
		quiet(w)
	})
	t.Run("hibernated and awake again", func(t *testing.T) {
		w := newWorld(t, defaultSize)
		w.config.TargetGroup = ""
		w.start()
		w.metadata.Interrupt(imds.ActionHibernate, time.Now())
		w.drained()
		w.metadata.Withdraw()
		w.until("it is seen to be awake", w.logged("the interruption is withdrawn"))
		w.interrupt()
		w.until("it drains once more", func() bool { return len(w.log.entries(rescue.MarkerMessage)) == 2 })
		w.desired(2)
		quiet(w)
	})
}

// An instance that its group terminates may be interrupted on top.
func TestInterruptionDuringTermination(t *testing.T) {
	w := newWorld(t, defaultSize)
	w.config.Budget.Deregistration = 5 * time.Second
	w.start()
	w.metadata.Target("Terminated")
	w.until("it is deregistered", w.logged("deregistered, serving on"))
	w.metadata.Interrupt(imds.ActionTerminate, time.Now().Add(2*time.Second))
	begin := time.Now()
	w.until("the lifecycle action is completed", w.logged("lifecycle action completed"))
	w.desired(2)
	if took := time.Since(begin); took > 4*time.Second {
		t.Errorf("it took %s, longer than the notice left", took)
	}
	if n := len(w.Calls("DeregisterTargets")); n != 1 {
		t.Errorf("deregistered %d times", n)
	}
}

func TestRebalance(t *testing.T) {
	t.Run("only counts", func(t *testing.T) {
		w := newWorld(t, defaultSize)
		w.start()
		w.metadata.Recommend()
		w.until("it is seen", w.logged("rebalance recommendation"))
		w.stop()
		w.start()
		time.Sleep(5 * budget.Poll)
		w.desired(1)
		w.registered(true)
		if got := w.metric("spotwatch_rebalance_recommendations_total"); got != "1" {
			t.Errorf("counted %s, want 1", got)
		}
	})
	t.Run("rescues early and once", func(t *testing.T) {
		w := newWorld(t, defaultSize)
		w.config.Prelaunch = true
		w.start()
		w.metadata.Recommend()
		w.until("rescue is accepted", w.logged("rescue accepted"))
		time.Sleep(5 * budget.Poll)
		w.desired(2)
		w.registered(true)
		w.interrupt()
		w.drained()
		w.desired(2)
		w.registered(false)
	})
}

func TestWithdrawn(t *testing.T) {
	w := newWorld(t, defaultSize)
	w.config.Budget.Deregistration = 2 * time.Second
	w.hook("10-stop", "")
	w.start()
	w.interrupt()
	w.until("it is deregistered", w.logged("deregistered, serving on"))
	w.metadata.Withdraw()
	w.until("it is registered", w.logged("registered"))
	w.registered(true)
	w.desired(2) // nothing is removed
	if w.read("hooks") != "" {
		t.Error("hooks have run")
	}
	// A second one drains again, and rescues no more.
	w.interrupt()
	w.drained()
	w.desired(2)
	w.registered(false)
}

// One answer out of line is no withdrawal.
func TestOneAnswerIsNoWithdrawal(t *testing.T) {
	w := newWorld(t, defaultSize)
	w.start()
	w.interrupt()
	w.until("it is deregistered", w.logged("deregistered, serving on"))
	n := 0
	w.metadata.Faults(func(path string) *rescuetest.Answer {
		if path == imds.InstanceActionPath {
			if n++; n%3 != 0 {
				return &rescuetest.Answer{Status: http.StatusNotFound}
			}
		}
		return nil
	})
	w.drained()
	w.registered(false)
}

func TestHibernation(t *testing.T) {
	w := newWorld(t, defaultSize)
	w.hook("10-stop", "")
	w.start()
	w.metadata.Interrupt(imds.ActionHibernate, time.Now())
	begin := time.Now()
	w.drained()
	if took := time.Since(begin); took > 2*time.Second {
		t.Errorf("took %s", took)
	}
	w.until("rescue is accepted", w.logged("rescue accepted"))
	w.registered(false)
	if w.read("hooks") != "" {
		t.Error("hooks have run: what they stop would stay stopped")
	}
	w.metadata.Withdraw() // it wakes up
	w.until("it is registered", w.logged("registered"))
	w.registered(true)
}

func TestHookThatHangs(t *testing.T) {
	w := newWorld(t, defaultSize)
	w.config.Budget.Hooks = 1200 * time.Millisecond
	w.hook("10-hangs", `trap "" TERM; sleep 60 & echo $! > `+filepath.Join(w.config.Root, "child")+`; wait; wait`)
	w.hook("20-next", "")
	w.start()
	w.interrupt()
	w.drained()
	if got, want := w.read("hooks"), "10-hangs\n20-next\n"; got != want {
		t.Errorf("the hooks ran as %q, want %q", got, want)
	}
	if n := len(w.log.entries("hook failed")); n != 1 {
		t.Errorf("%d hooks failed, want one", n)
	}
	// Killed with its children; a zombie has no command line.
	child := strings.TrimSpace(w.read("child"))
	w.until("its child is gone", func() bool {
		line, err := os.ReadFile("/proc/" + child + "/cmdline")
		return err != nil || len(line) == 0
	})
	if left := w.log.entries(rescue.MarkerMessage)[0]["seconds_left"].(float64); left < 0 {
		t.Errorf("the marker came %v s late", -left)
	}
}

func TestValidate(t *testing.T) {
	err := rescue.Config{Lifecycle: "spots", Budget: rescue.Budget{Poll: time.Second, Hooks: -time.Second}}.Validate()
	for _, want := range []string{
		"environment is unset", "cluster is unset", "group is unset", "lifecycle is spots, want spot or on-demand",
		"hooks_seconds is -1, want above 0", "api_seconds is 0",
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("no %q in\n%v", want, err)
		}
	}
}
