package terraform

import (
	"encoding/json"
	"slices"

	tfjson "github.com/hashicorp/terraform-json"

	"github.com/tandem-iac/tandem/internal/check"
)

// Parts are those of a plan that somebody else has read: clusters as they are
// before it, or after it, without reading all of a large file again.
type Parts struct {
	// Resources are the managed ones at that time.
	Resources []Resource
	// Configuration and Variables are the plan's, as JSON: references are
	// followed in them. Empty: there are none.
	Configuration, Variables json.RawMessage
}

// Resource is a managed resource of Parts.
type Resource struct {
	// Address is absolute, with keys of instances; Type, Name and Module, which
	// is empty for the root and has keys too, are its parts.
	Address, Type, Name, Module string
	// Values are its attributes as encoding/json reads them. Any of them, at
	// any depth, may be an Unknown.
	Values map[string]any
}

// Unknown stands for a value that is known only after the apply.
type Unknown struct{}

// Reads tells whether a cluster depends on resources of a type.
func Reads(resourceType string) bool {
	return slices.Contains(relevant, resourceType) || resourceType == listenerType
}

// Assemble is Read of a plan's parts; name is printed with faults.
func Assemble(name string, parts Parts, cfg Config) (found []Cluster, err error) {
	defer func() { // as in parse
		if r := recover(); r != nil {
			err = check.InputErrorf("%s: cannot be read: %v", name, r)
		}
	}()
	p := newPlan()
	for _, part := range []struct {
		data json.RawMessage
		into any
	}{{parts.Configuration, &p.Config}, {parts.Variables, &p.Variables}} {
		if len(part.data) == 0 {
			continue
		}
		if err := json.Unmarshal(part.data, part.into); err != nil {
			return nil, check.InputErrorf("%s: %w", name, err)
		}
	}
	if p.Config != nil {
		p.index("", p.Config.RootModule)
	}
	for _, r := range parts.Resources {
		if !Reads(r.Type) {
			continue
		}
		values, mask := apart(r.Values)
		known, _ := values.(map[string]any) // apart keeps a map one
		p.addResource(r.Module, &tfjson.StateResource{Address: r.Address, Type: r.Type, Name: r.Name, Index: indexOf(r.Address), AttributeValues: known}, mask)
	}
	p.document.region = p.region
	return find(name, []*document{p.document}, cfg)
}

// apart separates what is known from a mask of what is not, as a plan has them.
func apart(v any) (known, mask any) {
	switch v := v.(type) {
	case Unknown:
		return nil, true
	case []any:
		values, masks := make([]any, len(v)), make([]any, len(v))
		for i, item := range v {
			values[i], masks[i] = apart(item)
		}
		return values, masks
	case map[string]any:
		values, masks := make(map[string]any, len(v)), map[string]any{}
		for name, item := range v {
			inner, m := apart(item)
			if m != true {
				values[name] = inner
			}
			if m != nil {
				masks[name] = m
			}
		}
		return values, masks
	}
	return v, nil
}
