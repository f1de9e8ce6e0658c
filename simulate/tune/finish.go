package tune

import (
	"context"
	"slices"
	"strings"

	"github.com/tandem-iac/tandem/simulate"
)

// shortlist is how many candidates prove at once that they keep the condition
// with other seeds.
const shortlist = 24

// Check is how the chosen policy does where its luck or the model changes.
type Check struct {
	// Seeds is how many other seeds it was simulated with on each trace, Kept
	// with how many of them it keeps the condition on all traces.
	Seeds, Kept int
	// Luck is the spread over seeds, the traces' own included.
	Luck Spread
	// Trials is how many models were tried, one parameter of those that AWS
	// leaves open changed in each; TrialsKept with how many the condition is kept.
	Trials, TrialsKept int
	// Models is the spread over them.
	Models Spread
	// Breaking are the trials in which the condition is not kept.
	Breaking []Breaking
}

// Spread is the least and the most of figures over all traces together.
type Spread struct {
	CostLow, CostHigh         float64 // USD
	MinutesLow, MinutesHigh   float64 // above the objective
	UnservedLow, UnservedHigh float64 // percent
}

// Breaking is a value of a model's parameter with which the condition breaks.
type Breaking struct {
	Parameter string
	Value     float64
	Unit      string
}

// finish chooses, simplifies and checks.
func (s *search) finish(ctx context.Context) (*Candidate, *Check, error) {
	chosen, steady, err := s.choose(ctx)
	if err != nil {
		return nil, nil, err
	}
	if chosen.Kept() {
		if chosen, err = s.simplify(ctx, chosen, steady); err != nil {
			return nil, nil, err
		}
	}
	c, err := s.verify(ctx, chosen)
	return chosen, c, err
}

// choose returns the best candidate that keeps the condition with other seeds
// too and costs no more than the present policy where that keeps it. If there is
// none on the short lists: the best.
func (s *search) choose(ctx context.Context) (chosen *Candidate, steady bool, err error) {
	ranked := slices.SortedFunc(slices.Values(s.all), order)
	best, present := ranked[0], s.all[0]
	if !best.Kept() || s.cfg.Seeds == 0 {
		return best, false, nil
	}
	able := ranked[:0]
	for _, c := range ranked {
		if c.Kept() && (c == present || !present.Kept() || better(c, present)) {
			able = append(able, c)
		}
	}
	for _, listed := range shortlists(able) {
		holds, _, err := s.pool.kept(ctx, listed, s.cfg.Seeds)
		if err != nil {
			return nil, false, err
		}
		if n := slices.Index(holds, true); n >= 0 {
			return listed[n], true, nil
		}
	}
	return best, false, nil
}

// shortlists go through candidates in their order, with longer and longer
// strides, as neighbours share what makes them fail. The last one is in it.
func shortlists(able []*Candidate) [][]*Candidate {
	var lists [][]*Candidate
	for at, stride := 0, 1; at < len(able); stride *= 2 {
		var list []*Candidate
		for ; at < len(able) && len(list) < shortlist; at += stride {
			list = append(list, able[at])
		}
		lists = append(lists, list)
	}
	last := &lists[len(lists)-1]
	if end := able[len(able)-1]; !slices.Contains(*last, end) {
		*last = append(*last, end)
	}
	return lists
}

// tolerance is how much dearer, as a part, a policy may be than the best found
// for changing less.
const tolerance = 0.005

// simplify puts values back to the present ones, the most useless change first,
// where that breaks no condition and costs next to nothing, so that what is
// proposed is what matters.
func (s *search) simplify(ctx context.Context, chosen *Candidate, steady bool) (*Candidate, error) {
	singles, err := s.singles(ctx, chosen)
	if err != nil {
		return nil, err
	}
	limit := chosen.Cost * (1 + tolerance)
	if present := s.all[0]; present.Kept() {
		limit = min(limit, present.Cost)
	}
	for _, one := range singles {
		if !one.Kept() || one.Cost > limit {
			break
		}
		values, ok := s.restored(chosen.values, one.parameter)
		if !ok {
			continue
		}
		simpler := one.Candidate
		if !slices.Equal(values, simpler.values) { // others have been put back before
			again, err := s.try(ctx, [][]float64{values}, false)
			if err != nil {
				return nil, err
			}
			simpler = again[0]
		}
		ok, err = s.acceptable(ctx, simpler, limit, steady)
		if err != nil {
			return nil, err
		}
		if ok {
			chosen = simpler
		}
	}
	return chosen, nil
}

// single is a candidate in which one parameter is the present one again.
type single struct {
	*Candidate
	parameter int
}

// singles puts back each change of a candidate by itself, the most useless first.
func (s *search) singles(ctx context.Context, chosen *Candidate) ([]single, error) {
	var values [][]float64
	var singles []single
	for i, p := range s.space.parameters {
		if _, isStep := policyOfStep(p.Path); isStep && !strings.HasSuffix(p.Path, firstStep) {
			continue // goes back with the first
		}
		if restored, ok := s.restored(chosen.values, i); ok {
			values, singles = append(values, restored), append(singles, single{parameter: i})
		}
	}
	tried, err := s.try(ctx, values, false)
	if err != nil {
		return nil, err
	}
	for n := range singles {
		singles[n].Candidate = tried[n]
	}
	slices.SortStableFunc(singles, func(a, b single) int { return order(a.Candidate, b.Candidate) })
	return singles, nil
}

// restored puts one value back to the present, all steps of a policy at once;
// false: it is there, or the policy would break a rule.
func (s *search) restored(values []float64, i int) ([]float64, bool) {
	restored := slices.Clone(values)
	restored[i] = s.space.start[i]
	if policy, isStep := policyOfStep(s.space.parameters[i].Path); isStep {
		s.space.reset(restored, s.space.start, policy+".steps")
	}
	return restored, !slices.Equal(restored, values) && len(s.space.faults(restored)) == 0
}

// acceptable tells whether a simpler policy keeps the condition, with other
// seeds too where the chosen one does, and costs no more than limit.
func (s *search) acceptable(ctx context.Context, simpler *Candidate, limit float64, steady bool) (bool, error) {
	if !simpler.Kept() || simpler.Cost > limit || !steady {
		return simpler.Kept() && simpler.Cost <= limit, nil
	}
	holds, _, err := s.pool.kept(ctx, []*Candidate{simpler}, s.cfg.Seeds)
	if err != nil {
		return false, err
	}
	return holds[0], nil
}

// verify simulates the chosen policy with other seeds and other models.
func (s *search) verify(ctx context.Context, chosen *Candidate) (*Check, error) {
	c := &Check{Seeds: s.cfg.Seeds, Luck: spreadOf(chosen)}
	_, summaries, err := s.pool.kept(ctx, []*Candidate{chosen}, s.cfg.Seeds)
	if err != nil {
		return nil, err
	}
	each := len(s.pool.scenarios)
	for seed := range s.cfg.Seeds {
		other := &Candidate{Runs: summaries[seed*each : (seed+1)*each]}
		if err := other.sumUp(s.pool.distance); err != nil {
			return nil, err
		}
		c.Luck.add(other)
		if other.Kept() {
			c.Kept++
		}
	}
	return c, s.sweep(ctx, chosen, c)
}

// sweep tries the models of simulate.Sweep on all traces.
func (s *search) sweep(ctx context.Context, chosen *Candidate, c *Check) error {
	cluster, err := s.space.simulated(chosen.Policy)
	if err != nil {
		return err
	}
	var trials []simulate.Trial
	var others []*Candidate
	for trace, scenario := range s.pool.scenarios {
		scenario.Cluster = s.pool.begin(cluster, trace)
		if trials, err = simulate.Sweep(ctx, scenario); err != nil {
			return err
		}
		for n, trial := range trials {
			if n >= len(others) {
				others = append(others, &Candidate{})
			}
			others[n].Runs = append(others[n].Runs, trial.Result.Summary)
		}
	}
	c.Trials, c.Models = len(trials), spreadOf(chosen)
	for n, other := range others {
		if err := other.sumUp(s.pool.distance); err != nil {
			return err
		}
		c.Models.add(other)
		if other.Kept() {
			c.TrialsKept++
		} else {
			p := trials[n].Parameter
			c.Breaking = append(c.Breaking, Breaking{Parameter: p.Name, Value: trials[n].Value, Unit: p.Unit})
		}
	}
	return nil
}

func spreadOf(c *Candidate) Spread {
	minutes := c.OverObjective.Minutes()
	return Spread{c.Cost, c.Cost, minutes, minutes, c.UnservedPercent, c.UnservedPercent}
}

func (s *Spread) add(c *Candidate) {
	minutes := c.OverObjective.Minutes()
	s.CostLow, s.CostHigh = min(s.CostLow, c.Cost), max(s.CostHigh, c.Cost)
	s.MinutesLow, s.MinutesHigh = min(s.MinutesLow, minutes), max(s.MinutesHigh, minutes)
	s.UnservedLow, s.UnservedHigh = min(s.UnservedLow, c.UnservedPercent), max(s.UnservedHigh, c.UnservedPercent)
}
