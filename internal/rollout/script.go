package rollout

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/tandem-iac/tandem/internal/fleet"
)

const (
	// setupPath is the setup script on a machine, recordPath what it has put
	// in place, as KEY=value lines.
	setupPath  = "/usr/local/sbin/tandem-setup"
	recordPath = "/etc/tandem/release"
)

// setupScript installs a release and prints what was there before and what is
// there after. Systems Manager keeps the beginning of either output; what the
// setup script says last is what matters, so its log goes through tail.
// https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetCommandInvocation.html
func setupScript(want fleet.Release) string {
	pin := ""
	if want.Service != 0 {
		pin += fmt.Sprintf("VERSION=%d ", want.Service)
	}
	if want.Playbook != 0 {
		pin += fmt.Sprintf("ANS_VERSION=%d ", want.Playbook)
	}
	return `#!/bin/bash
record() { sed -n "s/^\([A-Z_]*_VERSION=\)/$1 \1/p" ` + recordPath + ` 2> /dev/null; }
record before
` + pin + setupPath + ` 2>&1 | tail -c 4000 >&2
code=${PIPESTATUS[0]}
record after
exit "$code"`
}

// recorded reads the lines that setupScript prints.
func recorded(stdout string) (before, after fleet.Release) {
	values := map[string]string{}
	for line := range strings.Lines(stdout) {
		if key, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok {
			values[key] = value
		}
	}
	release := func(when string) fleet.Release {
		return fleet.ParseRelease(values[when+" SERVICE_VERSION"], values[when+" PLAYBOOK_VERSION"])
	}
	return release("before"), release("after")
}

// logPrefix is what the setup script puts before the reason it has failed for.
var logPrefix = regexp.MustCompile(`^\d{4}-\d\d-\d\dT[\d:]+Z (error: )?`)

// lastLine is what a log ends with, without when that was.
func lastLine(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return logPrefix.ReplaceAllString(strings.TrimSpace(lines[len(lines)-1]), "")
}
