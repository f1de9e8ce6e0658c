package simulate_test

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"testing"
	"time"

	"github.com/tandem-iac/tandem/internal/check"
	"github.com/tandem-iac/tandem/simulate"
)

// fuzzed is a scenario that JSON can carry.
type fuzzed struct {
	Cluster simulate.Cluster
	Market  simulate.Market
	Model   simulate.Model
	Values  []float64
	Unit    simulate.Unit
	Seed    uint64
}

// FuzzRun: no scenario panics; each runs or is refused with faults.
func FuzzRun(f *testing.F) {
	for n := range uint64(20) {
		s := randomScenario(n)
		values := s.Load.(table).values
		seed, err := json.Marshal(fuzzed{s.Cluster, s.Market, s.Model, values[:min(len(values), 100)], s.Load.Unit(), n})
		if err != nil {
			f.Fatal(err)
		}
		f.Add(seed, 1.0, uint8(0))
	}
	f.Add([]byte(`{"Values":[1e308]}`), math.NaN(), uint8(3))
	f.Fuzz(func(t *testing.T, data []byte, extreme float64, at uint8) {
		var z fuzzed
		if json.Unmarshal(data, &z) != nil || len(z.Values) > 500 || len(z.Cluster.Groups) > 5 {
			return
		}
		if len(z.Values) > 0 {
			z.Values[int(at)%len(z.Values)] = extreme
		}
		for i := range z.Cluster.Groups { // large groups are slow, not wrong
			g := &z.Cluster.Groups[i]
			g.Max, g.Initial = min(g.Max, 1000), min(g.Initial, 1000)
		}
		s := simulate.Scenario{Cluster: z.Cluster, Market: z.Market, Model: z.Model, Seed: z.Seed,
			Load:    table{values: z.Values, step: max(z.Model.Step, time.Second), unit: z.Unit},
			Options: simulate.Options{Record: true}}
		r, err := simulate.Run(context.Background(), s)
		var faults check.Errors
		switch {
		case errors.As(err, &faults):
		case err != nil:
			t.Fatal(err)
		default:
			if got := r.Summary; !(math.Abs(got.Demand-got.Served-got.Unserved) <= 1e-6*got.Demand+1e-3) || !(got.Cost >= 0) {
				t.Fatalf("%+v", got)
			}
		}
	})
}
