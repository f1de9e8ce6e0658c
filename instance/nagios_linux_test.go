package instance_test

import (
	"maps"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/tandem-iac/tandem/internal/fleettest"
	"github.com/tandem-iac/tandem/internal/needs"
)

// TestNagiosUnits has the machine that watches set up as docs/nagios.md says,
// with Debian's Nagios, under a systemd of its own.
func TestNagiosUnits(t *testing.T) {
	requireSystemd(t)
	needs.Tool(t, "nagios4")
	c := newCloud(t)
	cluster := fleettest.New(t, c.moto, fleettest.Size{Spot: 2, OnDemand: 1})
	m := newMachine(t, cluster.URL)
	build := exec.Command("go", "build", "-buildvcs=false", "-o", m.path("usr/local/bin/tandem"), "../cmd/tandem")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if err := os.CopyFS(m.path("root/units"), os.DirFS("nagios")); err != nil {
		t.Fatal(err)
	}
	const main = "etc/nagios4/nagios.cfg"
	write(t, m.path(main), m.read(t, main)+"cfg_file=/var/lib/tandem-nagios/tandem.cfg\n")
	write(t, m.path("etc/tandem/nagios.env"), "AWS_REGION=eu-west-1\nTANDEM_ENVIRONMENT="+cluster.Environment+"\n")

	booted, err := m.Boot("", m.env)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := booted.Kill(); err != nil {
			t.Error(err)
		}
	})
	run := func(script string) string {
		t.Helper()
		out, err := booted.Command("/bin/sh", "-c", script).CombinedOutput()
		if err != nil {
			journal, _ := booted.Command("journalctl", "--no-pager", "--boot", "--lines=60").Output()
			t.Fatalf("%s: %v\n%s\n%s", script, err, out, journal)
		}
		return string(out)
	}
	run(`systemctl is-system-running --wait
		install -m 644 /root/units/tandem-nagios-sync.* /etc/systemd/system/
		systemctl daemon-reload && systemctl enable --now tandem-nagios-sync.timer
		systemctl start tandem-nagios-sync; systemctl restart nagios4`)
	host := regexp.MustCompile(`(?m)^hoststatus \{\n\thost_name=(i-\w+)$`)
	follows := func() {
		t.Helper()
		want := map[string]bool{}
		for _, id := range cluster.IDs() {
			want[id] = true
		}
		got := map[string]bool{}
		for end := time.Now().Add(time.Minute); !maps.Equal(got, want); time.Sleep(100 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("nagios has %v, want %v\n%s", got, want, run("journalctl --no-pager --boot --lines=60"))
			}
			clear(got)
			text, err := os.ReadFile(m.path("var/lib/nagios4/status.dat"))
			if err != nil {
				continue // it has just been started
			}
			for _, found := range host.FindAllStringSubmatch(string(text), -1) {
				got[found[1]] = true
			}
		}
	}
	follows()
	cluster.Resize(cluster.Spot, 4)
	run("systemctl start tandem-nagios-sync")
	follows()
	if said := run("journalctl --no-pager --boot --unit=tandem-nagios-sync.service --output=cat"); !strings.Contains(said, "5 hosts: 2 added, 0 removed, reloaded") {
		t.Errorf("the unit says\n%s", said)
	}
	if said := run("systemctl show --property=NextElapseUSecMonotonic tandem-nagios-sync.timer"); strings.HasSuffix(said, "=infinity\n") || strings.HasSuffix(said, "=0\n") {
		t.Errorf("the timer does not run again: %s", said)
	}
}
