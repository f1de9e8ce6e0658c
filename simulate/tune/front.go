package tune

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// front returns the candidates that no other beats in cost, time above the
// objective and unserved work, the cheapest first. Of equals the one with the
// fewest changes stays.
func front(all []*Candidate) []Candidate {
	sorted := slices.SortedFunc(slices.Values(all), func(a, b *Candidate) int {
		return cmp.Or(cmp.Compare(a.Cost, b.Cost), cmp.Compare(a.OverObjective, b.OverObjective),
			cmp.Compare(a.UnservedPercent, b.UnservedPercent), cmp.Compare(a.changed, b.changed), cmp.Compare(a.id, b.id))
	})
	var kept []Candidate
	for _, c := range sorted {
		// What comes before is no dearer.
		beaten := slices.ContainsFunc(kept, func(k Candidate) bool {
			return k.OverObjective <= c.OverObjective && k.UnservedPercent <= c.UnservedPercent
		})
		if !beaten {
			kept = append(kept, *c)
		}
	}
	return kept
}

// hint names groups of the chosen policy that could not grow any more.
func (r *Result) hint() string {
	var full []string
	for _, g := range []struct {
		path string
		max  int
		most int
	}{
		{"on_demand", r.Chosen.Policy.OnDemand.Max, 0}, {"spot", r.Chosen.Policy.Spot.Max, 1},
	} {
		if r.Chosen.most[g.most] >= g.max {
			full = append(full, fmt.Sprintf("--range %s.max=%d..%d", g.path, g.max, 2*g.max))
		}
	}
	if len(full) == 0 {
		return ""
	}
	return ". A group stood at its maximum: try " + strings.Join(full, " ")
}
