package plan

import tfjson "github.com/hashicorp/terraform-json"

// state reads the field "values" of a state: every resource as a change that
// does nothing.
func (f *file) state() error {
	return f.eachMember("values", func(field string) error {
		if field != "root_module" {
			return f.SkipValue()
		}
		return f.stateModule("")
	})
}

func (f *file) stateModule(module string) error {
	return f.eachMember("a module", func(field string) (err error) {
		switch field {
		case "address":
			module, err = f.scalar()
			return err
		case "resources":
			return f.eachItem(field, func() error { return f.stateResource(module) })
		case "child_modules":
			return f.eachItem(field, func() error { return f.stateModule("") })
		}
		return f.SkipValue()
	})
}

func (f *file) stateResource(module string) error {
	v, err := f.value()
	if err != nil {
		return err
	}
	item, ok := v.(map[string]any)
	text := func(field string) string {
		s, _ := item[field].(string)
		return s
	}
	if !ok || text("address") == "" || text("type") == "" {
		return shapeError{"a resource has no address or no type"}
	}
	if text("mode") == string(tfjson.DataResourceMode) {
		return nil
	}
	c := &Change{
		Address: text("address"), Type: text("type"), Module: module, Deposed: text("deposed_key"), Actions: tfjson.Actions{tfjson.ActionNoop},
		module: staticModule(module), static: text("type") + "." + text("name"),
	}
	if err := f.fill(c, map[string]any{"before": item["values"], "before_sensitive": item["sensitive_values"]}); err != nil {
		return err
	}
	f.plan.Changes = append(f.plan.Changes, c)
	return nil
}
