// Package diff says what changes within a resource, and leaves out what only
// looks like a change: tags, computed values, equivalent documents, and what
// the provider writes again because it cannot read it back.
//
//	plan.Change → Of → Diff{Changed, Restated, Folded}
package diff

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/tandem-iac/tandem/internal/review/plan"
)

// Diff is what differs between before and after.
type Diff struct {
	// Changed are the attributes that really change, those that force a
	// replacement first.
	Changed []Attribute
	// Restated are attributes that the state does not have although a resource
	// of this type cannot be without them: the provider did not read them back,
	// so that the plan sets them again, as it does every time.
	Restated []Attribute
	// Folded counts what is not shown, by reason.
	Folded map[Noise]int
}

// Noise is why a difference is not shown.
type Noise string

const (
	// Tags are tags, tags_all and an Auto Scaling group's tag blocks.
	Tags Noise = "tags"
	// Computed values follow from the rest and are known after the apply.
	Computed Noise = "computed"
	// Equivalent values mean the same: order, quoting, JSON layout.
	Equivalent Noise = "equivalent"
)

// Attribute is a difference in one attribute.
type Attribute struct {
	// Path is dotted; blocks of which there is one have no index.
	Path string
	// Before and After are the values; nil: unset.
	Before, After any
	// Forces says that the resource is replaced because of it.
	Forces bool
	// Summary replaces the two values where they are too long to show.
	Summary string
	// Unread says that Before was not read back: the value may be new.
	Unread bool
}

// decisive are attributes that decide about money, by the last part of their
// paths.
var decisive = []string{"spot_max_price", "on_demand_base_capacity", "on_demand_percentage_above_base_capacity"}

// Unproved are the restated attributes that a reader has to see beside what
// really changes, the bid first: that somebody changed the resource makes it
// likely that they are new. None where nothing else changes.
func (d Diff) Unproved() (list []Attribute) {
	if len(d.Changed) == 0 {
		return nil
	}
	for _, name := range decisive {
		for _, a := range d.Restated {
			if strings.HasSuffix(a.Path, "."+name) {
				list = append(list, a)
			}
		}
	}
	return list
}

// From is the value before, for a reader; a sensitive one is never shown.
func (a Attribute) From() string { return Format(a.Before) }

// To is the value after.
func (a Attribute) To() string {
	if _, secret := a.After.(plan.Sensitive); secret && a.Before != nil {
		return "(sensitive, changed)"
	}
	return Format(a.After)
}

// Of compares a change's before and after. A resource that is created or
// destroyed has no differences.
func Of(p *plan.Plan, c *plan.Change) Diff {
	d := differ{plan: p, change: c, Diff: Diff{Folded: map[Noise]int{}}}
	if c.Before == nil || c.After == nil || c.Actions.NoOp() {
		return d.Diff
	}
	d.unread = unread(c)
	for _, name := range slices.Sorted(maps.Keys(union(c.Before, c.After))) {
		d.top = name
		d.compare(name, c.Before[name], c.After[name])
	}
	slices.SortStableFunc(d.Changed, func(a, b Attribute) int { return rank(a) - rank(b) })
	return d.Diff
}

// Unread says that the state before lacks what a resource of the type cannot be
// without, so that comparing with it proves nothing.
func Unread(c *plan.Change) bool { return c.Before != nil && c.After != nil && unread(c) }

// Before are the attributes before, those that were not read back as they will
// be: what Of takes for restated does not differ between the two.
func Before(c *plan.Change) map[string]any {
	if !Unread(c) {
		return c.Before
	}
	before := maps.Clone(c.Before)
	for name := range union(c.Before, c.After) {
		if !isZero(c.Before[name]) && impossible[c.Type].leftover != name {
			continue
		}
		delete(before, name)
		if v := c.After[name]; v != nil {
			before[name] = v
		}
	}
	return before
}

func rank(a Attribute) int {
	if a.Forces {
		return 0
	}
	return 1
}

type differ struct {
	Diff
	plan   *plan.Plan
	change *plan.Change
	// top is the top-level attribute that is being compared.
	top string
	// unread says that the state lacks what the resource must have.
	unread bool
}

func union(a, b map[string]any) map[string]any {
	all := maps.Clone(a)
	maps.Copy(all, b)
	return all
}

// compare records the differences below path.
func (d *differ) compare(path string, before, after any) {
	if d.fold(path, before, after) {
		return
	}
	switch b := before.(type) {
	case map[string]any:
		if a, ok := after.(map[string]any); ok {
			for _, name := range slices.Sorted(maps.Keys(union(a, b))) {
				d.compare(path+"."+name, b[name], a[name])
			}
			return
		}
	case []any:
		if a, ok := after.([]any); ok && d.lists(path, b, a) {
			return
		}
	case string:
		if a, ok := after.(string); ok && d.documents(path, b, a) {
			return
		}
	}
	d.record(Attribute{Path: path, Before: before, After: after})
}

// fold counts a difference that is none.
func (d *differ) fold(path string, before, after any) bool {
	if identical(before, after) {
		return true
	}
	if isTags(d.change.Type, d.top) {
		d.Folded[Tags]++
		return true
	}
	if _, follows := after.(plan.Unknown); follows && !d.forces(path) && d.computed() {
		d.Folded[Computed]++
		return true
	}
	if equivalent(path, before, after) {
		d.Folded[Equivalent]++
		return true
	}
	return false
}

// computed says that the provider, not the configuration, sets the attribute.
func (d *differ) computed() bool {
	set, known := d.plan.Configured(d.change, d.top)
	return known && !set || !known && d.change.Before[d.top] == nil
}

func (d *differ) forces(path string) bool {
	return slices.ContainsFunc(d.change.Replace, func(forcing string) bool { return undotted(forcing) == undotted(path) })
}

func (d *differ) record(a Attribute) {
	a.Forces = d.forces(a.Path)
	if !a.Forces && d.unread && (isZero(a.Before) || impossible[d.change.Type].leftover == d.top) {
		d.restate(a.Path, a.Before, a.After)
		return
	}
	d.Changed = append(d.Changed, a)
}

// restate records what is set again, each value of a block by itself.
func (d *differ) restate(path string, before, after any) {
	switch v := after.(type) {
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(v)) {
			d.restate(path+"."+name, nil, v[name])
		}
		return
	case []any:
		if len(v) == 1 {
			d.restate(path, before, v[0])
			return
		}
	}
	d.Restated = append(d.Restated, Attribute{Path: path, Before: before, After: after, Unread: true})
}

// lists compares by position where the lengths agree, after taking out what
// both have. It reports false where the lists are better shown as a whole.
func (d *differ) lists(path string, before, after []any) bool {
	if len(before) == 1 && len(after) == 1 && isBlock(before[0]) && isBlock(after[0]) {
		d.compare(path, before[0], after[0])
		return true
	}
	if len(before) != len(after) || !slices.ContainsFunc(before, isBlock) {
		return false
	}
	gone, come := without(before, after), without(after, before)
	if len(gone) != len(come) {
		return false
	}
	for i := range gone {
		index := slices.IndexFunc(before, func(v any) bool { return identical(v, gone[i]) })
		d.compare(path+"["+strconv.Itoa(index)+"]", gone[i], come[i])
	}
	return true
}

func isBlock(v any) bool {
	_, ok := v.(map[string]any)
	return ok
}

// without returns the items of list that other does not have, each as often as
// list has it more.
func without(list, other []any) []any {
	other = slices.Clone(other)
	var left []any
	for _, item := range list {
		if i := slices.IndexFunc(other, func(v any) bool { return identical(v, item) }); i >= 0 {
			other = slices.Delete(other, i, i+1)
			continue
		}
		left = append(left, item)
	}
	return left
}
