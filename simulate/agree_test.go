package simulate_test

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"slices"
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
		if !sameSeries(g, got.Series.Groups[i]) {
			return fmt.Sprintf("group %s: %s", g.Name, cmp.Diff(g, got.Series.Groups[i], options))
		}
	}
	if d := cmp.Diff(want.Groups, got.Groups, options); d != "" {
		return d
	}
	for i := range want.Series.Demand {
		w, g := want.Series, got.Series
		if w.Demand[i] != g.Demand[i] || w.Capacity[i] != g.Capacity[i] || w.Unserved[i] != g.Unserved[i] {
			return fmt.Sprintf("step %d: want demand, capacity, unserved %v %v %v, got %v %v %v", i,
				w.Demand[i], w.Capacity[i], w.Unserved[i], g.Demand[i], g.Capacity[i], g.Unserved[i])
		}
	}
	return cmp.Diff(want.Summary, got.Summary, options)
}

// sameSeries is what cmp.Equal would say, without its cost.
func sameSeries(a, b simulate.GroupSeries) bool {
	same := slices.Equal(a.Desired, b.Desired) && slices.Equal(a.InService, b.InService) &&
		slices.Equal(a.Pending, b.Pending) && slices.Equal(a.Spot, b.Spot) && slices.Equal(a.SpotPrice, b.SpotPrice) &&
		slices.EqualFunc(a.CPU, b.CPU, func(x, y float64) bool { return x == y || x != x && y != y })
	return same && a.Name == b.Name && slices.EqualFunc(a.Alarms, b.Alarms, func(x, y simulate.AlarmSeries) bool {
		return x.Name == y.Name && x.Policy == y.Policy && slices.Equal(x.State, y.State)
	})
}
