package simulate

import (
	"context"
	"runtime"

	"golang.org/x/sync/errgroup"
)

// Trial is a run with one parameter of the model changed.
type Trial struct {
	Parameter Parameter
	// Value is in the parameter's unit.
	Value float64
	// Result holds no series.
	Result *Result
}

// Sweep runs the scenario with every value of every parameter that AWS leaves
// open, one parameter at a time, on all cores. The scenario's load is read by
// several runs at once. Trials come in the order of Parameters; those that change
// nothing of the scenario share one result.
func Sweep(ctx context.Context, s Scenario) ([]Trial, error) {
	var trials []Trial
	for _, p := range Parameters() {
		for _, value := range p.Sweep {
			trials = append(trials, Trial{Parameter: p, Value: value})
		}
	}
	s.Options.Record = false
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	var same *Result
	group.Go(func() (err error) {
		same, err = Run(ctx, s)
		return err
	})
	for n := range trials {
		changed := s
		if trials[n].Parameter.Set(&changed.Model, trials[n].Value); changed.Model == s.Model {
			continue
		}
		group.Go(func() (err error) {
			trials[n].Result, err = Run(ctx, changed)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	for n := range trials {
		if trials[n].Result == nil {
			trials[n].Result = same
		}
	}
	return trials, nil
}
