// Command logs measures how many lines a second come from a machine through
// Kafka into the index, and what memory and time both rsyslogs take for it.
//
//	go run ./internal/bench/logs [-lines 400000] [-rate 20000] [-runs 3]
//
// Lines are written at the rate that is to be held; the figures are medians of
// the runs. The broker and the index, which take their share of the machine, are
// stand-ins; the index checks each document.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tandem-iac/tandem/internal/logstest"
)

func main() {
	lines := flag.Int("lines", 400_000, "lines of a run")
	rate := flag.Int("rate", 20_000, "lines a second that are written")
	runs := flag.Int("runs", 3, "runs")
	flag.Parse()
	if err := bench(*lines, *rate, *runs); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// figures are those of a run.
type figures struct {
	// perSecond is how many lines came into the index each second, from the
	// first to the last; lag how long after the last was written it was there.
	perSecond, lag float64
	// memory is the highest of each rsyslog, in MiB; cpu its time, in seconds.
	shipperMemory, indexerMemory float64
	shipperCPU, indexerCPU       float64
}

func bench(lines, rate, runs int) (err error) {
	dir, err := os.MkdirTemp("", "bench-logs-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if err := logstest.Build(context.Background(), dir); err != nil {
		return err
	}
	var all []figures
	for n := range runs {
		f, err := run(filepath.Join(dir, strconv.Itoa(n)), dir, lines, rate)
		if err != nil {
			return err
		}
		all = append(all, f)
	}
	load, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return err
	}
	fmt.Printf("%d lines of %d bytes at %d a second, medians of %d runs, %d processors, load %s\n",
		lines, len(logstest.Line(0))+1, rate, runs, runtime.NumCPU(), strings.Fields(string(load))[0])
	for _, row := range []struct {
		name, unit string
		of         func(figures) float64
	}{
		{"into the index", "lines/s", func(f figures) float64 { return f.perSecond }},
		{"last line late by", "s", func(f figures) float64 { return f.lag }},
		{"machine's rsyslog, memory", "MiB", func(f figures) float64 { return f.shipperMemory }},
		{"machine's rsyslog, processor", "s", func(f figures) float64 { return f.shipperCPU }},
		{"indexer's rsyslog, memory", "MiB", func(f figures) float64 { return f.indexerMemory }},
		{"indexer's rsyslog, processor", "s", func(f figures) float64 { return f.indexerCPU }},
	} {
		fmt.Printf("%-30s %10.1f %s\n", row.name, median(all, row.of), row.unit)
	}
	return nil
}

func median(all []figures, of func(figures) float64) float64 {
	var values []float64
	for _, f := range all {
		values = append(values, of(f))
	}
	slices.Sort(values)
	return (values[(len(values)-1)/2] + values[len(values)/2]) / 2
}

func run(dir, programs string, lines, rate int) (f figures, err error) {
	c, err := logstest.NewChain(dir, programs, nil)
	if err != nil {
		return f, err
	}
	if c.Index, err = logstest.NewIndexProcess(programs, "", "-lean"); err != nil {
		return f, err
	}
	c.Indexer, err = logstest.NewIndexer(filepath.Join(dir, "indexer"), logstest.Settings{"TANDEM_LOG_BROKERS": c.Address, "TANDEM_LOG_INDEX_URL": c.Index.URL})
	if err != nil {
		return f, err
	}
	defer func() { err = errors.Join(err, c.Stop()) }()
	if err := c.Start(); err != nil {
		return f, err
	}
	log := c.Machine.Path("var/log/web/web.log")
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	// One line first: consumers take seconds to find each other.
	if _, err := logstest.Write(ctx, log, 0, 1, 1); err != nil {
		return f, err
	}
	if err := indexed(ctx, c, 1); err != nil {
		return f, err
	}
	begin := time.Now()
	if _, err := logstest.Write(ctx, log, 1, lines+1, rate); err != nil {
		return f, err
	}
	written := time.Now()
	if err := indexed(ctx, c, lines+1); err != nil {
		return f, err
	}
	f.perSecond = float64(lines) / time.Since(begin).Seconds()
	f.lag = time.Since(written).Seconds()
	f.shipperMemory, f.shipperCPU, err = usage(c.Machine.PID())
	if err != nil {
		return f, err
	}
	f.indexerMemory, f.indexerCPU, err = usage(c.Indexer.Rsyslog.PID())
	return f, err
}

// indexed waits until so many documents are there.
func indexed(ctx context.Context, c *logstest.Chain, n int) error {
	for {
		counts, err := c.Index.Counts()
		if err != nil || counts.Documents >= n {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%d of %d lines have come through: %w", counts.Documents, n, ctx.Err())
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// ticks is how many clock ticks of /proc a second has: USER_HZ on every Linux.
const ticks = 100

// usage is the highest memory of a process so far, in MiB, and its time.
func usage(pid int) (memory, cpu float64, err error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, 0, err
	}
	for line := range strings.Lines(string(status)) {
		if kib, found := strings.CutPrefix(line, "VmHWM:"); found {
			if _, err := fmt.Sscan(kib, &memory); err != nil {
				return 0, 0, err
			}
		}
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, 0, err
	}
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	for _, field := range fields[11:13] { // utime, stime
		n, err := strconv.ParseFloat(field, 64)
		if err != nil {
			return 0, 0, err
		}
		cpu += n / ticks
	}
	return memory / 1024, cpu, nil
}
