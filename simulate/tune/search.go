package tune

import (
	"context"
	"math/rand/v2"
	"slices"
)

const (
	// batch is how many candidates are drawn before any is simulated. It bounds
	// the cores in use, but for traces, and is the population's size.
	batch = 40
	// evolution is the part of the candidates after which steps around the best
	// follow.
	evolution = 0.65
	// elite is the part of the population that others are drawn towards.
	elite = 0.2
	// redraws is how often a candidate that has been simulated is drawn anew.
	redraws = 20
)

// search is the state of one.
type search struct {
	cfg    Config
	space  *space
	pool   *evaluator
	random *rand.Rand

	all  []*Candidate // in the order of simulation; the first is the present
	seen map[string]bool
}

func newSearch(cfg Config, s *space, pool *evaluator) *search {
	return &search{cfg: cfg, space: s, pool: pool, random: rand.New(rand.NewPCG(cfg.Seed, 1)), seen: map[string]bool{}}
}

// better orders candidates: one that keeps the condition before one that does
// not, then the cheaper or nearer, then what is calmer, then fewer changes.
func better(a, b *Candidate) bool {
	if a.Distance != b.Distance {
		return a.Distance < b.Distance
	}
	if a.Cost != b.Cost {
		return a.Cost < b.Cost
	}
	if a.OverObjective != b.OverObjective {
		return a.OverObjective < b.OverObjective
	}
	if a.changed != b.changed {
		return a.changed < b.changed
	}
	return a.id < b.id
}

func order(a, b *Candidate) int {
	switch {
	case better(a, b):
		return -1
	case better(b, a):
		return 1
	}
	return 0
}

func (s *search) best() *Candidate { return slices.MinFunc(s.all, order) }

// run simulates all candidates.
func (s *search) run(ctx context.Context) error {
	if _, err := s.try(ctx, [][]float64{s.space.start}, true); err != nil {
		return err
	}
	if len(s.space.free) == 0 || s.left() == 0 {
		return nil
	}
	population, err := s.try(ctx, s.first(), true)
	if err != nil {
		return err
	}
	population = append(population, s.all[0])
	for float64(len(s.all)) < evolution*float64(s.cfg.Candidates) {
		trials := s.evolve(population)
		if len(trials) == 0 {
			break
		}
		tried, err := s.try(ctx, trials, true)
		if err != nil {
			return err
		}
		population = survivors(population, tried, batch)
	}
	for s.left() > 0 {
		around := s.around()
		if len(around) == 0 {
			return nil // the ranges hold no more
		}
		if _, err := s.try(ctx, around, true); err != nil {
			return err
		}
	}
	return nil
}

func (s *search) left() int { return s.cfg.Candidates - len(s.all) }

// try simulates a batch of new values, no more than are left.
func (s *search) try(ctx context.Context, batch [][]float64, counts bool) ([]*Candidate, error) {
	if counts {
		batch = batch[:min(len(batch), s.left())]
	}
	candidates := make([]*Candidate, len(batch))
	for i, values := range batch {
		candidates[i] = &Candidate{id: len(s.all) + i, values: values}
		s.seen[s.space.key(values)] = true
	}
	if err := s.pool.simulate(ctx, candidates, counts); err != nil {
		return nil, err
	}
	s.all = append(s.all, candidates...)
	return candidates, nil
}

// draw collects a batch of values that have not been simulated yet.
func (s *search) draw(n int, from func(i int) []float64) [][]float64 {
	var drawn [][]float64
	taken := map[string]bool{}
	for i := range n {
		for range redraws {
			values := from(i)
			key := s.space.key(values)
			if !s.seen[key] && !taken[key] {
				taken[key] = true
				drawn = append(drawn, values)
				break
			}
		}
	}
	return drawn
}

// first is the first batch: half of it a Latin hypercube of the ranges, half
// near the present.
func (s *search) first() [][]float64 {
	n := batch / 2
	ranks := make([][]int, len(s.space.parameters))
	for _, i := range s.space.free {
		ranks[i] = s.random.Perm(n)
	}
	return s.draw(2*n, func(k int) []float64 {
		if k >= n {
			return s.near(s.space.inside, 0.2)
		}
		values := slices.Clone(s.space.inside)
		for _, i := range s.space.free {
			p := s.space.parameters[i]
			part := (float64(ranks[i][k]) + s.random.Float64()) / float64(n)
			values[i] = p.snap(p.Low + part*(p.High-p.Low))
		}
		return s.space.repair(values, s.space.inside)
	})
}

// near draws each value anew with a probability.
func (s *search) near(parent []float64, probability float64) []float64 {
	values := slices.Clone(parent)
	for _, i := range s.space.free {
		if s.random.Float64() < probability {
			p := s.space.parameters[i]
			values[i] = p.snap(p.Low + s.random.Float64()*(p.High-p.Low))
		}
	}
	return s.space.repair(values, s.space.inside)
}

// evolve draws a trial for each of the population: towards one of the elite,
// and along the difference of two others.
func (s *search) evolve(population []*Candidate) [][]float64 {
	ranked := slices.SortedFunc(slices.Values(population), order)
	top := ranked[:max(1, int(elite*float64(len(ranked))))]
	return s.draw(len(ranked), func(k int) []float64 {
		self := ranked[k].values
		lead := top[s.random.IntN(len(top))].values
		one, other := ranked[s.random.IntN(len(ranked))].values, ranked[s.random.IntN(len(ranked))].values
		weight, crossover := 0.4+0.5*s.random.Float64(), 0.2+0.6*s.random.Float64()
		values := slices.Clone(self)
		always := s.space.free[s.random.IntN(len(s.space.free))]
		for _, i := range s.space.free {
			p := s.space.parameters[i]
			if i != always && s.random.Float64() >= crossover {
				values[i] = s.within(i, values[i])
				continue
			}
			values[i] = p.snap(self[i] + weight*(lead[i]-self[i]) + weight*(one[i]-other[i]))
			if s.random.Float64() < 0.02 { // what all have in common would stay for ever
				values[i] = p.snap(p.Low + s.random.Float64()*(p.High-p.Low))
			}
		}
		return s.space.repair(values, s.space.inside)
	})
}

// within is a value that may be proposed: the present one may lie outside of
// what the user allows.
func (s *search) within(i int, v float64) float64 {
	if p := s.space.parameters[i]; v < p.Low || v > p.High {
		return p.snap(v)
	}
	return v
}

// survivors are the best n of both.
func survivors(population, tried []*Candidate, n int) []*Candidate {
	joined := append(slices.Clone(population), tried...)
	slices.SortFunc(joined, order)
	return joined[:min(n, len(joined))]
}

// around draws steps from the best candidate, and every third from one of the
// front, so that the front shows what more or less of the objective costs.
func (s *search) around() [][]float64 {
	best, others := s.best(), front(s.all)
	return s.draw(batch, func(k int) []float64 {
		if k%3 == 2 {
			return s.step(others[s.random.IntN(len(others))].values)
		}
		return s.step(best.values)
	})
}

// step changes one to three values: a little, by far, or back to the present.
func (s *search) step(from []float64) []float64 {
	values := slices.Clone(from)
	for _, i := range s.space.free {
		values[i] = s.within(i, values[i])
	}
	for range 1 + s.random.IntN(3) {
		i := s.space.free[s.random.IntN(len(s.space.free))]
		p := s.space.parameters[i]
		switch s.random.IntN(4) {
		case 0:
			values[i] = p.snap(p.Low + s.random.Float64()*(p.High-p.Low))
		case 1:
			values[i] = s.space.inside[i]
		default:
			steps := float64(1 + s.random.IntN(3))
			if s.random.IntN(2) == 0 {
				steps = -steps
			}
			values[i] = p.snap(values[i] + steps*p.Step)
		}
	}
	return s.space.repair(values, s.space.inside)
}
