package rollout

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tandem-iac/tandem/internal/fleet"
)

// The script is run by bash, with a setup script that is noisy and fails.
func TestSetupScript(t *testing.T) {
	dir := t.TempDir()
	setup, record := filepath.Join(dir, "setup"), filepath.Join(dir, "release")
	write(t, record, "SERVICE_VERSION=41\nPLAYBOOK_VERSION=7\nBUILT_AT=now\n")
	write(t, setup, `#!/bin/bash
head -c 100000 /dev/zero | tr '\0' x
echo; echo "$VERSION and $ANS_VERSION"
echo "2026-11-27T22:31:35Z error: the reason"
printf 'SERVICE_VERSION=%s\nPLAYBOOK_VERSION=%s\n' "$VERSION" "$ANS_VERSION" > `+record+`
exit 3
`)
	script := strings.NewReplacer(setupPath, setup, recordPath, record).Replace(setupScript(fleet.Release{Service: 42, Playbook: 9}))
	cmd := exec.Command("bash", "-c", script)
	var stdout, stderr strings.Builder
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err == nil || cmd.ProcessState.ExitCode() != 3 {
		t.Errorf("it ends with %v, want the setup's exit code 3", err)
	}
	before, after := recorded(stdout.String())
	if before != (fleet.Release{Service: 41, Playbook: 7}) || after != (fleet.Release{Service: 42, Playbook: 9}) {
		t.Errorf("before is %s and after %s in %q", before, after, &stdout)
	}
	if got := stderr.String(); len(got) > 4000 || lastLine(got) != "the reason" || !strings.Contains(got, "42 and 9") {
		t.Errorf("standard error has %d bytes and ends with %q", len(got), lastLine(got))
	}
}

func TestSetupScriptOfLatestStable(t *testing.T) {
	if script := setupScript(fleet.Release{}); strings.Contains(script, "VERSION=4") || !strings.Contains(script, "\n"+setupPath+" ") {
		t.Errorf("the script pins a version:\n%s", script)
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
}
