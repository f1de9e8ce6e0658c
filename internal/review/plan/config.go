package plan

import (
	"slices"
	"strings"
)

// config is what a plan's configuration says about references: which top-level
// attribute of what names what.
type config struct {
	// resources, calls and outputs are by static address: module.a.aws_lb.b,
	// module.a, module.a.output.
	resources map[string]map[string][]string
	calls     map[string]map[string][]string
	outputs   map[string][]string
}

// maxHops ends a reference that leads from variable to output and never to a resource.
const maxHops = 16

// references follows what an attribute of a resource mentions to resources.
func (c *config) references(module, static, attribute string) []string {
	return c.follow(module, c.resources[join(module, static)][attribute], 0)
}

func (c *config) follow(module string, mentions []string, hops int) []string {
	if hops > maxHops {
		return nil
	}
	var found []string
	for _, mention := range mentions {
		parts := strings.Split(stripKeys(mention), ".")
		switch {
		case len(parts) < 2:
			continue
		case parts[0] == "var":
			parent, _ := cutLastModule(module)
			found = append(found, c.follow(parent, c.calls[module][parts[1]], hops+1)...)
		case parts[0] == "module" && len(parts) > 2:
			child := join(module, "module."+parts[1])
			found = append(found, c.follow(child, c.outputs[join(child, parts[2])], hops+1)...)
		case parts[0] == "data" && len(parts) > 2:
			found = append(found, join(module, strings.Join(parts[:3], ".")))
		case !slices.Contains([]string{"module", "data", "local", "each", "count", "path", "terraform", "self"}, parts[0]):
			found = append(found, join(module, parts[0]+"."+parts[1]))
		}
	}
	slices.Sort(found)
	return slices.Compact(found)
}

// configuration keeps the plan's configuration, and reads the region and all
// references in it.
func (f *file) configuration() error {
	var err error
	if f.plan.Configuration, err = f.raw(); err != nil {
		return err
	}
	return f.within(f.plan.Configuration).references()
}

// references reads what names what.
func (f *file) references() error {
	c := &config{resources: map[string]map[string][]string{}, calls: map[string]map[string][]string{}, outputs: map[string][]string{}}
	f.plan.config = c
	return f.eachMember("configuration", func(field string) error {
		switch field {
		case "provider_config":
			return f.providers()
		case "root_module":
			return f.configModule(c, "")
		}
		return f.SkipValue()
	})
}

// providers takes the region where exactly one is spelled out.
func (f *file) providers() error {
	v, err := f.value()
	all, _ := v.(map[string]any)
	var regions []string
	for _, provider := range all {
		if region, ok := dig(provider, "expressions", "region", "constant_value").(string); ok {
			regions = append(regions, region)
		}
	}
	slices.Sort(regions)
	if regions = slices.Compact(regions); len(regions) == 1 {
		f.plan.Region = regions[0]
	}
	return err
}

func dig(v any, path ...string) any {
	for _, name := range path {
		m, _ := v.(map[string]any)
		v = m[name]
	}
	return v
}

func (f *file) configModule(c *config, module string) error {
	return f.eachMember("a module", func(field string) error {
		switch field {
		case "resources":
			return f.eachItem(field, func() error { return f.configResource(c, module) })
		case "outputs":
			return f.eachMember(field, func(name string) error {
				v, err := f.value()
				c.outputs[join(module, name)] = mentions(dig(v, "expression"), nil)
				return err
			})
		case "module_calls":
			return f.eachMember(field, func(name string) error { return f.configCall(c, join(module, "module."+name)) })
		}
		return f.SkipValue()
	})
}

func (f *file) configCall(c *config, module string) error {
	return f.eachMember("a module call", func(field string) (err error) {
		switch field {
		case "expressions":
			c.calls[module], err = f.expressions()
			return err
		case "module":
			return f.configModule(c, module)
		}
		return f.SkipValue()
	})
}

func (f *file) configResource(c *config, module string) error {
	kind, name, mode := "", "", ""
	var found map[string][]string
	err := f.eachMember("a resource", func(field string) (err error) {
		switch field {
		case "type":
			kind, err = f.scalar()
		case "name":
			name, err = f.scalar()
		case "mode":
			mode, err = f.scalar()
		case "expressions":
			found, err = f.expressions()
		default:
			return f.SkipValue()
		}
		return err
	})
	if mode != "data" && found != nil {
		c.resources[join(module, kind+"."+name)] = found
	}
	return err
}

// expressions reads a block: what each of its attributes mentions.
func (f *file) expressions() (map[string][]string, error) {
	found := map[string][]string{}
	err := f.eachMember("expressions", func(name string) error {
		v, err := f.value()
		found[name] = mentions(v, nil)
		return err
	})
	return found, err
}

// mentions collects the lists "references" of an expression or a nested block.
func mentions(v any, into []string) []string {
	switch v := v.(type) {
	case map[string]any:
		for name, inner := range v {
			list, isList := inner.([]any)
			if name != "references" || !isList {
				into = mentions(inner, into)
				continue
			}
			for _, item := range list {
				if text, ok := item.(string); ok && !slices.Contains(into, text) {
					into = append(into, text)
				}
			}
		}
	case []any:
		for _, inner := range v {
			into = mentions(inner, into)
		}
	}
	slices.Sort(into)
	return into
}

// staticModule is a module's address without instance keys: module.a["x"].module.b
// is module.a.module.b.
func staticModule(address string) string { return stripKeys(address) }

// stripKeys leaves out what stands in brackets. A key in quotes may hold brackets.
func stripKeys(address string) string {
	if !strings.Contains(address, "[") {
		return address
	}
	var b strings.Builder
	inKey, quoted := false, false
	for i := 0; i < len(address); i++ {
		switch ch := address[i]; {
		case quoted && ch == '\\':
			i++
		case inKey && ch == '"':
			quoted = !quoted
		case inKey && ch == ']' && !quoted:
			inKey = false
		case !inKey && ch == '[':
			inKey = true
		case !inKey:
			b.WriteByte(ch)
		}
	}
	return b.String()
}

// cutLastModule splits module.a.module.b into module.a and b.
func cutLastModule(module string) (parent, name string) {
	i := strings.LastIndex(module, "module.")
	if i < 0 {
		return "", ""
	}
	return strings.TrimSuffix(module[:i], "."), module[i+len("module."):]
}
