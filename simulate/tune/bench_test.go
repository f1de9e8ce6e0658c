package tune_test

import (
	"testing"
	"time"

	"github.com/tandem-iac/tandem/simulate"
	"github.com/tandem-iac/tandem/simulate/load"
	"github.com/tandem-iac/tandem/simulate/tune"
)

// BenchmarkTune tries 1,000 policies on 30 days in steps of a minute, checks
// and sweeps included.
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
	for b.Loop() {
		search(b, cfg)
	}
	minutes := float64(b.N) * float64(cfg.Candidates) * 30 * 24 * 60 * 2
	b.ReportMetric(minutes/b.Elapsed().Seconds()/1e6, "Mgroup-minutes/s")
}
