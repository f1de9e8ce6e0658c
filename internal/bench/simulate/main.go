// Command simulate measures the simulator, in one run:
//
//	speed      group-minutes a second on one core, at least 10 million
//	           one year of one-minute steps, two groups, at most 150 ms
//	memory     allocated per step, 0; heap for 1 and 10 years, the same
//	tuning     1,000 candidates x 30 days on all cores, at most 10 s
//	growth     1 to 1,000 clusters x 1 day, and 1 month to 10 years: linear
//	limit      the bare arithmetic of the same steps, and a profile
//
// Times are medians of several runs, of CPU, which other programs disturb less
// than the clock; tuning has both.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"runtime/pprof"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/tandem-iac/tandem/simulate"
)

func main() {
	runs := flag.Int("runs", 7, "runs of each measurement")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := (bench{ctx, *runs}).all(); err != nil {
		fmt.Fprintf(os.Stderr, "bench: %v\n", err)
		os.Exit(1)
	}
}

type bench struct {
	ctx  context.Context
	runs int
}

func (b bench) all() error {
	for _, part := range []func() error{b.speed, b.memory, b.tuning, b.growth, b.profile} {
		if err := part(); err != nil {
			return err
		}
	}
	return nil
}

// median is the median CPU time of several calls, on all cores together.
func (b bench) median(f func() error) (time.Duration, error) {
	times := make([]time.Duration, b.runs)
	for i := range times {
		start, err := cpuTime()
		if err != nil {
			return 0, err
		}
		if err := f(); err != nil {
			return 0, err
		}
		end, err := cpuTime()
		if err != nil {
			return 0, err
		}
		times[i] = end - start
	}
	slices.Sort(times)
	return times[b.runs/2], nil
}

// cpuTime is what this process has used.
func cpuTime() (time.Duration, error) {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		return 0, err
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano()), nil
}

const day, year = 24 * time.Hour, 365 * 24 * time.Hour

func (b bench) speed() error {
	var sim simulate.Simulator
	s := scenario(sampled(year))
	took, err := b.median(func() error { _, err := sim.Run(b.ctx, s); return err })
	if err != nil {
		return err
	}
	minutes := 2 * year.Minutes()
	bare, err := b.median(func() error { arithmetic(s.Load.(*simulate.Samples)); return nil })
	if err != nil {
		return err
	}
	fmt.Printf("a year of one-minute steps, 2 groups, 6 alarms   %8.1f ms\n", ms(took))
	fmt.Printf("group-minutes a second on one core               %8.1f million (%.1f ns each)\n", minutes/took.Seconds()/1e6, float64(took)/minutes)
	fmt.Printf("bare arithmetic of the same steps                %8.1f ms (%.1f ns each): the simulator takes %.1f times as long\n",
		ms(bare), float64(bare)/minutes, float64(took)/float64(bare))
	return nil
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// memory tells what a longer load costs: nothing, where it is read piece by piece.
func (b bench) memory() error {
	used := func(span time.Duration) (bytes, mallocs uint64, err error) {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		_, err = simulate.Run(b.ctx, scenario(wave(span)))
		runtime.ReadMemStats(&after)
		return after.TotalAlloc - before.TotalAlloc, after.Mallocs - before.Mallocs, err
	}
	var calls [2]uint64
	for i, years := range []int{1, 10} {
		bytes, mallocs, err := used(time.Duration(years) * year)
		if err != nil {
			return err
		}
		calls[i] = mallocs
		fmt.Printf("allocated for %2d years, unsampled load           %8.1f KiB in %d allocations\n", years, float64(bytes)/1024, mallocs)
	}
	fmt.Printf("allocations per step                             %8.6f\n", (float64(calls[1])-float64(calls[0]))/(9*year.Minutes()))
	return nil
}

// tuning is a tuner's inner loop: candidates that differ in their thresholds.
func (b bench) tuning() error {
	const candidates = 1000
	load := sampled(30 * day)
	start := time.Now()
	took, err := b.median(func() error {
		var next atomic.Int64
		var workers sync.WaitGroup
		var failed atomic.Pointer[error]
		for range runtime.GOMAXPROCS(0) {
			workers.Go(func() {
				var sim simulate.Simulator
				for n := next.Add(1); n <= candidates; n = next.Add(1) {
					s := scenario(load)
					for g := range s.Cluster.Groups {
						s.Cluster.Groups[g].Policies[0].Alarms[0].Threshold = 40 + float64(n%30)
					}
					if _, err := sim.Run(b.ctx, s); err != nil {
						failed.Store(&err)
						return
					}
				}
			})
		}
		workers.Wait()
		if err := failed.Load(); err != nil {
			return *err
		}
		return nil
	})
	fmt.Printf("1,000 candidates x 30 days                       %8.2f s of CPU, %.2f s by the clock on %d cores\n", took.Seconds(),
		time.Since(start).Seconds()/float64(b.runs), runtime.GOMAXPROCS(0))
	return err
}

// growth is linear: the time per cluster and per minute stays.
func (b bench) growth() error {
	var sim simulate.Simulator
	load := sampled(day)
	for _, clusters := range []int{1, 10, 100, 1000} {
		took, err := b.median(func() error {
			for range clusters {
				if _, err := sim.Run(b.ctx, scenario(load)); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		fmt.Printf("%4d clusters x 1 day                             %8.1f ms, %.0f us each\n", clusters, ms(took), ms(took)*1000/float64(clusters))
	}
	for _, days := range []int{30, 365, 3650} {
		load := sampled(time.Duration(days) * day)
		took, err := b.median(func() error { _, err := sim.Run(b.ctx, scenario(load)); return err })
		if err != nil {
			return err
		}
		fmt.Printf("%4d days                                         %8.1f ms, %.0f us a day\n", days, ms(took), ms(took)*1000/float64(days))
	}
	return nil
}

// profile says where the time goes, with the profiler of the go command.
func (b bench) profile() error {
	f, err := os.CreateTemp("", "simulate-*.pprof")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	if err := pprof.StartCPUProfile(f); err != nil {
		return err
	}
	var sim simulate.Simulator
	s := scenario(sampled(year))
	for start := time.Now(); time.Since(start) < 2*time.Second; {
		if _, err := sim.Run(b.ctx, s); err != nil {
			return err
		}
	}
	pprof.StopCPUProfile()
	if err := f.Close(); err != nil {
		return err
	}
	out, err := exec.CommandContext(b.ctx, "go", "tool", "pprof", "-top", "-nodecount=12", f.Name()).Output()
	fmt.Printf("\n%s", out)
	return err
}
