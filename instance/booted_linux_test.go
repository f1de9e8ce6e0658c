package instance_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/tandem-iac/tandem/instance"
	"github.com/tandem-iac/tandem/internal/logstest"
	machines "github.com/tandem-iac/tandem/internal/machine"
	"github.com/tandem-iac/tandem/internal/needs"
)

// booted is a machine with systemd as its first process, and what its logs go
// through.
type booted struct {
	t *testing.T
	*machine
	*machines.Booted
	logs *logstest.Chain
}

// requireSystemd skips a test where no machine can have one: in a container whose
// control groups are not its own, in CI too, as no package could mend that.
func requireSystemd(t *testing.T) {
	t.Helper()
	requireMachines(t)
	if err := machines.CanBoot(); err != nil {
		t.Skip(err)
	}
	needs.Tool(t, "systemd-nspawn")
}

// newBooted is a machine that is yet to be booted. Nothing runs.
func newBooted(t *testing.T, c *cloud) *booted {
	t.Helper()
	b := &booted{t: t, machine: newMachine(t, c.url), logs: newChain(t)}
	t.Cleanup(func() {
		if b.Booted == nil {
			return
		}
		if err := b.Kill(); err != nil {
			t.Error(err)
		}
	})
	return b
}

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

// runs fails the test unless units are active, and enabled.
func (b *booted) runs(units ...string) {
	b.t.Helper()
	for _, unit := range units {
		if active, enabled := b.systemctl("is-active", unit), b.systemctl("is-enabled", unit); active != "active" || enabled != "enabled" {
			b.t.Errorf("%s is %s and %s, want active and enabled", unit, active, enabled)
		}
	}
}

// comesBack kills units and waits until they run again.
func (b *booted) comesBack(signal string, units ...string) {
	b.t.Helper()
	for _, unit := range units {
		before := b.systemctl("show", "--property=MainPID", unit)
		b.systemctl("kill", "--signal="+signal, unit)
		b.wait(unit+" to come back", func() bool {
			return b.systemctl("is-active", unit) == "active" && b.systemctl("show", "--property=MainPID", unit) != before
		})
	}
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
