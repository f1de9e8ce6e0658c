// Package inventory is all resources of a plan at one time, before or after,
// with the links between them: by id, ARN or name where those are known, by
// reference in the configuration where they are not.
//
//	New → Set ── Of, Linked ──> Resource ── Text, Number, Off ──> attributes
package inventory

import (
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/tandem-iac/tandem/internal/review/diff"
	"github.com/tandem-iac/tandem/internal/review/plan"
)

// Set is all resources at one time.
type Set struct {
	plan     *plan.Plan
	byType   map[string][]*Resource
	byKey    map[string]*Resource
	byStatic map[string][]*Resource
	// byModule has those of one module instance, and byAddress each by itself.
	byModule  map[string][]*Resource
	byAddress map[string]*Resource
	links     map[link][]*Resource
}

// New arranges the resources that are there before or after the plan. One whose
// state was not read back in full has before what it will have instead.
func New(p *plan.Plan, after bool) *Set {
	s := &Set{plan: p, byType: map[string][]*Resource{}, byKey: map[string]*Resource{},
		byStatic: map[string][]*Resource{}, byModule: map[string][]*Resource{}, byAddress: map[string]*Resource{}, links: map[link][]*Resource{}}
	for _, c := range p.Changes {
		r := &Resource{Change: c, Values: c.Before, set: s}
		switch {
		case c.Deposed != "":
			continue
		case after:
			r.Values = c.After
		case diff.Unread(c):
			r.Values, r.Unread = diff.Before(c), true
		}
		if r.Values != nil {
			s.add(r)
		}
	}
	return s
}

// keys are the attributes by which other resources name one.
var keys = []string{"id", "arn", "name", "bucket", "domain_name"}

func (s *Set) add(r *Resource) {
	s.byType[r.Type] = append(s.byType[r.Type], r)
	static := r.Static()
	s.byStatic[static] = append(s.byStatic[static], r)
	s.byModule[r.Module+" "+static] = append(s.byModule[r.Module+" "+static], r)
	s.byAddress[r.Address] = r
	for _, key := range keys {
		if text, ok := r.Values[key].(string); ok {
			s.byKey[r.Type+" "+text] = r
		}
	}
}

// Of returns the resources of the types.
func (s *Set) Of(types ...string) []*Resource {
	if len(types) == 1 {
		return s.byType[types[0]]
	}
	var all []*Resource
	for _, t := range types {
		all = append(all, s.byType[t]...)
	}
	return all
}

// Has says whether a resource is there at this time.
func (s *Set) Has(r *Resource) bool { return s.byAddress[r.Address] != nil }

// Types returns the types that there are, sorted.
func (s *Set) Types() []string { return slices.Sorted(maps.Keys(s.byType)) }

// At returns the resource at an address, or nil.
func (s *Set) At(address string) *Resource { return s.byAddress[address] }

// link is a question that Linked has answered.
type link struct {
	from        *Resource
	path, types string
}

// Linked returns the resources of a type that an attribute of r names: by id,
// ARN or name where they are known, by reference where they are not. Path is
// dotted; references are known for its first part.
func (s *Set) Linked(r *Resource, path string, types ...string) []*Resource {
	question := link{r, path, strings.Join(types, " ")}
	found, known := s.links[question]
	if !known {
		found = s.follow(r, path, types)
		s.links[question] = found
	}
	return found
}

func (s *Set) follow(r *Resource, path string, types []string) []*Resource {
	var found []*Resource
	add := func(target *Resource) {
		if !slices.Contains(found, target) {
			found = append(found, target)
		}
	}
	value := r.Get(path)
	for _, text := range Texts(value, nil) {
		for _, t := range types {
			if target := s.byKey[t+" "+text]; target != nil {
				add(target)
			}
		}
		for _, address := range addresses(text) {
			for _, target := range s.byStatic[address] {
				if slices.Contains(types, target.Type) {
					add(target)
				}
			}
		}
	}
	if len(found) > 0 || !Unsure(value) {
		return found
	}
	top, _, _ := strings.Cut(path, ".")
	for _, address := range s.plan.References(r.Change, top) {
		for _, target := range s.sameInstance(r, address) {
			if slices.Contains(types, target.Type) {
				add(target)
			}
		}
	}
	return found
}

// Unsure says that a value or part of it is known only after the apply.
func Unsure(v any) bool {
	switch v := v.(type) {
	case plan.Unknown, plan.Sensitive:
		return true
	case []any:
		return slices.ContainsFunc(v, Unsure)
	case map[string]any:
		for _, inner := range v {
			if Unsure(inner) {
				return true
			}
		}
	}
	return false
}

// sameInstance returns the resources of a static address in the module instance
// of r, or all if there are none: one instance of a module refers to its own.
func (s *Set) sameInstance(r *Resource, address string) []*Resource {
	if own := s.byModule[r.Module+" "+address]; len(own) > 0 {
		return own
	}
	return s.byStatic[address]
}

// Texts collects the strings in a value.
func Texts(v any, into []string) []string {
	switch v := v.(type) {
	case string:
		into = append(into, v)
	case []any:
		for _, inner := range v {
			into = Texts(inner, into)
		}
	case map[string]any:
		for _, inner := range v {
			into = Texts(inner, into)
		}
	}
	return into
}

// mention is a resource in an expression, as synthesized configuration has them.
var mention = regexp.MustCompile(`\b(aws_\w+\.[\w-]+)`)

func addresses(text string) []string {
	if !strings.Contains(text, "${") {
		return nil
	}
	return mention.FindAllString(text, -1)
}
