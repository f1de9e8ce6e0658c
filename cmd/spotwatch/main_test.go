package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/tandem-iac/tandem/internal/imds"
	"github.com/tandem-iac/tandem/internal/mototest"
	"github.com/tandem-iac/tandem/internal/needs"
	"github.com/tandem-iac/tandem/internal/rescue"
	"github.com/tandem-iac/tandem/internal/rescuetest"
)

// asProgram makes the test program be spotwatch.
const asProgram = "SPOTWATCH_TEST_AS_PROGRAM"

var mock *rescuetest.Mock

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
	}
	os.Exit(func() int {
		directory, err := os.MkdirTemp("", "spotwatch")
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

// machine is an instance on which spotwatch is started and killed.
type machine struct {
	*testing.T
	*rescuetest.Cloud
	metadata *rescuetest.Metadata
	root     string
	env      []string

	mu      sync.Mutex
	process *exec.Cmd
	output  *bytes.Buffer
}

func newMachine(t *testing.T) *machine {
	t.Helper()
	t.Parallel()
	cloud, err := rescuetest.NewCloud(t.Context(), os.Getenv("AWS_ENDPOINT_URL"), rescuetest.Size{Spot: 1, OnDemand: 1, Max: 10})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cloud.Close)
	m := &machine{T: t, Cloud: cloud, metadata: rescuetest.NewMetadata(mock.URL, cloud.Instances[0]), root: t.TempDir()}
	t.Cleanup(m.metadata.Close)
	m.env = append(os.Environ(), asProgram+"=1", "AWS_REGION="+mototest.Region, "AWS_ENDPOINT_URL="+cloud.URL,
		"AWS_EC2_METADATA_SERVICE_ENDPOINT="+m.metadata.URL, "TANDEM_ENVIRONMENT=test", "TANDEM_CLUSTER=web", "TANDEM_SERVICE=shop",
		"TANDEM_LIFECYCLE=spot", "TANDEM_GROUP="+cloud.Spot, "TANDEM_LIFECYCLE_HOOK=drain", "TANDEM_TARGET_GROUP_ARN="+cloud.TargetGroup,
		"TANDEM_RESCUE_GROUP="+cloud.OnDemand, "TANDEM_RESCUE_POLICY_ARN="+cloud.Policy, "TANDEM_POLL_SECONDS=0.1", "TANDEM_API_SECONDS=60",
		"TANDEM_DEREGISTRATION_SECONDS=0.5", "TANDEM_HOOKS_SECONDS=2", "TANDEM_FLUSH_SECONDS=2", "TANDEM_NOTICE_SECONDS=20",
		"TANDEM_METRICS_ADDRESS=off", "TANDEM_ROOT="+m.root)
	for _, hook := range []string{"drain.d/10-first", "drain.d/20-second", "flush.d/10-ship"} {
		file := filepath.Join(m.root, "etc/tandem", hook)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		// A hook tells that it begins, and waits where a test wants it to.
		script := fmt.Sprintf("#!/bin/sh\ncd %s\necho %s >> hooks\nif mkdir held-%[3]s 2> /dev/null && [ -e hold-%[3]s ]; then sleep 30; fi\necho end-%[2]s >> hooks\n", m.root, hook, filepath.Base(hook))
		if err := os.WriteFile(file, []byte(script), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		m.kill()
		if t.Failed() {
			t.Logf("log:\n%s", m.log())
		}
	})
	return m
}

// start starts an agent; the one before it has ended.
func (m *machine) start() {
	m.Helper()
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = m.env
	output := &bytes.Buffer{}
	cmd.Stdout, cmd.Stderr = output, output
	cmd.WaitDelay = 100 * time.Millisecond // a hook may outlive its agent here
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		m.Fatal(err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.process, m.output = cmd, output
}

// kill kills the agent, as the kernel does when memory is short.
func (m *machine) kill() {
	m.mu.Lock()
	cmd := m.process
	m.process = nil
	m.mu.Unlock()
	if cmd == nil {
		return
	}
	_ = cmd.Process.Kill() // it may have ended
	_ = cmd.Wait()
}

// log is the log of all agents so far.
func (m *machine) log() string {
	data, _ := os.ReadFile(filepath.Join(m.root, "var/log/tandem/spotwatch.log")) // there may be none yet
	return string(data)
}

func (m *machine) until(what string, holds func() bool) {
	m.Helper()
	for end := time.Now().Add(time.Minute); !holds(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			m.Fatalf("it does not come to it that %s", what)
		}
	}
}

func (m *machine) logged(text string) func() bool {
	return func() bool { return strings.Contains(m.log(), text) }
}

// rescued waits, in a call, until the agent has got its rescue, or for as long as
// a test would.
func (m *machine) rescued() {
	accepted := m.logged("rescue accepted")
	for end := time.Now().Add(20 * time.Second); !accepted() && time.Now().Before(end); {
		time.Sleep(10 * time.Millisecond)
	}
}

func (m *machine) interrupt() {
	m.metadata.Interrupt(imds.ActionTerminate, time.Now().Add(20*time.Second))
}

func (m *machine) hooks() string {
	data, _ := os.ReadFile(filepath.Join(m.root, "hooks")) // none may have run
	return strings.Join(strings.Fields(string(data)), " ")
}

const allHooks = "drain.d/10-first end-drain.d/10-first drain.d/20-second end-drain.d/20-second flush.d/10-ship end-flush.d/10-ship"

// inOrder checks that all hooks ran, in order and once, but for one that the
// kill may have cut off.
func (m *machine) inOrder() {
	m.Helper()
	var order []string
	again := map[string]bool{}
	for _, each := range strings.Fields(m.hooks()) {
		if slices.Contains(order, each) {
			again[strings.TrimPrefix(each, "end-")] = true
		} else {
			order = append(order, each)
		}
	}
	if strings.Join(order, " ") != allHooks || len(again) > 1 {
		m.Errorf("the hooks ran as %s", m.hooks())
	}
}

// wholly checks that all has been done, and once.
func (m *machine) wholly() {
	m.Helper()
	m.until("the end is marked", m.logged(rescue.MarkerMessage))
	m.until("an instance is added", func() bool { got, err := m.Desired(m.Context()); return got > 1 || err != nil })
	m.Settle()
	if got, err := m.Desired(m.Context()); got != 2 || err != nil {
		m.Errorf("the on-demand group has a desired capacity of %d, want 2 (%v)", got, err)
	}
	if in, err := m.Registered(m.Context(), m.Instances[0]); in || err != nil {
		m.Errorf("the instance is registered: %v (%v)", in, err)
	}
}

// The agent is killed when a call has been sent, and when it has been carried
// out and not been answered.
func TestKilledDuringCalls(t *testing.T) {
	for _, action := range []string{"DescribeAutoScalingGroups", "ExecutePolicy", "DeregisterTargets", "CompleteLifecycleAction"} {
		for _, carriedOut := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s carried out %v", action, carriedOut), func(t *testing.T) {
				m := newMachine(t)
				var once sync.Once
				killed := make(chan struct{})
				m.Faults(func(c rescuetest.Call) rescuetest.Fault {
					fault := rescuetest.Fault{}
					if c.Action != action {
						return fault
					}
					once.Do(func() {
						kill := func() {
							if action == "DeregisterTargets" || action == "CompleteLifecycleAction" {
								m.rescued() // at the same time, whose call is not the one to be cut
							}
							m.kill()
							close(killed)
						}
						if fault.After = kill; !carriedOut {
							fault = rescuetest.Fault{Before: kill, Drop: true}
						}
					})
					return fault
				})
				m.start()
				m.until("it watches", m.logged("watching"))
				m.interrupt()
				if action == "CompleteLifecycleAction" {
					m.metadata.Target("Terminated")
				}
				<-killed
				m.start()
				m.wholly()
				if action == "CompleteLifecycleAction" {
					m.until("the action is completed", m.logged("lifecycle action completed"))
				}
				m.inOrder()
			})
		}
	}
}

// The agent is killed while a hook runs, which is run again; those that have
// ended are not.
func TestKilledDuringHooks(t *testing.T) {
	for hook, want := range map[string]string{
		"10-first":  strings.Replace(allHooks, "drain.d/10-first", "drain.d/10-first drain.d/10-first", 1),
		"20-second": strings.Replace(allHooks, "drain.d/20-second", "drain.d/20-second drain.d/20-second", 1),
		"10-ship":   strings.Replace(allHooks, "flush.d/10-ship", "flush.d/10-ship flush.d/10-ship", 1),
	} {
		t.Run(hook, func(t *testing.T) {
			m := newMachine(t)
			if err := os.WriteFile(filepath.Join(m.root, "hold-"+hook), nil, 0o644); err != nil {
				t.Fatal(err)
			}
			m.start()
			m.interrupt()
			m.until("the hook runs", func() bool { _, err := os.Stat(filepath.Join(m.root, "held-"+hook)); return err == nil })
			m.kill()
			m.start()
			m.wholly()
			if got := m.hooks(); got != want {
				t.Errorf("the hooks ran as %s, want %s", got, want)
			}
		})
	}
}

// The agent is killed as soon as it says that a step is behind it.
func TestKilledBetweenSteps(t *testing.T) {
	for _, step := range []string{"interruption notice", "rescue asked for", "rescue accepted", "deregistered, serving on", "hook ended", rescue.MarkerMessage} {
		t.Run(step, func(t *testing.T) {
			m := newMachine(t)
			m.start()
			m.interrupt()
			m.until("it says "+step, m.logged(`"msg":"`+step+`"`))
			m.kill()
			m.Settle()
			m.start()
			m.wholly()
			m.inOrder()
		})
	}
}

// Killed wherever it happens to be, and started again each time.
func TestKilledAgainAndAgain(t *testing.T) {
	m := newMachine(t)
	m.interrupt()
	m.start()
	for n := range 8 {
		time.Sleep(time.Duration(60+70*n) * time.Millisecond)
		m.kill()
		m.Settle()
		m.start()
	}
	m.wholly()
	m.kill()
	m.start()
	m.until("it watches on", func() bool { return strings.Count(m.log(), `"msg":"watching"`) > 1 })
	time.Sleep(500 * time.Millisecond)
	if got := strings.Count(m.log(), rescue.MarkerMessage); got != 1 {
		t.Errorf("%d markers, want one", got)
	}
	if got, err := m.Desired(t.Context()); got != 2 || err != nil {
		t.Errorf("the on-demand group has a desired capacity of %d, want 2 (%v)", got, err)
	}
}

// Where there is no load balancer the setting is empty or missing, and the agent
// drains and rescues all the same.
func TestNoTargetGroup(t *testing.T) {
	const setting = "TANDEM_TARGET_GROUP_ARN="
	for name, with := range map[string][]string{"empty": {setting}, "unset": nil} {
		t.Run(name, func(t *testing.T) {
			m := newMachine(t)
			m.env = append(slices.DeleteFunc(m.env, func(s string) bool { return strings.HasPrefix(s, setting) }), with...)
			m.start()
			m.interrupt()
			m.until("the end is marked", m.logged(rescue.MarkerMessage))
			m.until("rescue is reported", m.logged(`"msg":"rescued"`))
			if got, err := m.Desired(t.Context()); got != 2 || err != nil {
				t.Errorf("the on-demand group has a desired capacity of %d, want 2 (%v)", got, err)
			}
			if got := m.hooks(); got != allHooks {
				t.Errorf("the hooks ran as %s", got)
			}
			if n := len(m.Calls("DeregisterTargets")); n != 0 {
				t.Errorf("deregistered %d times from nothing", n)
			}
		})
	}
}

func TestSettings(t *testing.T) {
	var out, errs bytes.Buffer
	env := map[string]string{
		"AWS_REGION": "eu-west-1", "TANDEM_CLUSTER": "web", "TANDEM_LIFECYCLE": "spots", "TANDEM_POLL_SECONDS": "often", "TANDEM_PRELAUNCH": "perhaps",
		"TANDEM_METRICS_ADDRESS": "0.0.0.0:9842", "TANDEM_FLUSH_SECONDS": "NaN",
	}
	if code := run([]string{"--hooks-seconds=-1"}, func(name string) string { return env[name] }, &out, &errs); code != 2 {
		t.Errorf("exit code %d, want 2", code)
	}
	for _, want := range []string{
		"TANDEM_ENVIRONMENT is unset", "TANDEM_LIFECYCLE is spots, want spot or on-demand", "TANDEM_POLL_SECONDS is often, want a number of seconds",
		"TANDEM_PRELAUNCH is perhaps, want true or false", "TANDEM_METRICS_ADDRESS is 0.0.0.0:9842, want a loopback address", "TANDEM_HOOKS_SECONDS is -1",
		"TANDEM_FLUSH_SECONDS is NaN",
	} {
		if strings.Count(errs.String(), want) != 1 {
			t.Errorf("no %q, or twice, in\n%s", want, &errs)
		}
	}
	if code := run([]string{"--help"}, func(string) string { return "" }, &out, &errs); code != 0 || !strings.Contains(out.String(), "TANDEM_RESCUE_POLICY_ARN") {
		t.Errorf("--help ends with %d and says\n%s", code, &out)
	}
	out.Reset()
	if code := run([]string{"--version"}, func(string) string { return "" }, &out, &errs); code != 0 || out.String() != "spotwatch unknown\n" {
		t.Errorf("--version ends with %d and says %s", code, &out)
	}
	if code := run([]string{"--nonsense"}, func(string) string { return "" }, &out, &errs); code != 2 {
		t.Errorf("an unknown flag ends with %d, want 2", code)
	}
}

// The unit is one that systemd takes, and gives little away.
func TestUnit(t *testing.T) {
	needs.Tool(t, "systemd-analyze")
	data, err := os.ReadFile("../../instance/spotwatch.service")
	if err != nil {
		t.Fatal(err)
	}
	// It looks for the program, which is not installed here.
	text := strings.Replace(string(data), "ExecStart=/usr/local/bin/spotwatch", "ExecStart=/bin/true", 1)
	file := filepath.Join(t.TempDir(), "spotwatch.service")
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("systemd-analyze", "verify", file).CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("%v\n%s", err, out)
	}
	// In tenths: 10 is no protection at all.
	if out, err := exec.Command("systemd-analyze", "security", "--offline=true", "--threshold=40", file).CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
