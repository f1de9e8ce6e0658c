package logstest

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/tandem-iac/tandem/instance"
)

// Settings are lines of /etc/tandem/instance.env.
type Settings map[string]string

// Machine is what of a machine ships its logs: its files, below a directory,
// and its rsyslog, with the configuration that machines make for themselves.
type Machine struct {
	*Program
	// Root is the directory.
	Root string
	// Instance is the instance id.
	Instance string
	env      []string
}

// shipping are the settings of every machine that ships.
func shipping(s Settings) Settings {
	all := Settings{
		"TANDEM_ENVIRONMENT": "prod", "TANDEM_CLUSTER": "web", "TANDEM_GROUP": "prod-web-spot",
		"TANDEM_SERVICE": "web", "TANDEM_LIFECYCLE": "spot", "TANDEM_LOG_TOPIC": Topic,
	}
	for name, value := range s {
		all[name] = value
	}
	return all
}

// NewMachine makes a machine with further settings, and environment for its
// scripts. Nothing runs yet.
func NewMachine(root, id string, s Settings, env ...string) (*Machine, error) {
	m := &Machine{Root: root, Instance: id, env: append(env, "TANDEM_LOGS_ROOT="+root)}
	if err := install(root, instance.LogShipping, shipping(s)); err != nil {
		return nil, err
	}
	if err := writeFile(m.Path("var/lib/tandem-logs/instance"), []byte(id+"\n"), 0o600); err != nil {
		return nil, err
	}
	m.Program = &Program{
		Begin: func() (*exec.Cmd, error) {
			if err := m.Run("prepare"); err != nil {
				return nil, err
			}
			return exec.Command("rsyslogd", "-n", "-iNONE", "-f", m.Path("etc/tandem/logs/rsyslog.conf")), nil
		},
		Ended: func(orderly bool) error {
			result := "SERVICE_RESULT=timeout" // as of systemd
			if orderly {
				result = "SERVICE_RESULT=success"
			}
			return m.Run("stopped", result)
		},
	}
	return m, nil
}

// install puts a release's files and the settings into a machine.
func install(root string, artifact func() (map[string][]byte, error), s Settings) error {
	files, err := artifact()
	if err != nil {
		return err
	}
	for name, data := range files {
		if err := writeFile(filepath.Join(root, "usr/local/sbin", name), data, 0o755); err != nil {
			return err
		}
	}
	var text strings.Builder
	for name, value := range s {
		fmt.Fprintf(&text, "%s=%s\n", name, value)
	}
	return writeFile(filepath.Join(root, "etc/tandem/instance.env"), []byte(text.String()), 0o644)
}

// Path is where a file of the machine is.
func (m *Machine) Path(name string) string { return filepath.Join(m.Root, name) }

// Run runs tandem-logs as the machine's units and hooks do.
func (m *Machine) Run(verb string, env ...string) error {
	return script(m.Path("usr/local/sbin/tandem-logs"), verb, append(env, m.env...))
}

func script(program, verb string, env []string) error {
	cmd := exec.Command(program, verb)
	cmd.Env = append(os.Environ(), env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s %s: %w\n%s", filepath.Base(program), verb, err, out)
	}
	return nil
}

// Release puts a release of the service in place, as the setup script notes it.
func (m *Machine) Release(version int) error {
	return writeFile(m.Path("etc/tandem/release"), fmt.Appendf(nil, "SERVICE=web\nSERVICE_VERSION=%d\n", version), 0o644)
}

// Append adds text to a log.
func (m *Machine) Append(name, text string) error {
	file := m.Path(name)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	f, err := os.OpenFile(file, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	if _, err := f.WriteString(text); err != nil {
		return err
	}
	return f.Close()
}

// Read is how many bytes of a log rsyslog has read, as it has noted at its end.
func (m *Machine) Read(name string) (int, error) {
	states, err := filepath.Glob(m.Path("var/lib/tandem-logs/states/imfile-state:*"))
	if err != nil {
		return 0, err
	}
	for _, file := range states {
		text, err := os.ReadFile(file)
		if err != nil {
			return 0, err
		}
		var state struct {
			Filename string `json:"filename"`
			Offset   int    `json:"curr_offs"`
		}
		if err := json.Unmarshal(text, &state); err != nil {
			return 0, fmt.Errorf("%s: %w", file, err)
		}
		if state.Filename == m.Path(name) {
			return state.Offset, nil
		}
	}
	return 0, fmt.Errorf("rsyslog has noted nothing about %s", name)
}

// Spooled is how many bytes the disk queue and what was not sent have.
func (m *Machine) Spooled() (size int64) {
	files, err := filepath.Glob(m.Path("var/lib/tandem-logs/spool/*"))
	if err != nil {
		return 0
	}
	for _, file := range files {
		if info, err := os.Stat(file); err == nil {
			size += info.Size()
		}
	}
	return size
}

// Indexer is what of a machine brings logs into the index.
type Indexer struct {
	// Root is the directory with its files.
	Root string
	// Rsyslog and Nginx are its programs.
	Rsyslog, Nginx *Program
	env            []string
}

// NewIndexer makes an indexer with further settings, and environment for its
// scripts. Nothing runs yet.
func NewIndexer(root string, s Settings, env ...string) (*Indexer, error) {
	all := Settings{"TANDEM_LOG_INDEX_PREFIX": "logs", "TANDEM_LOG_RETENTION_DAYS": "14"}
	for name, value := range shipping(s) {
		all[name] = value
	}
	port, err := FreePort()
	if err != nil {
		return nil, err
	}
	gateway := fmt.Sprintf("127.0.0.1:%d", port)
	x := &Indexer{Root: root, env: append(env, "TANDEM_LOGS_ROOT="+root, "TANDEM_LOG_GATEWAY="+gateway, "TANDEM_LOG_ATTEMPTS=3")}
	if err := install(root, instance.LogIndexer, all); err != nil {
		return nil, err
	}
	x.Nginx = &Program{
		Begin: func() (*exec.Cmd, error) {
			if err := x.Run("prepare"); err != nil {
				return nil, err
			}
			return exec.Command("nginx", "-c", x.Path("etc/tandem/log-indexer/nginx.conf")), nil
		},
		Ready: func() bool { return Listening(gateway) },
	}
	x.Rsyslog = &Program{Begin: func() (*exec.Cmd, error) {
		return exec.Command("rsyslogd", "-n", "-iNONE", "-f", x.Path("etc/tandem/log-indexer/rsyslog.conf")), nil
	}}
	return x, nil
}

// Path is where a file of the machine is.
func (x *Indexer) Path(name string) string { return filepath.Join(x.Root, name) }

// Run runs tandem-log-indexer as the machine's units do.
func (x *Indexer) Run(verb string) error {
	return script(x.Path("usr/local/sbin/tandem-log-indexer"), verb, x.env)
}

// Start starts both programs, and puts the template in place between them.
func (x *Indexer) Start() error {
	if err := x.Nginx.Start(); err != nil {
		return err
	}
	if err := x.Run("template"); err != nil {
		return err
	}
	return x.Rsyslog.Start()
}

// Stop ends both programs.
func (x *Indexer) Stop() error { return errors.Join(x.Rsyslog.Stop(), x.Nginx.Stop()) }

// DeadLetters is what the index will never take.
func (x *Indexer) DeadLetters() string {
	text, err := os.ReadFile(x.Path("var/lib/tandem-log-indexer/dead-letters.json"))
	if err != nil {
		return ""
	}
	return string(text)
}
