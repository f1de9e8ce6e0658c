//go:build unix

package tune_test

import (
	"syscall"
	"testing"
	"time"

	"github.com/tandem-iac/tandem/simulate"
	"github.com/tandem-iac/tandem/simulate/load"
	"github.com/tandem-iac/tandem/simulate/tune"
)

// BenchmarkTune tries 1,000 policies on 30 days in steps of a minute, checks
// and sweeps included: at most 10 s on two cores, so 20 s of CPU.
func BenchmarkTune(b *testing.B) {
	cfg := example(b, tune.DefaultKeep)
	demand, err := load.Parse(load.SeedDay, load.Config{Seed: 1, Duration: 30 * 24 * time.Hour})
	if err != nil {
		b.Fatal(err)
	}
	model := simulate.DefaultModel()
	model.CPUPerRequest = load.SeedDayCPUPerRequest
	cfg.Traces = []tune.Trace{{Name: load.SeedDay, Scenario: simulate.Scenario{Load: demand, Model: model, Seed: 1}}}
	cfg.Candidates, cfg.Seeds = tune.DefaultCandidates, tune.DefaultSeeds
	before := cpuTime(b)
	for b.Loop() {
		search(b, cfg)
	}
	b.ReportMetric((cpuTime(b)-before)/float64(b.N), "cpu-s/op")
}

// cpuTime is what this process has used, in seconds, which other programs
// disturb less than the clock.
func cpuTime(b *testing.B) float64 {
	b.Helper()
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		b.Fatal(err)
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano()).Seconds()
}
