package tune

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"

	"github.com/tandem-iac/tandem/internal/check"
	"github.com/tandem-iac/tandem/simulate"
	"github.com/tandem-iac/tandem/simulate/catalog"
	"github.com/tandem-iac/tandem/simulate/environment"
	"github.com/tandem-iac/tandem/spec"
)

// space holds the policies that may be proposed.
type space struct {
	environment spec.Environment // of the one cluster
	cluster     string
	prices      catalog.Catalog
	present     spec.Cluster
	parameters  []Parameter
	free        []int // the parameters that are searched

	start  []float64 // the present values
	inside []float64 // a valid policy within the ranges, the nearest to the present
}

func newSpace(cfg Config) (*space, error) {
	env := cfg.Environment.WithDefaults()
	if err := env.Validate(); err != nil {
		return nil, err
	}
	present, known := env.Clusters[cfg.Cluster]
	if !known {
		_, err := environment.FromSpec(env, cfg.Cluster, cfg.Prices)
		return nil, err // says which there are
	}
	env.Clusters = map[string]spec.Cluster{cfg.Cluster: present}
	s := &space{environment: env, cluster: cfg.Cluster, prices: cfg.Prices, present: present}
	parameters := Parameters(present)
	for _, p := range parameters {
		s.start = append(s.start, p.get(&present))
	}
	var err error
	if s.parameters, err = applied(parameters, cfg.Ranges, cfg.Fixed, s.start); err != nil {
		return nil, err
	}
	for i, p := range s.parameters {
		if p.Low < p.High {
			s.free = append(s.free, i)
		}
	}
	s.inside, err = s.entrance(rand.New(rand.NewPCG(cfg.Seed, 0)))
	return s, err
}

// maxDraws is how often a valid policy within narrow ranges is looked for.
const maxDraws = 5000

// entrance finds a valid policy within the ranges.
func (s *space) entrance(random *rand.Rand) ([]float64, error) {
	values := make([]float64, len(s.start))
	for i, p := range s.parameters {
		values[i] = s.start[i]
		if values[i] < p.Low || values[i] > p.High {
			values[i] = p.snap(values[i])
		}
	}
	faults := s.faults(values)
	for range maxDraws {
		if len(faults) == 0 {
			return values, nil
		}
		drawn := make([]float64, len(values))
		for i, p := range s.parameters {
			drawn[i] = values[i]
			if random.Float64() < 0.5 {
				drawn[i] = p.snap(p.Low + random.Float64()*(p.High-p.Low))
			}
		}
		if len(s.faults(drawn)) == 0 {
			return drawn, nil
		}
	}
	return nil, check.InputErrorf("no valid policy lies within the ranges: %s", faults[0])
}

// faults are the rules that a policy breaks. None: it is valid.
func (s *space) faults(values []float64) check.Errors {
	env := s.environment
	env.Clusters = map[string]spec.Cluster{s.cluster: build(s.present, s.parameters, values)}
	var faults check.Errors
	errors.As(env.Validate(), &faults) // it returns no others
	return faults
}

// alias names the parameters whose fault is told of another path.
var alias = map[string]string{"drain.heartbeat": "scale_in.cooldown"}

// repair returns values that break no rule. Where rules are broken, what their
// faults name goes back to the values of a valid parent, and where that does
// not help, what stands around it too. Steps are made to add no less than the
// step before, as far as their ranges go: nothing demands it, but nobody would
// write down anything else.
func (s *space) repair(values, parent []float64) []float64 {
	values = append([]float64(nil), values...)
	s.raise(values)
	for {
		faults := s.faults(values)
		if len(faults) == 0 {
			return values
		}
		changed := false
		for _, f := range faults {
			path := strings.TrimPrefix(f.Path, check.Join("clusters", s.cluster)+".")
			changed = s.reset(values, parent, path) || changed
		}
		path := strings.TrimPrefix(faults[0].Path, check.Join("clusters", s.cluster)+".")
		for !changed && path != "" {
			path = path[:max(0, strings.LastIndexAny(path, ".["))]
			changed = s.reset(values, parent, path)
		}
		if !changed {
			return parent // as all values were
		}
	}
}

// raise lets steps add no less than the step before.
func (s *space) raise(values []float64) {
	policy, before := "", 0.0
	for i, p := range s.parameters {
		of, isStep := policyOfStep(p.Path)
		if !isStep || !strings.HasSuffix(p.Path, ".add") {
			continue
		}
		if of == policy && p.Low < p.High {
			values[i] = max(values[i], min(before, p.High))
		}
		policy, before = of, values[i]
	}
}

// reset sets what is at or below path to the parent's; false: it was already.
func (s *space) reset(values, parent []float64, path string) bool {
	changed := false
	for i, p := range s.parameters {
		named := below(p.Path, path)
		if other := alias[path]; other != "" {
			named = strings.HasSuffix(p.Path, other)
		}
		if named && values[i] != parent[i] {
			values[i], changed = parent[i], true
		}
	}
	return changed
}

// simulated is a policy as a cluster to simulate.
func (s *space) simulated(c spec.Cluster) (simulate.Cluster, error) {
	env := s.environment
	env.Clusters = map[string]spec.Cluster{s.cluster: c}
	cluster, err := environment.FromSpec(env, s.cluster, s.prices)
	if err != nil {
		return simulate.Cluster{}, fmt.Errorf("candidate: %w", err)
	}
	return cluster, nil
}

// key tells values apart.
func (s *space) key(values []float64) string {
	var b strings.Builder
	for _, i := range s.free {
		v := math.Float64bits(values[i])
		for shift := 0; shift < 64; shift += 8 {
			b.WriteByte(byte(v >> shift))
		}
	}
	return b.String()
}

// changed counts what differs from the present.
func (s *space) changed(values []float64) int {
	n := 0
	for i := range values {
		if values[i] != s.start[i] {
			n++
		}
	}
	return n
}
