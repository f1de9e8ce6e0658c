package terraform

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"

	tfjson "github.com/hashicorp/terraform-json"
)

// plan is the JSON of a plan: values where they are known, and for the others
// the references of the configuration.
type plan struct {
	*document
	tfjson.Plan
	modules map[string]*tfjson.ConfigModule   // by address without indices
	calls   map[string]*tfjson.ModuleCall     // by the same
	config  map[string]*tfjson.ConfigResource // by address without indices
	// instances are the resources by module address and type.name.
	instances map[string][]*resource
}

// formats are the versions that are read: those of Terraform 1.x. New minor
// versions only add to them.
// https://developer.hashicorp.com/terraform/internals/json-format#format-summary
var formats = regexp.MustCompile(`^(0\.[12]|1\.\d+)$`)

// checkFormat refuses other versions by name.
func checkFormat(data []byte) error {
	var head struct {
		Format    json.RawMessage `json:"format_version"`
		Terraform string          `json:"terraform_version"`
	}
	if err := json.Unmarshal(data, &head); err != nil {
		return err
	}
	var version string
	if err := json.Unmarshal(head.Format, &version); err != nil || !formats.MatchString(version) {
		return fmt.Errorf("format_version is %s, want 0.1, 0.2 or 1.x, as Terraform 0.12 to 1.x print it", clip(string(head.Format)))
	}
	return nil
}

func newPlan() *plan {
	return &plan{
		document: newDocument(),
		modules:  map[string]*tfjson.ConfigModule{}, calls: map[string]*tfjson.ModuleCall{}, config: map[string]*tfjson.ConfigResource{},
		instances: map[string][]*resource{},
	}
}

func parsePlan(_ string, data []byte) (*document, error) {
	if err := checkFormat(data); err != nil {
		return nil, err
	}
	p := newPlan()
	if err := json.Unmarshal(data, &p.Plan); err != nil {
		return nil, err
	}
	if p.Config != nil {
		p.index("", p.Config.RootModule)
	}
	masks := map[string]any{}
	for _, change := range p.ResourceChanges {
		if change != nil && change.Change != nil && change.DeposedKey == "" {
			masks[change.Address] = change.Change.AfterUnknown
		}
	}
	if p.PlannedValues != nil {
		p.addModule(p.PlannedValues.RootModule, masks)
	}
	p.document.region = p.region
	return p.document, nil
}

// parseState reads the JSON of a state, where all is known.
func parseState(_ string, data []byte) (*document, error) {
	if err := checkFormat(data); err != nil {
		return nil, err
	}
	var state tfjson.State
	if err := json.Unmarshal(data, &state); err != nil {
		return nil, err
	}
	p := plan{document: newDocument(), instances: map[string][]*resource{}}
	if state.Values != nil {
		p.addModule(state.Values.RootModule, nil)
	}
	return p.document, nil
}

// index finds the configuration of modules and resources by address.
func (p *plan) index(address string, module *tfjson.ConfigModule) {
	if module == nil {
		return
	}
	p.modules[address] = module
	for _, r := range module.Resources {
		if r != nil {
			p.config[join(address, r.Type+"."+r.Name)] = r
		}
	}
	for name, call := range module.ModuleCalls {
		if call != nil {
			inner := join(address, "module."+name)
			p.calls[inner] = call
			p.index(inner, call.Module)
		}
	}
}

func join(module, address string) string {
	if module == "" {
		return address
	}
	return module + "." + address
}

func (p *plan) addModule(module *tfjson.StateModule, masks map[string]any) {
	if module == nil {
		return
	}
	for _, planned := range module.Resources {
		if planned != nil && planned.Mode == tfjson.ManagedResourceMode && planned.DeposedKey == "" {
			p.addResource(module.Address, planned, masks[planned.Address])
		}
	}
	for _, child := range module.ChildModules {
		p.addModule(child, masks)
	}
}

func (p *plan) addResource(module string, planned *tfjson.StateResource, mask any) {
	r := &resource{address: planned.Address, kind: planned.Type, name: planned.Name, module: module, index: plain(planned.Index)}
	config := p.config[withoutIndices(join(module, planned.Type+"."+planned.Name))]
	if config != nil {
		r.provider = config.ProviderConfigKey
	}
	unknowns, _ := mask.(map[string]any) // another type: nothing is unknown
	r.get = func(name string) any {
		var expression *tfjson.Expression
		if config != nil {
			expression = config.Expressions[name]
		}
		return p.overlay(r, plain(planned.AttributeValues[name]), unknowns[name], expression)
	}
	p.add(r)
	key := module + "|" + planned.Type + "." + planned.Name
	p.instances[key] = append(p.instances[key], r)
}

// overlay puts unknown where the mask says so. What is unknown and not in the
// configuration the provider will fill in: for us it is not set.
func (p *plan) overlay(r *resource, value, mask any, expression *tfjson.Expression) any {
	switch mask := mask.(type) {
	case bool:
		if !mask {
			return value
		}
		if expression == nil || expression.ExpressionData == nil {
			return nil
		}
		return p.unknown(r, expression)
	case map[string]any:
		if len(mask) == 0 {
			return value
		}
		known, _ := value.(map[string]any) // not there: all of it is unknown
		merged := map[string]any{}
		for name, v := range known {
			merged[name] = v
		}
		for name, m := range mask {
			merged[name] = p.overlay(r, merged[name], m, member(expression, name, 0))
		}
		return merged
	case []any:
		known, isList := value.([]any)
		if !isList && value != nil {
			return value
		}
		merged := append([]any(nil), known...)
		for i, m := range mask {
			if i == len(merged) {
				merged = append(merged, nil)
			}
			merged[i] = p.overlay(r, merged[i], m, element(expression, i))
		}
		return merged
	}
	return value
}

// member is the expression of an argument in a nested block; an expression
// that is no block stands for all in it.
func member(e *tfjson.Expression, name string, i int) *tfjson.Expression {
	if e == nil || e.ExpressionData == nil || len(e.NestedBlocks) == 0 {
		return e
	}
	return e.NestedBlocks[min(i, len(e.NestedBlocks)-1)][name]
}

// element is the expression of a block in a list of them.
func element(e *tfjson.Expression, i int) *tfjson.Expression {
	if e == nil || e.ExpressionData == nil || i >= len(e.NestedBlocks) {
		return e
	}
	return &tfjson.Expression{ExpressionData: &tfjson.ExpressionData{NestedBlocks: e.NestedBlocks[i : i+1]}}
}

func (p *plan) unknown(r *resource, e *tfjson.Expression) any {
	if len(e.References) == 0 && len(e.NestedBlocks) == 0 {
		return nil
	}
	resolver := resolver{plan: p, seen: map[string]bool{}}
	from := asker{index: r.index}
	if config := p.config[withoutIndices(join(r.module, r.kind+"."+r.name))]; config != nil {
		from.forEach = config.ForEachExpression
	}
	resolver.all(r.module, e.References, from)
	text := strings.Join(e.References, ", ")
	if len(e.References) > 0 {
		text = e.References[0]
	}
	return unknown{from: resolver.found, text: text, guessed: resolver.guessed}
}

var index = regexp.MustCompile(`\[(?:[0-9]+|"(?:[^"\\]|\\.)*")\]`)

func withoutIndices(address string) string { return index.ReplaceAllString(address, "") }

// plain makes float64 of every number, as encoding/json does.
func plain(v any) any {
	switch v := v.(type) {
	case json.Number:
		f, err := v.Float64()
		if err != nil {
			return v.String()
		}
		return f
	case int:
		return float64(v)
	case []any:
		out := make([]any, len(v))
		for i, item := range v {
			out[i] = plain(item)
		}
		return out
	case map[string]any:
		out := make(map[string]any, len(v))
		for name, item := range v {
			out[name] = plain(item)
		}
		return out
	}
	return v
}

// region is the constant, or the variable's value, of the resource's provider.
func (p *plan) region(r *resource) string {
	if p.Config == nil {
		return ""
	}
	config := p.Config.ProviderConfigs[r.provider]
	if config == nil {
		config = p.Config.ProviderConfigs["aws"]
	}
	if config == nil || config.Expressions["region"] == nil || config.Expressions["region"].ExpressionData == nil {
		return ""
	}
	e := config.Expressions["region"]
	if text, ok := e.ConstantValue.(string); ok && len(e.References) == 0 {
		return text
	}
	for _, reference := range e.References {
		name, isVariable := strings.CutPrefix(reference, "var.")
		if v := p.Variables[name]; isVariable && v != nil && config.ModuleAddress == "" {
			text, _ := v.Value.(string) // another type: not known
			return text
		}
	}
	return ""
}
