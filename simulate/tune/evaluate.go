package tune

import (
	"context"
	"runtime"
	"slices"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/tandem-iac/tandem/internal/check"
	"github.com/tandem-iac/tandem/simulate"
	"github.com/tandem-iac/tandem/simulate/report"
)

// evaluator simulates candidates on all cores.
type evaluator struct {
	space      *space
	scenarios  []simulate.Scenario // of the traces
	initial    []map[string]int    // instances at the start, by trace and group
	distance   report.Distance
	simulators []*simulate.Simulator
	progress   func(done int)
	done       atomic.Int64 // runs
}

func newEvaluator(cfg Config, s *space) (*evaluator, error) {
	distance, err := report.NewDistance(cfg.Keep)
	if err != nil {
		return nil, check.InputError{Err: err}
	}
	e := &evaluator{space: s, distance: distance, progress: func(int) {}}
	cluster, err := s.simulated(s.present)
	if err != nil {
		return nil, err
	}
	for _, t := range cfg.Traces {
		scenario := t.Scenario
		initial := map[string]int{}
		for _, g := range scenario.Cluster.Groups {
			initial[g.Name] = g.Initial
		}
		e.initial = append(e.initial, initial)
		scenario.Cluster, scenario.Options = e.begin(cluster, len(e.scenarios)), simulate.Options{}
		if err := scenario.Validate(); err != nil {
			return nil, check.InputErrorf("%s: %w", t.Name, err)
		}
		scenario.Load = simulate.Sample(scenario.Load, scenario.Model.Step)
		e.scenarios = append(e.scenarios, scenario)
	}
	for range runtime.GOMAXPROCS(0) {
		e.simulators = append(e.simulators, new(simulate.Simulator))
	}
	if cfg.Progress != nil {
		e.progress = func(done int) { cfg.Progress(min(done, cfg.Candidates), cfg.Candidates) }
	}
	return e, nil
}

// begin returns a candidate's cluster with the instances that a trace begins
// with, as far as the candidate's maximum goes.
func (e *evaluator) begin(c simulate.Cluster, trace int) simulate.Cluster {
	groups := slices.Clone(c.Groups)
	for i := range groups {
		groups[i].Initial = min(e.initial[trace][groups[i].Name], groups[i].Max)
	}
	c.Groups = groups
	return c
}

// job is one run and what came of it.
type job struct {
	candidate *Candidate
	cluster   simulate.Cluster
	trace     int
	seed      uint64 // added to the trace's own

	summary simulate.Summary
	most    [2]int // instances in service at once, by group
}

// run simulates jobs.
func (e *evaluator) run(ctx context.Context, jobs []job, counts bool) error {
	var next atomic.Int64
	group, ctx := errgroup.WithContext(ctx)
	for _, sim := range e.simulators {
		group.Go(func() error {
			for {
				n := int(next.Add(1)) - 1
				if n >= len(jobs) {
					return nil
				}
				j := &jobs[n]
				scenario := e.scenarios[j.trace]
				scenario.Cluster = e.begin(j.cluster, j.trace)
				scenario.Seed += j.seed
				result, err := sim.Run(ctx, scenario)
				if err != nil {
					return err
				}
				j.summary = result.Summary
				for i, g := range result.Groups {
					j.most[i] = g.MaxInService
				}
				if counts {
					e.progress(int(e.done.Add(1)) / len(e.scenarios))
				}
			}
		})
	}
	return group.Wait()
}

// simulate fills in what comes of candidates, of which only values are set.
// counts tells that they are among those that were asked for.
func (e *evaluator) simulate(ctx context.Context, candidates []*Candidate, counts bool) error {
	jobs := make([]job, 0, len(candidates)*len(e.scenarios))
	for _, c := range candidates {
		c.Policy = build(e.space.present, e.space.parameters, c.values)
		c.changed = e.space.changed(c.values)
		cluster, err := e.space.simulated(c.Policy)
		if err != nil {
			return err
		}
		for trace := range e.scenarios {
			jobs = append(jobs, job{candidate: c, cluster: cluster, trace: trace})
		}
	}
	if err := e.run(ctx, jobs, counts); err != nil {
		return err
	}
	for _, j := range jobs {
		j.candidate.Runs = append(j.candidate.Runs, j.summary)
		for i, n := range j.most {
			j.candidate.most[i] = max(j.candidate.most[i], n)
		}
	}
	for _, c := range candidates {
		if err := c.sumUp(e.distance); err != nil {
			return err
		}
	}
	return nil
}

// kept tells whether candidates keep the condition with other seeds too, each
// of so many. Their summaries come by candidate, then seed, then trace.
func (e *evaluator) kept(ctx context.Context, candidates []*Candidate, seeds int) (holds []bool, summaries []simulate.Summary, err error) {
	var jobs []job
	for _, c := range candidates {
		cluster, err := e.space.simulated(c.Policy)
		if err != nil {
			return nil, nil, err
		}
		for seed := range seeds {
			for trace := range e.scenarios {
				jobs = append(jobs, job{candidate: c, cluster: cluster, trace: trace, seed: uint64(seed) + 1})
			}
		}
	}
	if err = e.run(ctx, jobs, false); err != nil {
		return nil, nil, err
	}
	for _, j := range jobs {
		summaries = append(summaries, j.summary)
	}
	holds = make([]bool, len(candidates))
	each := seeds * len(e.scenarios)
	for n := range candidates {
		holds[n] = true
		for _, s := range summaries[n*each : (n+1)*each] {
			d, err := e.distance.Of(s)
			if err != nil {
				return nil, nil, err
			}
			holds[n] = holds[n] && d == 0
		}
	}
	return holds, summaries, nil
}

func (c *Candidate) sumUp(distance report.Distance) error {
	var demand, unserved float64
	for _, s := range c.Runs {
		d, err := distance.Of(s)
		if err != nil {
			return err
		}
		c.Distance += d
		c.Cost += s.Cost
		c.OverObjective += s.OverObjective
		demand, unserved = demand+s.Demand, unserved+s.Unserved
	}
	if demand > 0 {
		c.UnservedPercent = 100 * unserved / demand
	}
	return nil
}
