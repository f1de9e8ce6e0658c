package spec

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/tandem-iac/tandem/internal/check"
	risk "github.com/tandem-iac/tandem/internal/review/rule"
)

// Review says what `tandem review` does not tell of plans of this environment,
// and on what load it simulates them.
type Review struct {
	// Disable are rules that are switched off, each with the reason why.
	// Default: none.
	Disable []DisabledRule `yaml:"disable,omitempty" items:"1..100"`
	// Load is the demand on a cluster on which changes of scaling are
	// simulated: a CSV file, by its path from where tandem runs, shapes, or
	// both, as docs/loads.md has them. Default: seed-day, a preset.
	Load string `yaml:"load,omitempty" format:"load"`
}

// DisabledRule is a rule that is switched off, for all resources or for some.
type DisabledRule struct {
	// Rule is the rule's name, as docs/rules.md has it. Required.
	Rule string `yaml:"rule" required:"true" format:"review_rule"`
	// Address names the resources, with * for any text. Default: all of them.
	Address string `yaml:"address,omitempty" format:"address"`
	// Reason says why, for whoever reads the review. Required.
	Reason string `yaml:"reason" required:"true" format:"reason"`
}

// validate refuses rules that there are not.
func (r Review) validate(faults *relations) {
	known := risk.IDs()
	for i, d := range r.Disable {
		want := cmp.Or(check.Nearest(d.Rule, known), fmt.Sprintf("one of the %d rules in docs/rules.md", len(known)))
		faults.Require(slices.Contains(known, d.Rule), check.Join(check.Index("review.disable", i), "rule"), quote(d.Rule), want)
	}
}
