// Command review measures tandem review on a plan of 5,000 resources and 60 MB:
//
//	time    at most 1.5 s
//	memory  under 300 MB
//
// Each run is a process of its own; the median of several is compared.
package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"time"

	"github.com/tandem-iac/tandem/internal/review/plantest"
)

// template is the plan that is repeated.
const template = "internal/review/testdata/risky.json"

func main() {
	resources := flag.Int("resources", 5000, "resources in the plan")
	runs := flag.Int("runs", 5, "runs of which the median counts")
	write := flag.String("write", "", "write the plan to this file and measure nothing")
	flag.Parse()
	if *write != "" {
		if err := writePlan(*write, *resources); err != nil {
			fmt.Fprintf(os.Stderr, "bench: %v\n", err)
			os.Exit(1)
		}
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := bench(ctx, *resources, *runs); err != nil {
		fmt.Fprintf(os.Stderr, "bench: %v\n", err)
		os.Exit(1)
	}
}

func bench(ctx context.Context, resources, runs int) (err error) {
	dir, err := os.MkdirTemp("", "tandem-bench-")
	if err != nil {
		return err
	}
	defer func() {
		if removed := os.RemoveAll(dir); err == nil {
			err = removed
		}
	}()
	plan, program := filepath.Join(dir, "plan.json"), filepath.Join(dir, "tandem")
	// Linux counts to a process what its parent had at most when it started:
	// the plan is made elsewhere.
	self, err := os.Executable()
	if err != nil {
		return err
	}
	if out, err := exec.CommandContext(ctx, self, "-write", plan, "-resources", strconv.Itoa(resources)).CombinedOutput(); err != nil {
		return fmt.Errorf("plan: %w\n%s", err, out)
	}
	info, err := os.Stat(plan)
	if err != nil {
		return err
	}
	if out, err := exec.CommandContext(ctx, "go", "build", "-o", program, "./cmd/tandem").CombinedOutput(); err != nil {
		return fmt.Errorf("build: %w\n%s", err, out)
	}
	var wall, busy []time.Duration
	var memory []int64
	for range runs {
		u, err := run(ctx, program, "review", "--format", "markdown", plan)
		if err != nil {
			return err
		}
		wall, busy, memory = append(wall, u.wall), append(busy, u.busy), append(memory, u.memory)
	}
	fmt.Printf("%d resources, %d MB: %.2f s (want at most 1.5), %.2f s of processor, peak memory %d MB (want under 300)\n",
		resources, info.Size()/1e6, median(wall).Seconds(), median(busy).Seconds(), median(memory)/1e6)
	return nil
}

func writePlan(file string, resources int) error {
	small, err := os.ReadFile(template)
	if err != nil {
		return err
	}
	large, err := plantest.Large(small, resources)
	if err != nil {
		return err
	}
	return os.WriteFile(file, large, 0o600)
}

// usage is what a process took.
type usage struct {
	// wall is the time that passed, busy that of all processors.
	wall, busy time.Duration
	// memory is the most that it had at once, in bytes.
	memory int64
}

func run(ctx context.Context, program string, args ...string) (usage, error) {
	cmd := exec.CommandContext(ctx, program, args...)
	var errors bytes.Buffer
	cmd.Stderr = &errors
	start := time.Now()
	if _, err := cmd.Output(); err != nil {
		return usage{}, fmt.Errorf("%s: %w\n%s", program, err, errors.String())
	}
	u := usage{wall: time.Since(start), busy: cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()}
	if r, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		u.memory = r.Maxrss << 10 // KiB on Linux
	}
	return u, nil
}

func median[T int64 | time.Duration](list []T) T {
	slices.Sort(list)
	return list[len(list)/2]
}
