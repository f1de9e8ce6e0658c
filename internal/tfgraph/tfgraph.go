// Package tfgraph reads the Terraform JSON of a stack and follows its
// references, without a provider: every expression parses, names something
// that is declared, and nothing depends on itself.
package tfgraph

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// Block is the arguments of one resource, data source or output.
type Block map[string]any

// Stack is one stack's Terraform JSON.
type Stack struct {
	// Resources and Data are blocks by type and name.
	Resources map[string]map[string]Block `json:"resource"`
	Data      map[string]map[string]Block `json:"data"`
	// Outputs, Variables and Locals are by name.
	Outputs   map[string]Block `json:"output"`
	Variables map[string]Block `json:"variable"`
	Locals    Block            `json:"locals"`
	// Terraform holds the settings, the backend among them.
	Terraform Block `json:"terraform"`
}

// Load reads a stack from a cdk.tf.json.
func Load(file string) (Stack, error) {
	var s Stack
	data, err := os.ReadFile(file)
	if err != nil {
		return s, err
	}
	if err := json.Unmarshal(data, &s); err != nil {
		return s, fmt.Errorf("%s: %w", file, err)
	}
	return s, nil
}

// Reference is an expression's mention of something else.
type Reference struct {
	// Target is an address: aws_lb.name, data.aws_ami.name, var.name, local.name.
	Target string
	// Path is what follows it: the attribute and so on.
	Path []string
}

// Blocks returns every block of the stack by address; outputs are output.name.
func (s Stack) Blocks() map[string]Block {
	blocks := map[string]Block{}
	for prefix, byType := range map[string]map[string]map[string]Block{"": s.Resources, "data.": s.Data} {
		for kind, byName := range byType {
			for name, block := range byName {
				blocks[prefix+kind+"."+name] = block
			}
		}
	}
	for prefix, byName := range map[string]map[string]Block{"output.": s.Outputs, "var.": s.Variables} {
		for name, block := range byName {
			blocks[prefix+name] = block
		}
	}
	for name, value := range s.Locals {
		blocks["local."+name] = Block{"value": value}
	}
	return blocks
}

// Check returns every expression that does not parse, every reference to what
// is not declared and every cycle. Others are the stacks whose outputs this
// one may read, by name.
func (s Stack) Check(others map[string]Stack) []error {
	var errs []error
	blocks := s.Blocks()
	edges := map[string][]string{}
	for _, address := range slices.Sorted(maps.Keys(blocks)) {
		references, err := References(blocks[address])
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", address, err))
		}
		for _, r := range references {
			if _, declared := blocks[r.Target]; !declared {
				errs = append(errs, fmt.Errorf("%s refers to %s, which is not declared", address, r.Target))
				continue
			}
			edges[address] = append(edges[address], r.Target)
			if err := checkRemote(r, others); err != nil {
				errs = append(errs, fmt.Errorf("%s: %w", address, err))
			}
		}
	}
	if cycle := findCycle(edges); cycle != nil {
		errs = append(errs, fmt.Errorf("cycle: %s", strings.Join(cycle, " -> ")))
	}
	return errs
}

// checkRemote requires that a reference to another stack's state reads an
// output which that stack has.
func checkRemote(r Reference, others map[string]Stack) error {
	name, ok := strings.CutPrefix(r.Target, "data.terraform_remote_state.cross-stack-reference-input-")
	if !ok {
		return nil
	}
	other, known := others[name]
	if !known {
		return fmt.Errorf("reads the state of %s, which is no stack", name)
	}
	if len(r.Path) < 2 || r.Path[0] != "outputs" {
		return fmt.Errorf("reads %s of the state of %s, not an output", r.Path, name)
	}
	if _, has := other.Outputs[r.Path[1]]; !has {
		return fmt.Errorf("reads output %s of %s, which has none of that name", r.Path[1], name)
	}
	return nil
}

// References returns what the expressions in a block mention.
func References(block Block) ([]Reference, error) {
	var found []Reference
	var visit func(path string, value any) error
	visit = func(path string, value any) error {
		switch v := value.(type) {
		case map[string]any:
			for _, key := range slices.Sorted(maps.Keys(v)) {
				// A comment, and names of arguments rather than expressions.
				if key == "//" || path == "" && key == "lifecycle" {
					continue
				}
				if err := visit(path+"."+key, v[key]); err != nil {
					return err
				}
			}
		case []any:
			for _, item := range v {
				if err := visit(path, item); err != nil {
					return err
				}
			}
		case string:
			text := v
			if path == ".depends_on" {
				text = "${" + v + "}"
			}
			references, err := parse(text)
			if err != nil {
				return fmt.Errorf("%s: %w", strings.TrimPrefix(path, "."), err)
			}
			found = append(found, references...)
		}
		return nil
	}
	return found, visit("", map[string]any(block))
}

func parse(text string) ([]Reference, error) {
	expression, diags := hclsyntax.ParseTemplate([]byte(text), "", hcl.InitialPos)
	if diags.HasErrors() {
		return nil, diags
	}
	var references []Reference
	for _, traversal := range expression.Variables() {
		if r, ok := referenceOf(traversal); ok {
			references = append(references, r)
		}
	}
	return references, nil
}

// referenceOf splits a traversal into address and rest; ok is false for what
// Terraform itself provides.
func referenceOf(traversal hcl.Traversal) (Reference, bool) {
	var parts []string
	for _, step := range traversal {
		switch s := step.(type) {
		case hcl.TraverseRoot:
			parts = append(parts, s.Name)
		case hcl.TraverseAttr:
			parts = append(parts, s.Name)
		case hcl.TraverseIndex:
			parts = append(parts, "[]")
		}
	}
	length := 2
	switch parts[0] {
	case "terraform", "path", "each", "count", "self":
		return Reference{}, false
	case "data":
		length = 3
	}
	length = min(length, len(parts))
	return Reference{Target: strings.Join(parts[:length], "."), Path: parts[length:]}, true
}

// findCycle returns the addresses of one cycle, or nil.
func findCycle(edges map[string][]string) []string {
	const visiting, done = 1, 2
	state := map[string]int{}
	var path []string
	var visit func(node string) []string
	visit = func(node string) []string {
		switch state[node] {
		case done:
			return nil
		case visiting:
			return append(slices.Clone(path[slices.Index(path, node):]), node)
		}
		state[node] = visiting
		path = append(path, node)
		for _, next := range edges[node] {
			if cycle := visit(next); cycle != nil {
				return cycle
			}
		}
		path = path[:len(path)-1]
		state[node] = done
		return nil
	}
	for _, node := range slices.Sorted(maps.Keys(edges)) {
		if cycle := visit(node); cycle != nil {
			return cycle
		}
	}
	return nil
}

// Template renders a template for reading: literal text as it will be, each
// reference as <address.path>. A call of one argument is rendered as that
// argument, so that base64encode shows what it encodes.
func Template(text string) (string, error) {
	expression, diags := hclsyntax.ParseTemplate([]byte(text), "", hcl.InitialPos)
	if diags.HasErrors() {
		return "", diags
	}
	return render(expression)
}

func render(expression hclsyntax.Expression) (string, error) {
	switch e := expression.(type) {
	case *hclsyntax.TemplateWrapExpr:
		return render(e.Wrapped)
	case *hclsyntax.TemplateExpr:
		var b strings.Builder
		for _, part := range e.Parts {
			text, err := render(part)
			if err != nil {
				return "", err
			}
			b.WriteString(text)
		}
		return b.String(), nil
	case *hclsyntax.FunctionCallExpr:
		if len(e.Args) == 1 {
			return render(e.Args[0])
		}
	case *hclsyntax.LiteralValueExpr:
		if e.Val.Type() == cty.String {
			return e.Val.AsString(), nil
		}
	case *hclsyntax.ScopeTraversalExpr:
		r, _ := referenceOf(e.Traversal)
		return "<" + strings.Join(append([]string{r.Target}, r.Path...), ".") + ">", nil
	}
	return "", fmt.Errorf("cannot render a %T", expression)
}
