// Package check holds the faults that validation finds: one FieldError a
// fault, collected in Errors so that a reader sees them all at once.
package check

import (
	"errors"
	"fmt"
	"slices"
	"sort"
	"strconv"
	"strings"
)

// FieldError says which field is wrong, what it holds and what it may hold.
type FieldError struct {
	// File, Line and Column place the fault in its source, counted from 1.
	// A zero Line means the value was not read from a file.
	File         string
	Line, Column int
	// Path is the field as its author wrote it: clusters.web.spot.max_price.
	Path string
	// Value is the offending value, ready to print. Empty: the field is unset.
	Value string
	// Want is the rule in the reader's terms: "1..4000", "one of a, b".
	Want string
}

// Error renders "file:line:column: path is VALUE, want RULE".
func (e *FieldError) Error() string {
	var b strings.Builder
	switch {
	case e.Line > 0:
		fmt.Fprintf(&b, "%s:%d:%d: ", e.File, e.Line, e.Column)
	case e.File != "":
		fmt.Fprintf(&b, "%s: ", e.File)
	}
	value := e.Value
	if value == "" {
		value = "unset"
	}
	fmt.Fprintf(&b, "%s is %s, want %s", e.Path, value, e.Want)
	return b.String()
}

// Errors are all the faults of one input. The zero value has none.
type Errors []*FieldError

// Error puts one fault on each line.
func (es Errors) Error() string {
	lines := make([]string, len(es))
	for i, e := range es {
		lines[i] = e.Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap lets errors.As find a single *FieldError.
func (es Errors) Unwrap() []error {
	errs := make([]error, len(es))
	for i, e := range es {
		errs[i] = e
	}
	return errs
}

// Add collects a fault of the field at path.
func (es *Errors) Add(path, value, want string) {
	*es = append(*es, &FieldError{Path: path, Value: value, Want: want})
}

// Require collects a fault unless the rule holds. State the good condition,
// so that NaN fails it.
func (es *Errors) Require(holds bool, path, value, want string) {
	if !holds {
		es.Add(path, value, want)
	}
}

// Err is nil when there is no fault; else the faults ordered by place, then
// by path.
func (es Errors) Err() error {
	if len(es) == 0 {
		return nil
	}
	sort.SliceStable(es, func(i, j int) bool {
		a, b := es[i], es[j]
		if a.Line != b.Line {
			return a.Line < b.Line
		}
		if a.Column != b.Column {
			return a.Column < b.Column
		}
		return a.Path < b.Path
	})
	return es
}

// Join extends a path by a field name; an empty parent is the root.
func Join(parent, field string) string {
	if parent == "" {
		return field
	}
	return parent + "." + field
}

// Index extends a path by a list position, counted from 0.
func Index(parent string, i int) string {
	return parent + "[" + strconv.Itoa(i) + "]"
}

// Merge makes one Errors of those that several validations returned, or nil.
// What two of them say alike is said once. An error of another type comes back
// joined with the rest.
func Merge(errs ...error) error {
	var all Errors
	for _, err := range errs {
		var faults Errors
		if errors.As(err, &faults) {
			for _, fault := range faults {
				alike := func(other *FieldError) bool { return *other == *fault }
				if !slices.ContainsFunc(all, alike) {
					all = append(all, fault)
				}
			}
		} else if err != nil {
			return errors.Join(errs...)
		}
	}
	return all.Err()
}
