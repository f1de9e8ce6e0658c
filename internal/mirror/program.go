package mirror

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/tandem-iac/tandem/internal/check"
)

// shownLines is how much of a program's output a message repeats.
const shownLines = 3

// run runs a program to its end and returns what it printed to standard output.
// What it prints otherwise tells why it failed.
func run(ctx context.Context, directory, install, program string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, program, args...)
	var out, said strings.Builder
	cmd.Dir, cmd.Stdout, cmd.Stderr = directory, &out, &said
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8", "DEBIAN_FRONTEND=noninteractive")
	cmd.WaitDelay = time.Second
	err := cmd.Run()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return []byte(out.String()), nil
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case !errors.As(err, &exit):
		return nil, fmt.Errorf("%w: install %s", err, install)
	}
	lines := strings.FieldsFunc(said.String()+out.String(), func(r rune) bool { return r == '\n' })
	return nil, &failure{program, err, lines}
}

// failure is that of a program which said something.
type failure struct {
	program string
	err     error
	lines   []string
}

func (f *failure) Error() string {
	return fmt.Sprintf("%s: %v: %s", f.program, f.err, strings.Join(f.lines[max(0, len(f.lines)-shownLines):], "; "))
}

func (f *failure) Unwrap() error { return f.err }

// unknownPackages are the names that a program failed for, which said in the
// words of pattern that it knows no such package.
func unknownPackages(err error, pattern *regexp.Regexp) []string {
	var f *failure
	if !errors.As(err, &f) {
		return nil
	}
	var names []string
	for _, line := range f.lines {
		if said := pattern.FindStringSubmatch(line); said != nil {
			names = append(names, cmp.Or(said[1:]...))
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// noPackages is an InputError where there are names that a program does not know.
func noPackages(program string, names []string) error {
	if len(names) == 0 {
		return nil
	}
	return check.InputErrorf("%s knows no package %s: correct the name, or name with --from a source that has it", program, strings.Join(names, ", "))
}
