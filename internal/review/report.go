// Package review turns a Terraform plan into what a reader needs to decide: a
// headline, what really changes, what comes of it, what is risky and what it
// costs.
//
//	plan.Plan ── New ──> Report ── render.Markdown, HTML, JSON, Text, SARIF
//	               │
//	               ├─ diff       what changes, without the noise
//	               ├─ rule       what is risky
//	               ├─ spend      what it costs
//	               └─ behaviour  how scaling behaves
package review

import (
	"github.com/tandem-iac/tandem/internal/cost"
	"github.com/tandem-iac/tandem/internal/review/behaviour"
	"github.com/tandem-iac/tandem/internal/review/plan"
	"github.com/tandem-iac/tandem/internal/review/rule"
)

// SchemaVersion is that of Report in JSON. It goes up when a field changes its
// meaning or goes away, not when one is added.
const SchemaVersion = 1

// Report is the review of one or more plans.
type Report struct {
	SchemaVersion int           `json:"schema_version"`
	Severity      rule.Severity `json:"severity"`
	// Headline says why, in one line.
	Headline string  `json:"headline"`
	Stacks   []Stack `json:"stacks"`
}

// Stack is the review of one plan.
type Stack struct {
	// Name is the file's, or the stack's where configuration was compared.
	Name     string        `json:"name"`
	Kind     plan.Kind     `json:"kind"`
	Severity rule.Severity `json:"severity"`
	Headline string        `json:"headline"`
	// Findings are those that the plan brings in, the worst first.
	Findings []Finding `json:"findings"`
	// Existing were there already; they do not count for the severity.
	Existing []Finding `json:"existing"`
	// Accepted are in the baseline or switched off, with the reason.
	Accepted []Finding `json:"accepted"`
	// Counts of the resources whose change matters, by action.
	Counts Counts `json:"counts"`
	// Changes are the resources that change, replaced and destroyed ones first.
	Changes []Change `json:"changes"`
	// Quiet is what was folded away.
	Quiet Quiet `json:"quiet"`
	// Cost is what a month costs before and after. Nil: it cannot be said.
	Cost *Cost `json:"cost,omitempty"`
	// Behaviour is how scaling behaves before and after. Nil: nothing changes
	// that it depends on, or nothing was asked to be simulated.
	Behaviour *behaviour.Behaviour `json:"behaviour,omitempty"`
	// Outputs are the names of those that change.
	Outputs []string `json:"outputs"`
	// Uncovered are the types that no rule and no consequence knows, and how many
	// resources of each.
	Uncovered []TypeCount `json:"uncovered"`
	// Notes are limits of the review, a sentence each.
	Notes []string `json:"notes"`
}

// Finding is a rule that a resource breaks.
type Finding struct {
	Rule     string        `json:"rule"`
	Severity rule.Severity `json:"severity"`
	Title    string        `json:"title"`
	Address  string        `json:"address"`
	Detail   string        `json:"detail"`
	Why      string        `json:"why"`
	Fix      string        `json:"fix"`
	// Reason is why the finding is accepted. Empty: it is not.
	Reason string `json:"reason,omitempty"`
}

// Counts are resources by what happens to them.
type Counts struct {
	Replaced  int `json:"replaced"`
	Destroyed int `json:"destroyed"`
	Changed   int `json:"changed"`
	Created   int `json:"created"`
	// Other are moved, imported and forgotten resources.
	Other int `json:"other"`
}

// Change is a resource that changes.
type Change struct {
	Address string `json:"address"`
	Type    string `json:"type"`
	Group   Group  `json:"group"`
	Action  Action `json:"action"`
	// Previous is the address that the resource is moved from.
	Previous   string      `json:"previous,omitempty"`
	Attributes []Attribute `json:"attributes"`
	// Consequences say what comes of it, a sentence each.
	Consequences []string `json:"consequences"`
	// Summary says what a new resource is.
	Summary string `json:"summary,omitempty"`

	// severity is that of the worst consequence.
	severity rule.Severity
}

// NotRead stands for a value before that the plan does not hold, because the
// provider could not read it back.
const NotRead = "not read back"

// Attribute is what changes in a resource, ready to print.
type Attribute struct {
	Path   string `json:"path"`
	Before string `json:"before,omitempty"`
	After  string `json:"after,omitempty"`
	// Summary replaces values that are too long to show.
	Summary string `json:"summary,omitempty"`
	// Forces says that the resource is replaced because of it.
	Forces bool `json:"forces_replacement,omitempty"`
}

// Quiet is what looks like a change and is none that matters.
type Quiet struct {
	// Tags, Computed and Equivalent count resources in which only that differs.
	Tags       int `json:"tags"`
	Computed   int `json:"computed"`
	Equivalent int `json:"equivalent"`
	// Restated are resources that are written again as they should be already,
	// because the provider could not read them back.
	Restated []Restated `json:"restated"`
}

// Restated is a resource that is written again.
type Restated struct {
	Address    string      `json:"address"`
	Attributes []Attribute `json:"attributes"`
}

// TypeCount is how many resources there are of a type.
type TypeCount struct {
	Type  string `json:"type"`
	Count int    `json:"count"`
}

// Cost is what a month costs before and after.
type Cost struct {
	Before cost.Estimate `json:"before"`
	After  cost.Estimate `json:"after"`
	// Difference is what After costs more.
	Difference cost.Range `json:"difference"`
}
