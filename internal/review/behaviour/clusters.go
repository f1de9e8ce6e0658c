package behaviour

import (
	"slices"

	"github.com/tandem-iac/tandem/internal/review/diff"
	"github.com/tandem-iac/tandem/internal/review/plan"
	"github.com/tandem-iac/tandem/simulate/catalog"
	"github.com/tandem-iac/tandem/simulate/terraform"
)

// clusters finds those before and after.
func clusters(p *plan.Plan, cfg Config) (before, after []terraform.Cluster, err error) {
	// A policy whose alarm goes is what a reader wants to see simulated.
	config := terraform.Config{Catalog: catalog.Catalog{List: cfg.Prices}, Region: p.Region, Idle: true}
	for _, side := range []struct {
		into   *[]terraform.Cluster
		dir    string
		values func(*plan.Change) map[string]any
	}{
		{&before, p.BaseDir, diff.Before},
		{&after, p.HeadDir, func(c *plan.Change) map[string]any { return c.After }},
	} {
		resources := resources(p, side.values)
		switch {
		case !slices.ContainsFunc(resources, func(r terraform.Resource) bool { return r.Type == "aws_autoscaling_group" }):
			continue // no group, no cluster
		case p.Kind == plan.KindConfiguration:
			*side.into, err = terraform.Read(side.dir, config) // which evaluates expressions
		default:
			parts := terraform.Parts{Resources: resources, Configuration: p.Configuration, Variables: p.Variables}
			*side.into, err = terraform.Assemble(p.Name, parts, config)
		}
		if err != nil {
			return nil, nil, err
		}
	}
	return before, after, nil
}

// unread are the addresses whose state was not read back in full.
func unread(p *plan.Plan) map[string]bool {
	found := map[string]bool{}
	for _, c := range p.Changes {
		if diff.Unread(c) {
			found[c.Address] = true
		}
	}
	return found
}

// resources are those that clusters depend on, with the values that of returns;
// nil: not there at that time.
func resources(p *plan.Plan, of func(*plan.Change) map[string]any) (list []terraform.Resource) {
	for _, c := range p.Changes {
		values := of(c)
		if values == nil || c.Deposed != "" || !terraform.Reads(c.Type) {
			continue
		}
		r := terraform.Resource{Address: c.Address, Type: c.Type, Name: c.Name(), Module: c.Module, Values: map[string]any{}}
		for name, v := range values {
			r.Values[name] = open(v)
		}
		list = append(list, r)
	}
	return list
}

// open is a value in the simulator's terms. What is sensitive it cannot know.
func open(v any) any {
	switch v := v.(type) {
	case plan.Unknown, plan.Sensitive:
		return terraform.Unknown{}
	case []any:
		out := make([]any, len(v))
		for i, item := range v {
			out[i] = open(item)
		}
		return out
	case map[string]any:
		out := make(map[string]any, len(v))
		for name, item := range v {
			out[name] = open(item)
		}
		return out
	}
	return v
}
