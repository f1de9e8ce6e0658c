package spec

import (
	"slices"

	"github.com/tandem-iac/tandem/internal/check"
)

// relations collects faults of the rules between fields.
type relations []relation

// relation is a fault of one field with the paths of the others that its rule
// reads: while one of them is broken by itself, the field may be right.
type relation struct {
	*check.FieldError
	others []string
}

// Add collects a fault of the field at path, measured by those at others.
func (rs *relations) Add(path, value, want string, others ...string) {
	*rs = append(*rs, relation{&check.FieldError{Path: path, Value: value, Want: want}, others})
}

// Require is Add unless the rule holds. State the good condition, so that NaN
// fails it.
func (rs *relations) Require(holds bool, path, value, want string, others ...string) {
	if !holds {
		rs.Add(path, value, want, others...)
	}
}

// joined adds to the faults that tags tell those between fields. It leaves out
// what broken tells of already: faults below a broken path, and relations to
// one. How a value that is broken by itself relates to others is of no interest.
func joined(tags check.Errors, rules relations, broken func(path string) bool) (faults check.Errors) {
	told := map[string]bool{}
	for _, f := range tags {
		told[f.Path] = true
		if !broken(f.Path) {
			faults = append(faults, f)
		}
	}
	unsound := func(path string) bool { return told[path] || broken(path) }
	for _, r := range rules {
		if !unsound(r.Path) && !slices.ContainsFunc(r.others, unsound) {
			faults = append(faults, r.FieldError)
		}
	}
	return faults
}

// nothingBroken is joined's argument where no file has been read.
func nothingBroken(string) bool { return false }
