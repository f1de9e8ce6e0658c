package terraform

import (
	"fmt"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"
)

const (
	// maxTemplate bounds expressions, which the parser reads by recursion, and
	// what they make, which could double from local to local.
	maxTemplate = 1 << 16
	// remotePrefix begins CDKTF's names of references between stacks.
	remotePrefix = "cross-stack-reference-input-"
)

// functions are those that a configuration of groups may call.
func functions() map[string]function.Function {
	return map[string]function.Function{
		"ceil": stdlib.CeilFunc, "coalesce": stdlib.CoalesceFunc, "concat": stdlib.ConcatFunc, "contains": stdlib.ContainsFunc,
		"element": stdlib.ElementFunc, "floor": stdlib.FloorFunc, "format": stdlib.FormatFunc, "join": stdlib.JoinFunc,
		"jsondecode": stdlib.JSONDecodeFunc, "keys": stdlib.KeysFunc, "length": stdlib.LengthFunc, "lookup": stdlib.LookupFunc,
		"lower": stdlib.LowerFunc, "max": stdlib.MaxFunc, "merge": stdlib.MergeFunc, "min": stdlib.MinFunc,
		"replace": stdlib.ReplaceFunc, "split": stdlib.SplitFunc, "tolist": stdlib.MakeToFunc(cty.List(cty.DynamicPseudoType)),
		"tonumber": stdlib.MakeToFunc(cty.Number), "toset": stdlib.MakeToFunc(cty.Set(cty.DynamicPseudoType)),
		"tostring": stdlib.MakeToFunc(cty.String), "tomap": stdlib.MakeToFunc(cty.Map(cty.DynamicPseudoType)),
		"trimprefix": stdlib.TrimPrefixFunc, "trimsuffix": stdlib.TrimSuffixFunc, "upper": stdlib.UpperFunc, "values": stdlib.ValuesFunc,
	}
}

// evaluate returns what JSON stands for, with every template in it evaluated.
func (s *stack) evaluate(v any, in scope) any {
	switch v := v.(type) {
	case string:
		return s.template(v, in)
	case []any:
		out := make([]any, len(v))
		for i, item := range v {
			out[i] = s.evaluate(item, in)
		}
		return out
	case map[string]any:
		out := make(map[string]any, len(v))
		for name, item := range v {
			out[name] = s.evaluate(item, in)
		}
		return out
	}
	return v
}

func (s *stack) template(text string, in scope) any {
	if !strings.Contains(text, "${") && !strings.Contains(text, "%{") {
		return text
	}
	if len(text) > maxTemplate {
		return unknown{text: "an expression that is too long"}
	}
	expression, diags := hclsyntax.ParseTemplate([]byte(text), "", hcl.InitialPos)
	if diags.HasErrors() {
		return unknown{text: clip(text) + ", which is no expression: " + diags[0].Summary}
	}
	value, diags := expression.Value(&hcl.EvalContext{Variables: s.scopeOf(expression, in), Functions: functions()})
	if diags.HasErrors() {
		return unknown{text: fmt.Sprintf("%s, which cannot be evaluated: %s", clip(text), diags[0].Detail)}
	}
	return s.fromCty(value, clip(text))
}

// scopeOf gives an expression's variables just the parts that it mentions: all
// of a resource would make cycles of what has none.
func (s *stack) scopeOf(expression hclsyntax.Expression, in scope) map[string]cty.Value {
	tree := map[string]any{}
	for _, traversal := range expression.Variables() {
		path := names(traversal)
		s.mention(tree, path, traversal, in)
	}
	variables := map[string]cty.Value{}
	for root, value := range tree {
		variables[root] = toCty(value)
	}
	return variables
}

// names are the attribute names that a traversal begins with.
func names(traversal hcl.Traversal) []string {
	var path []string
	for _, step := range traversal {
		switch step := step.(type) {
		case hcl.TraverseRoot:
			path = append(path, step.Name)
		case hcl.TraverseAttr:
			path = append(path, step.Name)
		default:
			return path
		}
	}
	return path
}

func (s *stack) mention(tree map[string]any, path []string, traversal hcl.Traversal, in scope) {
	if len(path) < 2 {
		if len(path) == 1 {
			tree[path[0]] = unknown{text: path[0]}
		}
		return
	}
	switch path[0] {
	case "var", "local", "each", "count":
		put(tree, path[:2], s.named(path[0], path[1], in))
	case "data":
		s.mentionData(tree, path)
	case "module", "path", "terraform", "self":
		put(tree, path[:2], unknown{text: strings.Join(path, ".")})
	default:
		s.mentionResource(tree, path, traversal)
	}
}

func (s *stack) named(root, name string, in scope) any {
	text := root + "." + name
	switch {
	case root == "each" && name == "key" && in.key != nil:
		return in.key
	case root == "each" && name == "value" && in.key != nil:
		return in.value
	case root == "count" && in.count != nil:
		return in.count
	case root == "local":
		if v, declared := s.Locals[name]; declared {
			return s.once(text, func() any { return s.evaluate(v, scope{}) })
		}
	case root == "var":
		if v, given := s.variables[name]; given {
			return v
		}
		if v, declared := s.Variable[name]["default"]; declared {
			return v
		}
		return unknown{text: text + ", which has no default"}
	}
	return unknown{text: text}
}

// mentionData resolves what other stacks that were read put out.
func (s *stack) mentionData(tree map[string]any, path []string) {
	if len(path) < 3 {
		tree["data"] = unknown{text: strings.Join(path, ".")}
		return
	}
	other := s.others[strings.TrimPrefix(path[2], remotePrefix)]
	if path[1] == "terraform_remote_state" && len(path) > 4 && path[3] == "outputs" && other != nil {
		if output, declared := other.Output[path[4]]; declared {
			put(tree, path[:5], other.once("output."+path[4], func() any { return other.evaluate(output["value"], scope{}) }))
			return
		}
	}
	put(tree, path, unknown{text: strings.Join(path, ".")})
}

// mentionResource gives one argument of a resource, or all that are declared
// where the expression takes the resource as a whole.
func (s *stack) mentionResource(tree map[string]any, path []string, traversal hcl.Traversal) {
	all := s.instances[path[0]+"."+path[1]]
	arguments := s.Resource[path[0]][path[1]]
	if arguments == nil {
		put(tree, path[:2], unknown{text: strings.Join(path[:2], ".") + ", which is not declared"})
		return
	}
	_, counted := arguments["count"]
	_, each := arguments["for_each"]
	if !counted && !each {
		wanted := []string{"arn", "id", "name"}
		if len(path) > 2 {
			wanted = path[2:3]
		}
		for _, r := range all {
			for _, name := range wanted {
				put(tree, []string{path[0], path[1], name}, r.attribute(name))
			}
		}
		return
	}
	// Which attribute follows the index, the traversal tells; where the index
	// is an expression it does not.
	wanted := []string{"arn", "id", "name"}
	for _, step := range traversal {
		if attribute, ok := step.(hcl.TraverseAttr); ok {
			wanted = append(wanted, attribute.Name)
		}
	}
	list, byKey := []any{}, map[string]any{}
	for _, r := range all {
		object := map[string]any{}
		for _, name := range wanted {
			object[name] = r.attribute(name)
		}
		list = append(list, object)
		if key, ok := r.index.(string); ok {
			byKey[key] = object
		}
	}
	if each {
		put(tree, path[:2], byKey)
	} else {
		put(tree, path[:2], list)
	}
}

// attribute is an argument, or what only the provider will know.
func (r *resource) attribute(name string) any {
	if v := r.get(name); v != nil {
		return v
	}
	return unknown{from: []*resource{r}, text: r.address + "." + name}
}

// put places a value in a tree, unless something stands there already.
func put(tree map[string]any, path []string, value any) {
	for _, name := range path[:len(path)-1] {
		next, ok := tree[name].(map[string]any)
		if !ok {
			if _, taken := tree[name]; taken {
				return
			}
			next = map[string]any{}
			tree[name] = next
		}
		tree = next
	}
	if _, taken := tree[path[len(path)-1]]; !taken {
		tree[path[len(path)-1]] = value
	}
}
