package instance

import (
	"errors"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/tandem-iac/tandem/internal/check"
	"github.com/tandem-iac/tandem/internal/needs"
)

func example() UserDataConfig {
	return UserDataConfig{
		Region:      "ap-southeast-1",
		Bucket:      "builds",
		SetupKey:    SetupKey(SetupSHA256()),
		SetupSHA256: SetupSHA256(),
		Settings:    []Setting{{"TANDEM_SERVICE", "obelix"}, {"TANDEM_LIFECYCLE", "spot"}},
		Preamble:    `export proxy="${PROXY:-none}"`,
	}
}

func TestUserData(t *testing.T) {
	script, err := UserData(example())
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"\nTANDEM_SERVICE=obelix\nTANDEM_LIFECYCLE=spot\nTANDEM_ENV\n",
		"\nexport proxy=\"${PROXY:-none}\"\n",
		"'s3://builds/setup/" + SetupSHA256() + ".sh'",
		"echo '" + SetupSHA256() + "' \"$setup\" | sha256sum --check",
		"\nexec /usr/local/sbin/tandem-setup\n",
	} {
		if !strings.Contains(script, want) {
			t.Errorf("no %q in\n%s", want, script)
		}
	}
	// The description grants a preamble 12 of EC2's 16 KiB.
	if n := len(script); n > 3<<10 {
		t.Errorf("user data has %d bytes before any preamble, want room for more settings in 4 KiB", n)
	}
	shellcheck(t, script)
}

func TestUserDataEscapesWhatIsNoValue(t *testing.T) {
	cfg := example()
	cfg.Bucket = "${bucket}"
	cfg.Literal = func(s string) string { return strings.ReplaceAll(s, "${", "$${") }
	script, err := UserData(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(script, "s3://${bucket}/") || !strings.Contains(script, "$${PROXY:-none}") {
		t.Errorf("values stay, text is escaped; got\n%s", script)
	}
}

func TestUserDataRefuses(t *testing.T) {
	for want, spoil := range map[string]func(*UserDataConfig){
		`Region is unset, want a value`:                                                func(c *UserDataConfig) { c.Region = "" },
		`Bucket is "b'; reboot; '", want one line without quotes`:                      func(c *UserDataConfig) { c.Bucket = "b'; reboot; '" },
		`SetupKey is "a\nb", want one line without quotes`:                             func(c *UserDataConfig) { c.SetupKey = "a\nb" },
		`SetupSHA256 is "\"", want one line without quotes`:                            func(c *UserDataConfig) { c.SetupSHA256 = `"` },
		`Settings.TANDEM_X is "1\r\nTANDEM_ENV", want one line without quotes`:         func(c *UserDataConfig) { c.Settings = []Setting{{"TANDEM_X", "1\r\nTANDEM_ENV"}} },
		`Settings[0].Name is "TANDEM ENV", want letters, digits and _, no digit first`: func(c *UserDataConfig) { c.Settings = []Setting{{"TANDEM ENV", "1"}} },
	} {
		cfg := example()
		spoil(&cfg)
		_, err := UserData(cfg)
		var faults check.Errors
		if !errors.As(err, &faults) || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

func TestSetup(t *testing.T) { shellcheck(t, string(Setup())) }

func TestPlaybook(t *testing.T) {
	cmd := exec.Command("ansible-playbook", "--syntax-check", "--inventory", "localhost,", "playbook/site.yml")
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("ansible-playbook: %v\n%s", err, out)
	}
	data, err := os.ReadFile("playbook/site.yml")
	if err != nil {
		t.Fatal(err)
	}
	// What is not built in would have to be fetched on every boot.
	modules := regexp.MustCompile(`(?m)^ +([a-z_]+\.[a-z_]+\.[a-z_]+):`).FindAllStringSubmatch(string(data), -1)
	if len(modules) == 0 {
		t.Error("found no modules in the playbook")
	}
	for _, module := range modules {
		if !strings.HasPrefix(module[1], "ansible.builtin.") {
			t.Errorf("the playbook uses %s, want modules of ansible-core", module[1])
		}
	}
}

func shellcheck(t *testing.T, script string) {
	t.Helper()
	needs.Tool(t, "shellcheck")
	cmd := exec.Command("shellcheck", "-")
	cmd.Stdin = strings.NewReader(script)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("shellcheck: %v\n%s", err, out)
	}
}
