package simulate

import "context"

// Scenario is everything that a run depends on.
type Scenario struct {
	Cluster Cluster
	// Load is the demand on the cluster. Required. A load that many runs share
	// is cheaper to read once: see Sample.
	Load Load
	// Market is what happens to spot instances. The zero value: nothing.
	Market Market
	// Model is what AWS leaves open. Start from DefaultModel.
	Model Model
	// Seed chooses the random draws: when spot instances are reclaimed and how
	// long each launch takes. The draws of a launch depend on the seed, the
	// group and how many launches came before, so that two policies compared
	// with one seed meet the same luck.
	Seed uint64
	// Options say what to keep.
	Options Options
}

// Options say what a run keeps beyond its figures.
type Options struct {
	// Record keeps activities and series, which take memory in proportion to
	// the load's duration. Without it a run's memory does not depend on that.
	Record bool
}

// Run replays the scenario's load. It returns every fault of the scenario as a
// check.Errors, and ctx's error soon after ctx is done.
func Run(ctx context.Context, s Scenario) (*Result, error) {
	return new(Simulator).Run(ctx, s)
}
