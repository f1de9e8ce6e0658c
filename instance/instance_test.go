package instance

import (
	"os/exec"
	"strings"
	"testing"

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

func TestSetup(t *testing.T) { shellcheck(t, string(Setup())) }

func shellcheck(t *testing.T, script string) {
	t.Helper()
	needs.Tool(t, "shellcheck")
	cmd := exec.Command("shellcheck", "-")
	cmd.Stdin = strings.NewReader(script)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("shellcheck: %v\n%s", err, out)
	}
}
