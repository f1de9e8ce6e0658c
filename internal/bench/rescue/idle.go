package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/tandem-iac/tandem/internal/child"
	"github.com/tandem-iac/tandem/internal/drill"
	"github.com/tandem-iac/tandem/internal/moto"
	"github.com/tandem-iac/tandem/internal/rescue"
)

const (
	// settled is how long a program that has started is left to settle.
	settled = 15 * time.Second
	// reports is how often at least the agent reports its release while it is idle.
	reports = 4
	// tick is the kernel's unit of CPU time in /proc.
	tick = 10 * time.Millisecond
)

// usage is what an idle program takes.
type usage struct {
	// rss is resident memory in bytes, cpu a share of a core in percent.
	rss, cpu float64
}

// idle runs both programs side by side for d, without a notice. The agent reports
// the release of its instance meanwhile, more often than it would by itself.
func (b *runner) idle(ctx context.Context, d time.Duration) (ours, theirs usage, err error) {
	names := []string{"spotwatch", "loop.sh"}
	processes := make([]*child.Process, len(names))
	defer func() {
		for _, p := range processes {
			if p != nil {
				err = errors.Join(err, p.Kill())
			}
		}
	}()
	watch, err := newCloudWatch(b.dir)
	if err != nil {
		return ours, theirs, err
	}
	defer watch.server.Close()
	for n, name := range names {
		root := filepath.Join(b.dir, "idle-"+name)
		if err := writeRelease(root); err != nil {
			return ours, theirs, err
		}
		url, stop, err := drill.QuietMetadata(ctx, b.path("ec2-metadata-mock"), root, fmt.Sprintf("i-%017d", n))
		if err != nil {
			return ours, theirs, err
		}
		defer func() { err = errors.Join(err, stop()) }()
		cmd := exec.Command(b.path(name))
		cmd.Env = append(idleSettings(url, watch.server.URL, root), "SSL_CERT_FILE="+watch.certificates,
			fmt.Sprintf("TANDEM_RELEASE_SECONDS=%g", min(d/reports, 5*time.Minute).Seconds()))
		if processes[n], err = child.Start(cmd); err != nil {
			return ours, theirs, err
		}
	}
	wait(ctx, settled)
	before := [2]time.Duration{cpuTime(processes[0].PID()), cpuTime(processes[1].PID())}
	for left := d; left > 0 && ctx.Err() == nil; left -= time.Minute {
		fmt.Fprintf(os.Stderr, "idle: %s to go\n", left)
		wait(ctx, min(left, time.Minute))
	}
	for n, u := range []*usage{&ours, &theirs} {
		select {
		case <-processes[n].Ended():
			return ours, theirs, fmt.Errorf("%s has ended: %w", names[n], processes[n].Err())
		default:
		}
		pid := processes[n].PID()
		u.rss, u.cpu = peakMemory(pid), 100*(cpuTime(pid)-before[n]).Seconds()/d.Seconds()
	}
	if n := watch.reports.Load(); n < reports && ctx.Err() == nil {
		return ours, theirs, fmt.Errorf("the agent has reported its release %d times, want %d at least", n, reports)
	}
	return ours, theirs, context.Cause(ctx)
}

// writeRelease records a release below root, as setup does.
func writeRelease(root string) error {
	file := filepath.Join(root, rescue.ReleaseFile)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	return os.WriteFile(file, []byte("SERVICE_VERSION=42\n"), 0o600)
}

func idleSettings(metadata, aws, root string) []string {
	settings := []string{
		"PATH=" + os.Getenv("PATH"), "AWS_EC2_METADATA_SERVICE_ENDPOINT=" + metadata, "TANDEM_ROOT=" + root, "TANDEM_METRICS_ADDRESS=127.0.0.1:0",
		"TANDEM_ENVIRONMENT=bench", "TANDEM_CLUSTER=web", "TANDEM_LIFECYCLE=spot", "TANDEM_GROUP=bench-web-spot", "TANDEM_TARGET_GROUP_ARN=arn",
		"TANDEM_RESCUE_GROUP=bench-web-on-demand", "TANDEM_RESCUE_POLICY_ARN=rescue", fmt.Sprintf("TANDEM_POLL_SECONDS=%g", poll.Seconds()),
	}
	for name, value := range moto.Environment(aws) {
		settings = append(settings, name+"="+value)
	}
	return settings
}

func wait(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}

// cpuTime is the CPU time of a process and of its children that have ended.
// https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html
func cpuTime(pid int) time.Duration {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(data), ") ")
	fields := strings.Fields(rest)
	var sum time.Duration
	for _, n := range []int{11, 12, 13, 14} { // utime, stime, cutime, cstime
		ticks, err := strconv.Atoi(fields[n])
		if err != nil {
			return 0
		}
		sum += time.Duration(ticks) * tick
	}
	return sum
}

// peakMemory is the most memory that a process had resident at once, in bytes.
func peakMemory(pid int) float64 {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(data)) {
		if value, found := strings.CutPrefix(line, "VmHWM:"); found {
			kb, err := strconv.ParseFloat(strings.Fields(value)[0], 64)
			if err == nil {
				return kb * 1024
			}
		}
	}
	return 0
}
