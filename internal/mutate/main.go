// Command mutate breaks the simulator on purpose, one rule at a time, and runs
// its tests: each of the mutations listed in mutations.go, on a copy of the
// module's sources, has to make some test fail. It prints the score and the
// survivors, and fails where one survives that is not known to change nothing.
//
//	go run ./internal/mutate [-run REGEXP]
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// mutation replaces one piece of source.
type mutation struct {
	name     string
	file     string // below simulate/
	old, new string
	// same says why nothing observable changes; such a mutation has to survive.
	same string
}

// rules are the tests of documented rules alone; the rest compares with the
// reference and holds properties.
const rules = "Round|Repeated|StepBounds|Adjust|Warm|Cooldown$|StepIgnores|Hook|Largest|Replacement|Sliding|Fires|MOfN|Compar|" +
	"Delay|Basic|Statist|NoInst|AlarmOn|Missing|TestReclaim|Rebalance|Rescue|NoCapacity|Price|Purchase|Oldest|EvenShare|" +
	"Overload|Requests|Boot|Grace|Dereg|Flaps|Fleets|Separate|Drain|SimpleWaits|Terminating|Unhealthy|Choice"

func main() {
	only := flag.String("run", "", "only mutations whose name matches")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *only); err != nil {
		fmt.Fprintln(os.Stderr, "mutate:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, only string) error {
	pattern, err := regexp.Compile(only)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "mutate")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := copyModule(dir); err != nil {
		return err
	}
	if out, err := build(ctx, dir); err != nil {
		return fmt.Errorf("%w\n%s", err, out)
	}
	if out, err := test(ctx, dir, "."); err != nil {
		return fmt.Errorf("the tests fail without any mutation: %w\n%s", err, out)
	}
	byRules, byRest, total, equivalent := 0, 0, 0, 0
	var survivors, wrong []string
	for _, m := range mutations {
		if !pattern.MatchString(m.name) {
			continue
		}
		verdict, err := try(ctx, dir, m)
		if err != nil {
			return err
		}
		fmt.Printf("%-34s %s\n", m.name, verdict)
		switch {
		case m.same != "" && verdict == survived:
			equivalent++
			continue
		case m.same != "" || verdict != survived && verdict != byRule && verdict != byOther:
			wrong = append(wrong, m.name)
		case verdict == byRule:
			byRules++
		case verdict == byOther:
			byRest++
		default:
			survivors = append(survivors, m.name)
		}
		total++
	}
	fmt.Printf("\n%d of %d mutations killed, %d by the tests of rules alone; %d more change nothing, as expected\n",
		byRules+byRest, total, byRules, equivalent)
	if len(survivors)+len(wrong) > 0 {
		return fmt.Errorf("survivors: %s; not as expected: %s", strings.Join(survivors, ", "), strings.Join(wrong, ", "))
	}
	return nil
}

const (
	byRule   = "killed by a rule's test"
	byOther  = "killed by the reference or a property"
	survived = "survived"
)

// try applies one mutation, tests, and takes it back.
func try(ctx context.Context, dir string, m mutation) (string, error) {
	path := filepath.Join(dir, "simulate", m.file)
	source, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	broken, err := m.apply(string(source))
	if err != nil {
		return "", err
	}
	if err := os.WriteFile(path, []byte(broken), 0o600); err != nil {
		return "", err
	}
	verdict, err := judge(ctx, dir)
	return verdict, errors.Join(err, os.WriteFile(path, source, 0o600))
}

// apply is the source with the mutation; one whose text is not there once is an error.
func (m mutation) apply(source string) (string, error) {
	if n := strings.Count(source, m.old); n != 1 {
		return "", fmt.Errorf("%s: %q is %d times in %s, want once", m.name, m.old, n, m.file)
	}
	return strings.Replace(source, m.old, m.new, 1), nil
}

func judge(ctx context.Context, dir string) (string, error) {
	if out, err := build(ctx, dir); err != nil {
		return fmt.Sprintf("does not compile: %v\n%s", err, out), ctx.Err()
	}
	for _, stage := range []struct{ tests, verdict string }{{rules, byRule}, {".", byOther}} {
		_, err := test(ctx, dir, stage.tests)
		if ctx.Err() != nil {
			return "", ctx.Err()
		}
		if err != nil {
			return stage.verdict, nil
		}
	}
	return survived, nil
}

func build(ctx context.Context, dir string) ([]byte, error) {
	return command(ctx, dir, "go", "test", "-c", "-vet=off", "-ldflags=-s -w", "-o", "tests", "./simulate").CombinedOutput()
}

// test runs the tests that were built.
func test(ctx context.Context, dir, tests string) ([]byte, error) {
	return command(ctx, dir, "./tests", "-test.failfast", "-test.timeout=120s", "-test.run", tests).CombinedOutput()
}

func command(ctx context.Context, dir, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	cmd.WaitDelay = 5 * time.Second
	return cmd
}

// copyModule copies what the simulator is built from.
func copyModule(dir string) error {
	for _, name := range []string{"go.mod", "go.sum"} {
		data, err := os.ReadFile(name)
		if err != nil {
			return fmt.Errorf("run this at the root of the module: %w", err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			return err
		}
	}
	for _, pkg := range []string{"simulate", "internal/check"} {
		if err := copyDir(pkg, filepath.Join(dir, pkg)); err != nil {
			return err
		}
	}
	return nil
}

func copyDir(from, to string) error {
	return filepath.WalkDir(from, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		target := filepath.Join(to, strings.TrimPrefix(path, from))
		if entry.IsDir() {
			return os.MkdirAll(target, 0o700)
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(target, data, 0o600)
	})
}
