package instance_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tandem-iac/tandem/instance"
	"github.com/tandem-iac/tandem/internal/needs"
)

// The part of the setup script that installs what ships logs, on a machine:
// there with brokers, gone again without.
func TestInstallsShipping(t *testing.T) {
	requireMachines(t)
	needs.Tool(t, "rsyslogd")
	m := newMachine(t, "http://127.0.0.1:1")
	shipping, err := instance.LogShipping()
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range shipping {
		if len(data) == 0 {
			t.Errorf("%s is empty", name)
		}
		write(t, m.path("tmp/agent", name), string(data))
	}
	write(t, m.path("tmp/install"), setupFunctions(t)+"install_shipping /tmp/agent || log failed\nfollow_release\n")
	write(t, m.path("usr/local/sbin/systemctl"), "#!/bin/sh\necho \"$@\" >> /tmp/said\n[ \"$1\" != is-active ]\n")
	if err := os.Chmod(m.path("usr/local/sbin/systemctl"), 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, m.path("etc/tandem/instance.env"), `TANDEM_ENVIRONMENT=prod
TANDEM_CLUSTER=web
TANDEM_GROUP=prod-web-spot
TANDEM_SERVICE=web
TANDEM_LIFECYCLE=spot
TANDEM_LOG_BROKERS=127.0.0.1:9092
TANDEM_LOG_TOPIC=logs
`)
	write(t, m.path("etc/tandem/release"), "SERVICE_VERSION=42\n")
	write(t, m.path("var/lib/tandem-logs/instance"), "i-0a\n")
	run := func(env ...string) string {
		t.Helper()
		cmd, out := m.command("/bin/bash", env...)
		cmd.Args = append(cmd.Args, "/tmp/install")
		if err := cmd.Run(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		said := m.maybe(t, "tmp/said")
		if err := os.RemoveAll(m.path("tmp/said")); err != nil {
			t.Fatal(err)
		}
		return said
	}
	said := run("TANDEM_LOG_BROKERS=127.0.0.1:9092")
	want := `daemon-reload
enable --quiet --now tandem-logs-checkpoint.timer tandem-logs-refresh.timer
enable --quiet tandem-logs.service
restart tandem-logs.service
restart tandem-logs.service
`
	if said != want { // the second time for the release, of which no configuration had been written
		t.Errorf("systemctl was asked to\n%swant\n%s", said, want)
	}
	for file, mode := range map[string]os.FileMode{
		"usr/local/sbin/tandem-logs": 0o755, "etc/tandem/flush.d/90-tandem-logs": 0o755, "etc/systemd/system/tandem-logs.service": 0o644,
		"etc/systemd/system/tandem-logs-checkpoint.timer": 0o644, "etc/systemd/system/tandem-logs-checkpoint.service": 0o644,
		"etc/systemd/system/tandem-logs-refresh.timer": 0o644, "etc/systemd/system/tandem-logs-refresh.service": 0o644,
		"etc/tandem/logs/rsyslog.conf": 0o600,
	} {
		if info, err := os.Stat(m.path(file)); err != nil || info.Mode().Perm() != mode {
			t.Errorf("%s: %v %v, want mode %s", file, info, err, mode)
		}
	}
	if text := m.read(t, "etc/tandem/logs/rsyslog.conf"); !strings.Contains(text, `tag="service 42"`) || !strings.Contains(text, `file="/var/log/web/*.log"`) {
		t.Errorf("the configuration is\n%s", text)
	}
	if said = run("TANDEM_LOG_BROKERS="); said != "disable --quiet --now tandem-logs-checkpoint.timer tandem-logs-refresh.timer tandem-logs.service\n" {
		t.Errorf("without brokers, systemctl was asked to %s", said)
	}
	if m.exists("usr/local/sbin/tandem-logs") || m.exists("etc/tandem/flush.d/90-tandem-logs") {
		t.Error("without brokers, it still ships")
	}
}

// TestShippingThatCannotBeInstalled has the setup go on with all else where a
// release lacks what ships logs.
func TestShippingThatCannotBeInstalled(t *testing.T) {
	requireMachines(t)
	m := newMachine(t, "http://127.0.0.1:1") // nobody is asked
	write(t, m.path("opt/release/tandem-logs"), "")
	out, err := m.shell(setupFunctions(t) + `
install_packages() { :; }
TANDEM_LOG_BROKERS=kafka:9092
install_shipping /opt/release || echo "exit code $?"
echo went on`)
	const want = "error: this machine does not ship its logs: cannot put /opt/release/tandem-logs-flush into /etc/tandem/flush.d/90-tandem-logs\nexit code 1\nwent on\n"
	if err != nil || !strings.HasSuffix(out, want) {
		t.Errorf("%v, want at the end\n%s\ngot\n%s", err, want, out)
	}
}

// Units name nothing that systemd does not know.
func TestLogUnits(t *testing.T) {
	needs.Tool(t, "systemd-analyze")
	dir := t.TempDir()
	var files []string
	for _, artifact := range []func() (map[string][]byte, error){instance.LogShipping, instance.LogIndexer} {
		all, err := artifact()
		if err != nil {
			t.Fatal(err)
		}
		for name, data := range all {
			// Programs that no machine of the test has.
			text := strings.NewReplacer("/usr/local/sbin/tandem-logs", "/bin/true", "/usr/local/sbin/tandem-log-indexer", "/bin/true").Replace(string(data))
			write(t, filepath.Join(dir, name), text)
			if strings.HasSuffix(name, ".service") || strings.HasSuffix(name, ".timer") {
				files = append(files, filepath.Join(dir, name))
			}
		}
	}
	if len(files) != 13 {
		t.Errorf("there are %d units, want 13: %q", len(files), files)
	}
	if out, err := exec.Command("systemd-analyze", append([]string{"verify", "--man=no"}, files...)...).CombinedOutput(); err != nil || strings.Contains(string(out), dir) {
		t.Errorf("%v\n%s", err, out)
	}
}
