package terraform

import (
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	tfjson "github.com/hashicorp/terraform-json"
	"github.com/zclconf/go-cty/cty"
)

// resolver follows a plan's references to resources: through variables to the
// caller of a module, and through outputs into one.
type resolver struct {
	*plan
	found []*resource
	seen  map[string]bool
	// guessed tells that each.value was followed: of all that a for_each
	// mentions, the plan does not say what belongs to which key.
	guessed bool
}

// asker is what holds a reference.
type asker struct {
	// index is what each.key or count.index stands for; nil: neither.
	index any
	// forEach is where each.value comes from.
	forEach *tfjson.Expression
}

// all adds the resources that references in a module lead to. From is who
// has them.
func (s *resolver) all(module string, references []string, from asker) {
	for _, reference := range references {
		if key := module + "|" + reference; !s.seen[key] {
			s.seen[key] = true
			s.one(module, reference, from)
		}
	}
}

func (s *resolver) one(module, reference string, from asker) {
	steps := stepsOf(reference)
	switch {
	case len(steps) < 2:
	case steps[0] == "var":
		call := s.calls[withoutIndices(module)]
		name, _ := steps[1].(string)
		if call != nil && call.Expressions[name] != nil {
			s.all(parent(module), referencesOf(call.Expressions[name]), asker{index: indexOf(module), forEach: call.ForEachExpression})
		}
	case steps[0] == "each" && steps[1] == "value" && from.forEach != nil:
		s.guessed = true
		s.all(module, referencesOf(from.forEach), asker{})
	case steps[0] == "module":
		s.output(module, steps[1:])
	default:
		s.resource(module, steps, from)
	}
}

// output follows module.name[index].output.
func (s *resolver) output(module string, steps []any) {
	name, _ := steps[0].(string)
	inner := join(module, "module."+name)
	child := s.modules[withoutIndices(inner)]
	var index any
	for i, step := range steps[1:] {
		output, isText := step.(string)
		if i == 0 && (!isText || child != nil && child.Outputs[output] == nil) {
			index = step
			continue
		}
		if child == nil || child.Outputs[output] == nil {
			return
		}
		for _, instance := range s.moduleInstances(inner, index) {
			s.all(instance, referencesOf(child.Outputs[output].Expression), asker{})
		}
		return
	}
}

// moduleInstances are the addresses of a module's instances that have
// resources, or the one of that index.
func (s *resolver) moduleInstances(address string, index any) []string {
	var found []string
	seen := map[string]bool{}
	for _, r := range s.resources {
		rest, inside := strings.CutPrefix(r.module+".", address)
		if !inside || rest == "" || rest[0] != '.' && rest[0] != '[' {
			continue
		}
		instance := address
		if rest[0] == '[' {
			end := strings.Index(rest, "].")
			if end < 0 {
				continue
			}
			instance += rest[:end+1]
		}
		if !seen[instance] && (index == nil || indexOf(instance) == index) {
			seen[instance] = true
			found = append(found, instance)
		}
	}
	return found
}

// resource adds the instances of type.name[index] in a module. Without an
// index it is the one of the asker's own index, where there is one, else all of them.
func (s *resolver) resource(module string, steps []any, from asker) {
	kind, _ := steps[0].(string)
	name, _ := steps[1].(string)
	all := s.instances[module+"|"+kind+"."+name]
	if len(steps) > 2 && s.addIndex(all, steps[2]) {
		return
	}
	if from.index != nil && len(all) > 1 && s.addIndex(all, from.index) {
		return
	}
	// A reference to one instance comes with a shorter one, to all of them.
	if slices.ContainsFunc(s.found, func(f *resource) bool { return slices.Contains(all, f) }) {
		return
	}
	for _, r := range all {
		s.add(r)
	}
}

// addIndex adds the instance of an index, if there is one.
func (s *resolver) addIndex(all []*resource, index any) bool {
	for _, r := range all {
		if r.index != nil && r.index == index {
			s.add(r)
			return true
		}
	}
	return false
}

func (s *resolver) add(r *resource) {
	if !slices.Contains(s.found, r) {
		s.found = append(s.found, r)
	}
}

// stepsOf splits a reference at its dots and indices: numbers are float64.
func stepsOf(reference string) []any {
	traversal, diags := hclsyntax.ParseTraversalAbs([]byte(reference), "", hcl.InitialPos)
	if diags.HasErrors() {
		return nil
	}
	var steps []any
	for _, step := range traversal {
		switch step := step.(type) {
		case hcl.TraverseRoot:
			steps = append(steps, step.Name)
		case hcl.TraverseAttr:
			steps = append(steps, step.Name)
		case hcl.TraverseIndex:
			if step.Key.Type() == cty.String {
				steps = append(steps, step.Key.AsString())
				continue
			}
			f, _ := step.Key.AsBigFloat().Float64()
			steps = append(steps, f)
		}
	}
	return steps
}

// parent is the address of the module that calls one.
func parent(module string) string {
	i := strings.LastIndex(module, "module.")
	// An index may hold the same word: what is before it then has an open quote.
	for i > 0 && strings.Count(module[:i], `"`)%2 == 1 {
		i = strings.LastIndex(module[:i], "module.")
	}
	return strings.TrimSuffix(module[:max(0, i)], ".")
}

// indexOf is the index that an address ends in, nil if it has none.
func indexOf(module string) any {
	if !strings.HasSuffix(module, "]") {
		return nil
	}
	steps := stepsOf(module)
	if len(steps) == 0 {
		return nil
	}
	return steps[len(steps)-1]
}

// referencesOf are all references of an expression, those of nested blocks too.
func referencesOf(e *tfjson.Expression) []string {
	if e == nil || e.ExpressionData == nil {
		return nil
	}
	references := e.References
	for _, nested := range e.NestedBlocks {
		for _, inner := range nested {
			references = append(references, referencesOf(inner)...)
		}
	}
	return references
}
