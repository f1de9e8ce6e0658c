// Package tune searches for the cheapest scaling policy that keeps an objective
// on all given loads.
//
//	description ──> space of valid policies ─┐
//	loads ───────────────────────────────────┼─> Search ──> Result: the chosen one,
//	condition to keep ───────────────────────┘              what changes, the front
//
// The search is a heuristic: it finds good policies and cannot prove that there
// is no better one. It begins with the present policy, its neighbours and a
// Latin hypercube of the ranges, goes on with differential evolution
// (current-to-pbest/1/bin), and ends with steps around the best. Of two
// candidates the one wins that keeps the condition, then the cheaper one; of two
// that do not keep it, the one that is nearer to it. Candidates break no rule of
// the description: where one would, the values that its faults name go back to
// those of a candidate that does not.
//
// Whole batches are drawn before any of their candidates is simulated, so that
// the same configuration gives the same result on any number of cores.
package tune

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tandem-iac/tandem/internal/check"
	"github.com/tandem-iac/tandem/simulate"
	"github.com/tandem-iac/tandem/simulate/catalog"
	"github.com/tandem-iac/tandem/simulate/report"
	"github.com/tandem-iac/tandem/spec"
)

const (
	// DefaultKeep is the condition that applies where none is given.
	DefaultKeep = "over_slo_minutes <= 10 && unserved_percent == 0"
	// DefaultCandidates is how many policies are tried where nothing is said.
	DefaultCandidates = 1000
	// DefaultSeeds is how many other seeds a policy is checked with.
	DefaultSeeds = 3
	// maxCandidates and maxSeeds bound what a search may take.
	maxCandidates, maxSeeds = 1_000_000, 100
)

// Config says what is searched.
type Config struct {
	// Environment holds the cluster and its present policy.
	Environment spec.Environment
	// Cluster is its name.
	Cluster string
	// Prices tells what instances cost.
	Prices catalog.Catalog
	// Traces are the loads on which the objective has to be kept. At least one.
	Traces []Trace
	// Ranges replace the default ranges of Parameters.
	Ranges []Range
	// Fixed are paths whose values, or all below them, stay as they are.
	Fixed []string
	// Keep is what has to hold on each trace, by itself.
	Keep report.Condition
	// Candidates is how many policies are simulated on all traces, the present
	// one included; 1..1000000. Simplifying and checking the chosen one takes
	// some more.
	Candidates int
	// Seeds is how many other seeds than the traces' own the chosen policy is
	// checked with; 0..100.
	Seeds int
	// Seed chooses the random draws of the search.
	Seed uint64
	// Progress is told how many candidates have been simulated. It may be called
	// by several goroutines at once. Nil: nobody is.
	Progress func(done, total int)
}

// Trace is a load with everything around it.
type Trace struct {
	// Name is for reports.
	Name string
	// Scenario is simulated with each candidate in the place of its cluster,
	// of which only the groups' Initial counts: how many instances there are at
	// the start, up to the candidate's maximum. A group that it does not have
	// begins with its minimum.
	Scenario simulate.Scenario
}

// Result is what a search found.
type Result struct {
	// Cluster is the cluster's name in its environment.
	Cluster string
	// Keep is the condition, Traces are the names of the loads.
	Keep   string
	Traces []string
	// Seed is the search's.
	Seed uint64
	// Present is the policy as it is, Chosen the cheapest that keeps the
	// condition, or, where Kept is false, the one that is nearest to it.
	Present, Chosen Candidate
	Kept            bool
	// Changes are what differs between the two.
	Changes []Change
	// Front are the candidates that no other beats in cost, time above the
	// objective and unserved work at once, the cheapest first.
	Front []Candidate
	// Evaluated is how many candidates were simulated.
	Evaluated int
	// Interrupted tells that the search did not come to its end; nothing has
	// been simplified or checked then.
	Interrupted bool
	// Check is how the chosen policy does with other luck and other models.
	// Nil: it has not been checked.
	Check *Check

	present    spec.Cluster
	parameters []Parameter
	tried      []*Candidate
}

// Candidate is a policy and what came of it.
type Candidate struct {
	// Policy is the cluster with it, every default filled in.
	Policy spec.Cluster
	// Runs are its figures on each trace.
	Runs []simulate.Summary
	// Cost is in USD, over all traces together. OverObjective is the time above
	// the objective, UnservedPercent the work that nobody served, of all demand.
	Cost            float64
	OverObjective   time.Duration
	UnservedPercent float64
	// Distance is how far the condition is from being kept, 0 where it is; the
	// sum over traces of report.Distance.
	Distance float64

	id      int    // in the order of simulation
	most    [2]int // instances in service at once: on-demand, spot
	values  []float64
	changed int // parameters that differ from the present
}

// Kept tells whether the candidate keeps the condition on all traces.
func (c Candidate) Kept() bool { return c.Distance == 0 }

// Search looks for a policy. Faults of the configuration come as a
// check.InputError or check.Errors. When ctx ends, Search returns what it has
// found by then, marked as Interrupted, beside ctx's error.
func Search(ctx context.Context, cfg Config) (*Result, error) {
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	s, err := newSpace(cfg)
	if err != nil {
		return nil, err
	}
	pool, err := newEvaluator(cfg, s)
	if err != nil {
		return nil, err
	}
	search := newSearch(cfg, s, pool)
	if err := search.run(ctx); err != nil {
		if len(search.all) == 0 || !errors.Is(err, ctx.Err()) {
			return nil, err
		}
		result := search.result(search.best())
		result.Interrupted = true
		return result, context.Cause(ctx)
	}
	chosen, verified, err := search.finish(ctx)
	if err != nil {
		if !errors.Is(err, ctx.Err()) {
			return nil, err
		}
		result := search.result(search.best())
		result.Interrupted = true
		return result, context.Cause(ctx)
	}
	result := search.result(chosen)
	result.Check = verified
	return result, nil
}

func (cfg Config) validate() error {
	if len(cfg.Traces) == 0 {
		return check.InputErrorf("no load to tune for, want at least one")
	}
	if cfg.Candidates < 1 || cfg.Candidates > maxCandidates {
		return check.InputErrorf("candidates is %d, want 1..%d", cfg.Candidates, maxCandidates)
	}
	if cfg.Seeds < 0 || cfg.Seeds > maxSeeds {
		return check.InputErrorf("seeds is %d, want 0..%d", cfg.Seeds, maxSeeds)
	}
	return nil
}

func (s *search) result(chosen *Candidate) *Result {
	r := &Result{
		Cluster: s.cfg.Cluster, Keep: s.cfg.Keep.String(), Seed: s.cfg.Seed,
		Present: *s.all[0], Chosen: *chosen, Kept: chosen.Kept(),
		Changes: changes(s.space.present, chosen.Policy, s.space.parameters),
		Front:   front(s.all), Evaluated: len(s.all),
		present: s.space.present, parameters: s.space.parameters, tried: s.all,
	}
	for _, t := range s.cfg.Traces {
		r.Traces = append(r.Traces, t.Name)
	}
	return r
}

// ChangesOf are what differs between the present policy and a candidate.
func (r *Result) ChangesOf(c Candidate) []Change { return changes(r.present, c.Policy, r.parameters) }

// Saving is what the chosen policy saves against the present one, in percent.
func (r *Result) Saving() float64 {
	if r.Present.Cost == 0 {
		return 0
	}
	return 100 * (r.Present.Cost - r.Chosen.Cost) / r.Present.Cost
}

// Headline is the result in one line.
func (r *Result) Headline() string {
	verdict := "keeps " + r.Keep
	if !r.Kept {
		verdict = "does not keep " + r.Keep + ", but is the nearest"
	}
	saving, word := r.Saving(), "less"
	if saving < 0 {
		saving, word = -saving, "more"
	}
	switch {
	case len(r.Changes) == 0:
		return fmt.Sprintf("nothing better found than the present policy among %d; it costs %.2f USD and %s", r.Evaluated, r.Present.Cost, verdict)
	case r.Kept && !r.Present.Kept():
		verdict += ", which the present policy does not"
	}
	return fmt.Sprintf("%.2f USD instead of %.2f USD, %.1f %% %s; %s", r.Chosen.Cost, r.Present.Cost, saving, word, verdict)
}

// Err is nil where the chosen policy keeps the condition; else it says by how
// far that is missed.
func (r *Result) Err() error {
	if r.Kept {
		return nil
	}
	return fmt.Errorf("none of %d policies keeps %s; the nearest is above the objective for %g min and leaves %.4g %% of the work unserved%s",
		r.Evaluated, r.Keep, r.Chosen.OverObjective.Minutes(), r.Chosen.UnservedPercent, r.hint())
}
