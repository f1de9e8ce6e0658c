package nagios

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"time"

	"github.com/tandem-iac/tandem/internal/check"
)

// shownErrors is how many of Nagios's errors a message repeats.
const shownErrors = 3

// verify has Nagios check a whole configuration.
func verify(ctx context.Context, program, main string) error {
	out, err := command(ctx, program, "-v", main)
	if err == nil || ctx.Err() != nil {
		return errors.Join(err, context.Cause(ctx))
	}
	var faults []string
	for line := range strings.Lines(string(out)) {
		if fault, ok := strings.CutPrefix(strings.TrimSpace(line), "Error:"); ok {
			faults = append(faults, strings.TrimSpace(fault))
		}
	}
	var exit *exec.ExitError
	switch {
	case !errors.As(err, &exit):
		return missing(err)
	case len(faults) == 0:
		return fmt.Errorf("%s -v %s: %w: %s", program, main, err, tail(out))
	}
	more := ""
	if n := len(faults) - shownErrors; n > 0 {
		more = fmt.Sprintf("; and %d more", n)
	}
	return fmt.Errorf("nagios refuses the new configuration, so the last one stays: %s%s ('%s -v %s' says all)",
		strings.Join(faults[:min(len(faults), shownErrors)], "; "), more, program, main)
}

// available says early that there is no such program: where nothing has changed,
// it would not be asked.
func available(program string) error {
	if _, err := exec.LookPath(program); err != nil {
		return missing(err)
	}
	return nil
}

func missing(err error) error {
	return check.InputErrorf("%w: install nagios4-core, or name the program with --nagios", err)
}

// command runs a program and returns what it printed. Programs that it has
// left behind do not hold it up.
func command(ctx context.Context, name string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.WaitDelay = time.Second
	return cmd.CombinedOutput()
}

// tail is the last line of an output.
func tail(out []byte) string {
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	return strings.TrimSpace(lines[len(lines)-1])
}
