package plan

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	tfjson "github.com/hashicorp/terraform-json"
)

// shapeError is JSON of another shape than Terraform's.
type shapeError struct{ message string }

func (e shapeError) Error() string { return e.message }

// eachItem reads a list and has visit read each of its items. Null is empty.
func (d *decoder) eachItem(at string, visit func() error) error {
	switch kind := d.PeekKind(); kind {
	case 'n':
		return d.SkipValue()
	case '[':
	case 0: // what is wrong with it
		_, err := d.ReadToken()
		return err
	default:
		return shapeError{at + " is not a list"}
	}
	if _, err := d.ReadToken(); err != nil {
		return err
	}
	for d.PeekKind() != ']' {
		if err := visit(); err != nil {
			return err
		}
	}
	_, err := d.ReadToken()
	return err
}

// eachMember is eachField for what should be an object. Null is empty.
func (d *decoder) eachMember(at string, visit func(name string) error) error {
	switch kind := d.PeekKind(); kind {
	case 'n':
		return d.SkipValue()
	case '{':
		return d.eachField(visit)
	case 0:
		_, err := d.ReadToken()
		return err
	}
	return shapeError{at + " is not an object"}
}

func (f *file) changes() error {
	return f.eachItem("resource_changes", func() error {
		c, managed, err := f.change()
		if err == nil && managed {
			f.plan.Changes = append(f.plan.Changes, c)
		}
		return err
	})
}

// change reads one entry of resource_changes. managed is false for data sources.
func (f *file) change() (c *Change, managed bool, err error) {
	c = &Change{}
	mode, name := "", ""
	fields := map[string]*string{
		"address": &c.Address, "previous_address": &c.Previous, "type": &c.Type, "deposed": &c.Deposed,
		"mode": &mode, "module_address": &c.Module, "name": &name, "action_reason": &c.Reason,
	}
	err = f.eachMember("resource_changes", func(field string) (err error) {
		if into := fields[field]; into != nil {
			*into, err = f.scalar()
			return err
		}
		if field == "change" {
			return f.difference(c)
		}
		return f.SkipValue()
	})
	if err != nil {
		return nil, false, err
	}
	if c.Address == "" || c.Type == "" {
		return nil, false, shapeError{"a resource change has no address or no type"}
	}
	if c.Actions == nil {
		return nil, false, shapeError{c.Address + " has no actions"}
	}
	c.module, c.static = staticModule(c.Module), c.Type+"."+name
	return c, mode != string(tfjson.DataResourceMode), nil
}

// difference reads the field "change" of a resource change.
func (f *file) difference(c *Change) error {
	raw := map[string]any{}
	var actions []string
	err := f.eachMember("change", func(field string) (err error) {
		switch field {
		case "before", "after", "after_unknown", "before_sensitive", "after_sensitive", "replace_paths":
			if field == "after" && slices.Equal(actions, []string{"no-op"}) && raw["before"] != nil {
				return f.SkipValue() // the same again
			}
			raw[field], err = f.value()
		case "actions":
			err = f.eachItem(field, func() error {
				action, err := f.scalar()
				actions = append(actions, action)
				return err
			})
		case "importing":
			c.Imported = f.PeekKind() == '{'
			return f.SkipValue()
		default:
			return f.SkipValue()
		}
		return err
	})
	if err != nil {
		return err
	}
	for _, action := range actions {
		c.Actions = append(c.Actions, tfjson.Action(action))
	}
	c.Replace = paths(raw["replace_paths"])
	return f.fill(c, raw)
}

// fill marks what is unknown and sensitive in the values.
func (f *file) fill(c *Change, raw map[string]any) error {
	// What is sensitive on one side may be the same on the other.
	conceal := func(v any) any {
		return mark(mark(v, raw["before_sensitive"], hide(f.seed)), raw["after_sensitive"], hide(f.seed))
	}
	before, after := raw["before"], raw["after"]
	if before == nil && c.Actions.NoOp() {
		before = after
	}
	var err error
	if !c.Actions.Create() {
		c.Before, err = attributes(conceal(before))
	}
	switch {
	case err != nil:
	case c.Actions.NoOp():
		c.After = c.Before
	case !c.Actions.Delete() && !c.Actions.Forget():
		c.After, err = attributes(conceal(mark(after, raw["after_unknown"], unknown)))
	}
	if err != nil {
		return fmt.Errorf("%s: %w", c.Address, err)
	}
	return nil
}

// attributes takes what a resource holds; all of it may be sensitive, or
// nothing is set.
func attributes(v any) (map[string]any, error) {
	switch v := v.(type) {
	case nil:
		return map[string]any{}, nil
	case map[string]any:
		return v, nil
	case Sensitive, Unknown:
		return map[string]any{"(all)": v}, nil
	}
	return nil, shapeError{"its attributes are not an object"}
}

// paths turns Terraform's lists of steps into dotted paths.
func paths(v any) []string {
	var out []string
	list, _ := v.([]any)
	for _, item := range list {
		steps, _ := item.([]any)
		var b strings.Builder
		for i, step := range steps {
			switch s := step.(type) {
			case string:
				if i > 0 {
					b.WriteByte('.')
				}
				b.WriteString(s)
			case float64:
				fmt.Fprintf(&b, "[%s]", strconv.FormatFloat(s, 'f', -1, 64))
			}
		}
		out = append(out, b.String())
	}
	return out
}

// outputs collects the names of outputs that change; their values may be secret
// and are of no use to a reader.
func (f *file) outputs() error {
	return f.eachMember("output_changes", func(name string) error {
		v, err := f.value()
		if err != nil {
			return err
		}
		change, _ := v.(map[string]any)
		actions, _ := change["actions"].([]any)
		if len(actions) > 0 && actions[0] != "no-op" {
			f.plan.Outputs = append(f.plan.Outputs, name)
		}
		return nil
	})
}

// checks notes those that failed: https://developer.hashicorp.com/terraform/language/checks
func (f *file) checks() error {
	return f.eachItem("checks", func() error {
		v, err := f.value()
		if err != nil {
			return err
		}
		item, _ := v.(map[string]any)
		address, _ := item["address"].(map[string]any)
		if status := item["status"]; status == "fail" || status == "error" {
			f.plan.Notes = append(f.plan.Notes, fmt.Sprintf("The configuration's own check %v fails.", address["to_display"]))
		}
		return nil
	})
}
