// Package instance holds what runs on a machine: the user data of its launch
// template and the setup script that user data fetches from the build bucket.
package instance

import (
	"crypto/sha256"
	_ "embed" // the scripts
	"encoding/hex"
	"strings"
	"text/template"
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

// Setting is a line of /etc/tandem/instance.env.
type Setting struct{ Name, Value string }

// UserDataConfig is what user data is made from. Values are put between single
// quotes or on a line of their own and hold neither quotes nor line breaks.
type UserDataConfig struct {
	// Region and Bucket say where the setup script is. Required.
	Region, Bucket string
	// SetupKey is the script's object, SetupSHA256 what it has to be. Required.
	SetupKey, SetupSHA256 string
	// Settings are the machine's settings, in order.
	Settings []Setting
	// Preamble is shell to run before the setup script. Empty: none.
	Preamble string
	// Literal is applied to all text that is no value: the script and the
	// preamble. It lets a caller whose values are expressions escape what
	// would look like one. Nil: text stays as it is.
	Literal func(string) string
}

// UserData returns the shell script of a launch template.
func UserData(cfg UserDataConfig) (string, error) {
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
