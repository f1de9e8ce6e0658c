package rule_test

import (
	"bytes"
	"encoding/json"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/tandem-iac/tandem/internal/review/plan"
	"github.com/tandem-iac/tandem/internal/review/rule"
)

// object is JSON that patches change.
type object = map[string]any

// patch changes a plan that Terraform made.
type patch func(p object)

// after sets an attribute in what the plan leaves behind.
func after(address, path string, value any) patch {
	return func(p object) {
		c := change(p, address)
		if c["actions"].([]any)[0] == "no-op" {
			c["actions"] = []any{"update"}
		}
		set(c["after"], path, value)
	}
}

// before sets an attribute in what is there now.
func before(address, path string, value any) patch {
	return func(p object) { set(change(p, address)["before"], path, value) }
}

// both sets an attribute before and after.
func both(address, path string, value any) patch {
	return func(p object) {
		before(address, path, value)(p)
		after(address, path, value)(p)
	}
}

// add creates a resource. Values that begin with "ref:" are known after the
// apply, and refer to what follows.
func add(address string, values object) patch {
	return func(p object) {
		kind, name, _ := strings.Cut(address, ".")
		known, unknown, expressions := object{}, object{}, object{}
		for key, v := range values {
			if text, ok := v.(string); ok && strings.HasPrefix(text, "ref:") {
				unknown[key] = true
				expressions[key] = object{"references": []any{strings.TrimPrefix(text, "ref:")}}
				continue
			}
			known[key] = v
			expressions[key] = object{"constant_value": v}
		}
		p["resource_changes"] = append(p["resource_changes"].([]any), object{
			"address": address, "mode": "managed", "type": kind, "name": name,
			"change": object{"actions": []any{"create"}, "before": nil, "after": known, "after_unknown": unknown},
		})
		root := p["configuration"].(object)["root_module"].(object)
		root["resources"] = append(root["resources"].([]any), object{
			"address": address, "mode": "managed", "type": kind, "name": name, "expressions": expressions,
		})
	}
}

// exists has a resource there, which does not change.
func exists(address string, values object) patch {
	return func(p object) {
		add(address, values)(p)
		c := change(p, address)
		c["actions"], c["before"] = []any{"no-op"}, values
	}
}

// later has an attribute be known only after the apply; a resource that is not
// there is created with it.
func later(address, attribute string) patch {
	return func(p object) {
		if !slices.ContainsFunc(p["resource_changes"].([]any), func(r any) bool { return r.(object)["address"] == address }) {
			add(address, object{})(p)
		}
		after(address, attribute, nil)(p)
		c := change(p, address)
		unknown, _ := c["after_unknown"].(object)
		if unknown == nil {
			unknown = object{}
		}
		unknown[attribute] = true
		c["after_unknown"] = unknown
	}
}

// configure has the configuration set an attribute, or not for nil.
func configure(address, attribute string, expression any) patch {
	return func(p object) {
		for _, r := range p["configuration"].(object)["root_module"].(object)["resources"].([]any) {
			if r.(object)["address"] == address {
				set(r.(object)["expressions"], attribute, expression)
				return
			}
		}
		panic("no configuration of " + address)
	}
}

// destroy ends resources.
func destroy(addresses ...string) patch {
	return func(p object) {
		for _, address := range addresses {
			c := change(p, address)
			c["actions"], c["after"], c["after_unknown"] = []any{"delete"}, nil, object{}
		}
	}
}

// replace makes resources anew.
func replace(address string, because ...any) patch {
	return func(p object) {
		c := change(p, address)
		c["actions"], c["replace_paths"] = []any{"delete", "create"}, []any{because}
	}
}

func change(p object, address string) object {
	for _, r := range p["resource_changes"].([]any) {
		if r.(object)["address"] == address {
			return r.(object)["change"].(object)
		}
	}
	panic("no " + address)
}

// set writes at a dotted path, in which numbers are indexes; nil unsets.
func set(v any, path string, value any) {
	name, rest, nested := strings.Cut(path, ".")
	if list, ok := v.([]any); ok {
		i, err := strconv.Atoi(name)
		if err != nil {
			panic(err)
		}
		if nested {
			set(list[i], rest, value)
		} else {
			list[i] = value
		}
		return
	}
	m := v.(object)
	switch {
	case nested:
		set(m[name], rest, value)
	case value == nil:
		delete(m, name)
	default:
		m[name] = value
	}
}

// prices are those of the tests.
func prices(_, instanceType string) (float64, bool) {
	usd, known := map[string]float64{"m4.large": 0.1, "m5.large": 0.096}[instanceType]
	return usd, known
}

// check tries all rules on a plan as patched.
func check(t *testing.T, name string, patches ...patch) (findings []rule.Finding, notes []string) {
	t.Helper()
	data, err := os.ReadFile("../testdata/" + name + ".json")
	if err != nil {
		t.Fatal(err)
	}
	var p object
	if err := json.Unmarshal(data, &p); err != nil {
		t.Fatal(err)
	}
	for _, apply := range patches {
		apply(p)
	}
	if data, err = json.Marshal(p); err != nil {
		t.Fatal(err)
	}
	read, err := plan.Read(name, bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	return rule.NewWorld(read, prices).Check()
}
