package instance_test

import (
	"strings"
	"testing"
)

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
