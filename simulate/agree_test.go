package simulate_test

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/tandem-iac/tandem/simulate"
)

// scenarios is how many random scenarios to compare: SCENARIOS, else 1000.
func scenarios(t *testing.T) uint64 {
	n := uint64(1000)
	if v := os.Getenv("SCENARIOS"); v != "" {
		var err error
		if n, err = strconv.ParseUint(v, 10, 32); err != nil {
			t.Fatal(err)
		}
	}
	return n
}

// TestAgreesWithReference compares everything that a run says with what the
// reference says, in every step. Sums of money and of work are of the same
// numbers in another order, so they may differ in the last digits; everything
// else is equal to the last bit.
func TestAgreesWithReference(t *testing.T) {
	var next atomic.Uint64
	var busy atomic.Int64
	var workers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			var sim simulate.Simulator // reused, so that nothing may be left over from the run before
			for n := next.Add(1); n <= scenarios(t) && !t.Failed(); n = next.Add(1) {
				got, want, err := both(&sim, n)
				if err != nil {
					t.Errorf("scenario %d: %v", n, err)
					return
				}
				if diff := disagreement(want, got); diff != "" {
					t.Errorf("scenario %d (-reference +engine):\n%s", n, diff)
				}
				if got.Summary.ScaleOuts > 0 && got.Summary.ScaleIns > 0 {
					busy.Add(1)
				}
			}
		})
	}
	workers.Wait()
	if n := int64(scenarios(t)); busy.Load() < n/3 {
		t.Errorf("only %d of %d scenarios scale out and in: they prove too little", busy.Load(), n)
	}
}

func both(sim *simulate.Simulator, n uint64) (got, want *simulate.Result, err error) {
	s := randomScenario(n)
	got, err = sim.Run(context.Background(), s)
	if err != nil {
		return nil, nil, err
	}
	return got, newReference(s).run(), nil
}

func disagreement(want, got *simulate.Result) string {
	options := cmp.Options{cmpopts.EquateEmpty(), cmpopts.EquateNaNs(), cmpopts.EquateApprox(1e-9, 1e-6),
		cmpopts.IgnoreFields(simulate.Summary{}, "PeakFleet", "ConstantFleet")}
	// Activities first: the first difference explains the others.
	for i := range want.Activities {
		if i >= len(got.Activities) || got.Activities[i] != want.Activities[i] {
			return fmt.Sprintf("activity %d: want %+v, got %+v", i, want.Activities[i], got.Activities[i:min(i+1, len(got.Activities))])
		}
	}
	for i, g := range want.Series.Groups {
		if d := cmp.Diff(g, got.Series.Groups[i], options); d != "" {
			return fmt.Sprintf("group %s: %s", g.Name, d)
		}
	}
	return cmp.Diff(want, got, options)
}
