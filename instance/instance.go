// Package instance holds what runs on a machine: the user data of its launch
// template and the setup script that user data fetches from the build bucket.
package instance

import (
	"crypto/sha256"
	_ "embed" // the scripts
	"encoding/hex"
	"regexp"
	"strconv"
	"strings"
	"text/template"

	"github.com/tandem-iac/tandem/internal/check"
)

//go:embed user-data.sh
var userData string

//go:embed setup.sh
var setup []byte

// Setup returns the setup script that this version of tandem carries.
func Setup() []byte { return append([]byte(nil), setup...) }

// SetupSHA256 returns the SHA-256 of Setup in hex.
func SetupSHA256() string {
	sum := sha256.Sum256(setup)
	return hex.EncodeToString(sum[:])
}

// SetupKey is where the build bucket holds the script with a SHA-256: a name
// that never comes to mean another script.
func SetupKey(sha256 string) string { return "setup/" + sha256 + ".sh" }

//go:embed spotwatch.service
var agentUnit []byte

// AgentUnit returns the systemd unit of the agent that rescues and drains.
func AgentUnit() []byte { return append([]byte(nil), agentUnit...) }

// AgentArtifact is the artifact that holds the agent for an architecture, in
// Go's terms: the program and its unit.
func AgentArtifact(architecture string) string { return "spotwatch-" + architecture }

// Setting is a line of /etc/tandem/instance.env.
type Setting struct{ Name, Value string }

// UserDataConfig is what user data is made from. Its values are put between
// single quotes or on a line of their own, and so hold neither quotes nor line
// breaks. They may be expressions that are filled in later.
type UserDataConfig struct {
	// Region and Bucket say where the setup script is. Required.
	Region, Bucket string
	// SetupKey is the script's object, SetupSHA256 what it has to be. Required.
	SetupKey, SetupSHA256 string
	// Settings are the machine's settings, in order. Names are those of shell
	// variables. None: the machine has none.
	Settings []Setting
	// Preamble is shell to run before the setup script. Empty: none.
	Preamble string
	// Literal is applied to all text that is no value: the script and the
	// preamble. It lets a caller whose values are expressions escape what
	// would look like one. Nil: text stays as it is.
	Literal func(string) string
}

// variable is the name of a shell variable.
var variable = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// Validate returns every fault as check.Errors.
func (c UserDataConfig) Validate() error {
	var faults check.Errors
	whole := func(path, value string) {
		faults.Require(!strings.ContainsAny(value, "'\"`\r\n\x00"), path, strconv.Quote(value), "one line without quotes")
	}
	for _, field := range []struct{ path, value string }{
		{"Region", c.Region}, {"Bucket", c.Bucket}, {"SetupKey", c.SetupKey}, {"SetupSHA256", c.SetupSHA256},
	} {
		faults.Require(field.value != "", field.path, "", "a value")
		whole(field.path, field.value)
	}
	for i, s := range c.Settings {
		path := check.Index("Settings", i)
		faults.Require(variable.MatchString(s.Name), check.Join(path, "Name"), strconv.Quote(s.Name), "letters, digits and _, no digit first")
		whole(check.Join("Settings", s.Name), s.Value)
	}
	return faults.Err()
}

// UserData returns the shell script of a launch template. Values that it
// cannot hold are check.Errors.
func UserData(cfg UserDataConfig) (string, error) {
	if err := cfg.Validate(); err != nil {
		return "", err
	}
	text := userData
	if cfg.Literal != nil {
		text = cfg.Literal(text)
		cfg.Preamble = cfg.Literal(cfg.Preamble)
	}
	t, err := template.New("user-data.sh").Parse(text)
	if err != nil {
		return "", err
	}
	var script strings.Builder
	if err := t.Execute(&script, cfg); err != nil {
		return "", err
	}
	return script.String(), nil
}
