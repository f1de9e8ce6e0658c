// Package nagiostest runs a real Nagios 4 in a directory of its own.
package nagiostest

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/tandem-iac/tandem/internal/child"
	"github.com/tandem-iac/tandem/internal/needs"
)

// Plugins is where Debian has the monitoring plugins.
const Plugins = "/usr/lib/nagios/plugins"

// Nagios is a configuration and, once started, a daemon.
type Nagios struct {
	// Main is the main configuration file, Output the one that it reads besides its own.
	Main, Output string
	dir          string
	t            testing.TB
}

// own are the objects that an administrator has: who is told, and what of. A
// notification is a line of the file notified.
const own = `
define timeperiod {
    timeperiod_name 24x7
    alias           always
    sunday          00:00-24:00
    monday          00:00-24:00
    tuesday         00:00-24:00
    wednesday       00:00-24:00
    thursday        00:00-24:00
    friday          00:00-24:00
    saturday        00:00-24:00
}
define command {
    command_name notify
    command_line echo "$HOSTNAME$ $HOSTALIAS$ $HOSTSTATE$ $NOTIFICATIONTYPE$" >> %[1]s/notified
}
define contact {
    contact_name                  pager
    host_notification_commands    notify
    service_notification_commands notify
    host_notification_options     d,u,r
    service_notification_options  u,c,r
    host_notification_period      24x7
    service_notification_period   24x7
}
define contactgroup {
    contactgroup_name admins
    alias             admins
    members           pager
}
define command {
    command_name fine
    command_line /bin/true
}
define host {
    host_name          monitor
    address            127.0.0.1
    check_command      fine
    max_check_attempts 1
    contact_groups     admins
    check_period       24x7
    notification_period 24x7
}
define service {
    host_name           monitor
    service_description fine
    check_command       fine
    max_check_attempts  1
    contact_groups      admins
    check_period        24x7
    notification_period 24x7
}
`

// settings are those of Debian where they matter. A minute takes a second.
const settings = `log_file=%[1]s/nagios.log
cfg_dir=%[1]s/conf.d
resource_file=resource.cfg
object_cache_file=%[1]s/objects.cache
status_file=%[1]s/status.dat
status_update_interval=1
nagios_user=%[2]s
nagios_group=%[3]s
check_external_commands=1
command_file=%[1]s/rw/nagios.cmd
query_socket=%[1]s/rw/nagios.qh
lock_file=%[1]s/nagios.pid
temp_file=%[1]s/nagios.tmp
temp_path=%[1]s
check_result_path=%[1]s/spool
state_retention_file=%[1]s/retention.dat
retain_state_information=1
use_retained_program_state=1
log_external_commands=1
log_notifications=1
check_for_updates=0
use_syslog=0
interval_length=1
check_result_reaper_frequency=1
service_inter_check_delay_method=n
host_inter_check_delay_method=n
service_interleave_factor=1
cached_host_check_horizon=0
enable_notifications=1
illegal_object_name_chars=` + "`~!$%%^&*|'\"<>?,()=" + `
illegal_macro_output_chars=` + "`~$&|'\"<>" + `
%[4]s`

// Dir is a directory that the user nagios can reach, as Nagios may become it.
func Dir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "nagios-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// New writes a configuration, with further settings, one a line.
func New(t testing.TB, more string) *Nagios {
	t.Helper()
	needs.Tool(t, "nagios4")
	n, err := Write(Dir(t), more)
	if err != nil {
		t.Fatal(err)
	}
	n.t = t
	return n
}

// Write writes a configuration into a directory.
func Write(dir, more string) (*Nagios, error) {
	who, err := user.Current()
	if err != nil {
		return nil, err
	}
	group, err := user.LookupGroupId(who.Gid)
	if err != nil {
		return nil, err
	}
	n := &Nagios{dir: dir, Main: filepath.Join(dir, "nagios.cfg"), Output: filepath.Join(dir, "conf.d", "tandem.cfg")}
	for _, d := range []string{"conf.d", "rw", "spool"} {
		err = errors.Join(err, os.Mkdir(filepath.Join(dir, d), 0o755))
	}
	for name, text := range map[string]string{
		"nagios.cfg":     fmt.Sprintf(settings, dir, who.Username, group.Name, more),
		"resource.cfg":   "$USER1$=" + Plugins + "\n",
		"conf.d/own.cfg": fmt.Sprintf(own, dir),
	} {
		err = errors.Join(err, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644))
	}
	return n, err
}

// Start starts the daemon, for the time of the test.
func (n *Nagios) Start() *child.Process {
	n.t.Helper()
	cmd := exec.Command("nagios4", n.Main)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	process, err := child.Start(cmd)
	if err != nil {
		n.t.Fatal(err)
	}
	n.t.Cleanup(func() {
		if err := process.Stop(5 * time.Second); err != nil {
			n.t.Error(err)
		}
		if n.t.Failed() {
			n.t.Logf("nagios:\n%s\n%s", n.Read("nagios.log"), &out)
		}
	})
	n.Wait("nagios to run", func() bool { return n.Read("status.dat") != "" && n.Running(process) })
	return process
}

// Running says that the daemon has not ended and takes commands.
func (n *Nagios) Running(p *child.Process) bool {
	select {
	case <-p.Ended():
		return false
	default:
	}
	info, err := os.Stat(filepath.Join(n.dir, "rw/nagios.cmd"))
	return err == nil && info.Mode()&os.ModeNamedPipe != 0
}

// Read is a file of the directory. Empty: there is none.
func (n *Nagios) Read(name string) string {
	text, _ := os.ReadFile(filepath.Join(n.dir, name))
	return string(text)
}

// Path is that of a file of the directory.
func (n *Nagios) Path(name string) string { return filepath.Join(n.dir, name) }

var hostObject = regexp.MustCompile(`(?s)define host \{.*?\thost_name\t(\S+)\n`)

// Hosts are the instances that the daemon has loaded.
func (n *Nagios) Hosts() map[string]bool {
	hosts := map[string]bool{}
	for _, m := range hostObject.FindAllStringSubmatch(n.Read("objects.cache"), -1) {
		if m[1] != "monitor" {
			hosts[m[1]] = true
		}
	}
	return hosts
}

// Verify fails the test unless nagios4 accepts what is in place.
func (n *Nagios) Verify() {
	n.t.Helper()
	if out, err := exec.Command("nagios4", "-v", n.Main).CombinedOutput(); err != nil || !strings.Contains(string(out), "Total Errors:   0") {
		n.t.Fatalf("what is in place is refused: %v\n%s", err, out)
	}
}

// Wait waits until something has come to pass.
func (n *Nagios) Wait(what string, done func() bool) {
	n.t.Helper()
	for end := time.Now().Add(20 * time.Second); !done(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			n.t.Fatalf("still waiting for %s", what)
		}
	}
}
