package cli

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/tandem-iac/tandem/internal/fleettest"
	"github.com/tandem-iac/tandem/internal/nagiostest"
	"github.com/tandem-iac/tandem/internal/needs"
)

// nagiosRun runs tandem nagios sync for a cloud.
type nagiosRun struct {
	*nagiostest.Nagios
	cloud *fleettest.Cloud
	env   []string
}

func newNagiosRun(t *testing.T) nagiosRun {
	t.Helper()
	cloud, env := newCloud(t)
	return nagiosRun{nagiostest.New(t, "execute_host_checks=0\nexecute_service_checks=0\n"), cloud, env}
}

func (r nagiosRun) command(env string, args ...string) *exec.Cmd {
	cmd := exec.Command("tandem", append([]string{"nagios", "sync", "--environment", r.cloud.Environment, "--config", r.Main, "--output", r.Output}, args...)...)
	cmd.Env = append(append(os.Environ(), r.env...), env)
	return cmd
}

func TestNagiosSync(t *testing.T) {
	t.Parallel()
	r := newNagiosRun(t)
	r.Start()
	sync := func(code int, want string) {
		t.Helper()
		cmd := r.command("")
		out, _ := cmd.CombinedOutput() // the code tells
		if cmd.ProcessState.ExitCode() != code || !strings.Contains(string(out), want) {
			t.Errorf("exit code is %d with %s, want %d with %q", cmd.ProcessState.ExitCode(), out, code, want)
		}
	}
	sync(exitOK, "3 hosts: 3 added, 0 removed, reloaded\n")
	r.Wait("the hosts", func() bool { return len(r.Hosts()) == 3 })
	r.cloud.Faults(func(fleettest.Call) *fleettest.Fault {
		return &fleettest.Fault{Code: "ExpiredToken", Message: "expired", Status: 403}
	})
	sync(exitFailure, "tandem: Auto Scaling DescribeAutoScalingGroups: ExpiredToken: expired")
	r.cloud.Faults(nil)
	sync(exitOK, "3 hosts: nothing has changed\n")
	r.Verify()
}

// What is polled follows, outlasts AWS and ends with 0 when it is told to.
func TestNagiosSyncEvery(t *testing.T) {
	t.Parallel()
	r := newNagiosRun(t)
	r.Start()
	cmd := r.command("", "--every", "1s")
	var out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	r.Wait("three hosts", func() bool { return len(r.Hosts()) == 3 })
	failed := make(chan bool, 100)
	r.cloud.Faults(func(fleettest.Call) *fleettest.Fault {
		failed <- true
		return &fleettest.Fault{Code: "AccessDenied", Message: "no", Status: 403}
	})
	<-failed
	<-failed
	r.cloud.Faults(nil)
	r.cloud.Resize(r.cloud.Spot, 4)
	for _, id := range r.cloud.IDs() {
		r.cloud.Machine(id)
	}
	r.Wait("five hosts", func() bool { return len(r.Hosts()) == 5 })
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil || !strings.Contains(out.String(), "AccessDenied: no") || !strings.Contains(out.String(), "the next try is in 1s") {
		t.Errorf("it ends with %v and says %s", err, &out)
	}
}

// wrapper is a nagios4 that kills who calls it.
const wrapper = `#!/bin/sh
[ "$KILL" != before ] || kill -9 $PPID
nagios4 "$@"
code=$?
case $KILL in
after) kill -9 $PPID ;;
0.*) (sleep "$KILL"; kill -9 $PPID) > /dev/null 2>&1 & ;;
esac
exit $code
`

func TestKilledSyncLeavesConfigurationWhole(t *testing.T) {
	t.Parallel()
	r := newNagiosRun(t)
	nagios := r.Path("kill-nagios4")
	if err := os.WriteFile(nagios, []byte(wrapper), 0o755); err != nil {
		t.Fatal(err)
	}
	args := []string{"--nagios", nagios, "--reload", fmt.Sprintf(`echo reload >> %s; [ "$KILL" != reload ] || kill -9 $PPID`, r.Path("reloads"))}
	clean := func() string {
		t.Helper()
		if out, err := r.command("", args...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		return r.Read("conf.d/tandem.cfg")
	}
	last := clean()
	steps := []string{"aws", "before", "after", "reload"}
	for n := range 12 {
		steps = append(steps, fmt.Sprintf("0.%04d", n*8))
	}
	for n, step := range steps {
		r.cloud.Resize(r.cloud.Spot, 3-n%2)
		for _, id := range r.cloud.IDs() {
			r.cloud.Machine(id)
		}
		reloads := r.Read("reloads")
		cmd := r.command("KILL="+step, args...)
		if step == "aws" {
			r.cloud.Faults(func(fleettest.Call) *fleettest.Fault {
				return &fleettest.Fault{Before: func() { _ = cmd.Process.Kill() }, Code: "AccessDenied"}
			})
		}
		_ = cmd.Run() // it is killed
		r.cloud.Faults(nil)
		if !strings.HasPrefix(step, "0.") && cmd.ProcessState.ExitCode() != -1 {
			t.Errorf("%s: it was not killed", step)
		}
		r.Verify()
		left := r.Read("conf.d/tandem.cfg")
		next := clean()
		if next == last {
			t.Fatalf("%s: the groups have changed, the file has not", step)
		}
		if left != last && left != next {
			t.Errorf("%s: the kill left neither the old file nor the new one:\n%s", step, left)
		}
		if r.Read("reloads") == reloads {
			t.Errorf("%s: nobody has told nagios", step)
		}
		if rest, err := filepath.Glob(r.Path("conf.d/.*.*.[cr]*")); err != nil || len(rest) > 0 {
			t.Errorf("%s: %v is left, %v", step, rest, err)
		}
		last = next
	}
}

// The manual grants what a sync asks for, and no more.
func TestNagiosPermissions(t *testing.T) {
	t.Parallel()
	r := newNagiosRun(t)
	before := len(r.cloud.Calls())
	if out, err := r.command("", "--reload", "true").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	var used []string
	for _, c := range r.cloud.Calls()[before:] {
		used = append(used, c.Service+":"+c.Action)
	}
	slices.Sort(used)
	used = slices.Compact(used)
	manual, err := os.ReadFile("../../docs/nagios.md")
	if err != nil {
		t.Fatal(err)
	}
	granted := regexp.MustCompile(`\w+:Describe\w+`).FindAllString(string(manual), -1)
	slices.Sort(granted)
	if !slices.Equal(used, slices.Compact(granted)) {
		t.Errorf("it uses %q, the manual grants %q", used, granted)
	}
}

// The units are such that systemd takes, and give little away.
func TestNagiosUnits(t *testing.T) {
	needs.Tool(t, "systemd-analyze")
	t.Parallel()
	dir := t.TempDir()
	for _, name := range []string{"tandem-nagios-sync.service", "tandem-nagios-sync.timer"} {
		data, err := os.ReadFile(filepath.Join("../../instance/nagios", name))
		if err != nil {
			t.Fatal(err)
		}
		// It looks for the program, which is not installed here.
		text := strings.Replace(string(data), "ExecStart=/usr/local/bin/tandem", "ExecStart=/bin/true", 1)
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	service := filepath.Join(dir, "tandem-nagios-sync.service")
	if out, err := exec.Command("systemd-analyze", "verify", service, filepath.Join(dir, "tandem-nagios-sync.timer")).CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("%v\n%s", err, out)
	}
	// In tenths: 10 is no protection at all.
	if out, err := exec.Command("systemd-analyze", "security", "--offline=true", "--threshold=20", service).CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
