// Package plan reads what Terraform is about to do: `terraform show -json` of a
// plan or of a state, or two directories of synthesized configuration.
//
//	Read          a plan or a state, streamed: memory grows with what is kept,
//	              not with the file
//	Configuration base and head of a synthesized stack, compared
//
// Whatever the source, the result is a Plan: one Change for every resource that
// exists before or after, unchanged ones included.
package plan

import (
	"encoding/json"
	"strings"

	tfjson "github.com/hashicorp/terraform-json"
)

// Kind is what a Plan was read from.
type Kind string

const (
	// KindPlan is a plan, as `terraform show -json PLANFILE` prints it.
	KindPlan Kind = "plan"
	// KindState is a state, as `terraform show -json` prints it: nothing changes.
	KindState Kind = "state"
	// KindConfiguration is the comparison of synthesized configuration, which
	// knows neither what exists nor what Terraform would do with it.
	KindConfiguration Kind = "configuration"
)

// Plan is what is about to happen to the resources of one stack.
type Plan struct {
	// Name is the file's, or the stack's where configuration is compared.
	Name string
	// Kind is what was read.
	Kind Kind
	// TerraformVersion is the version that made it, if it says so.
	TerraformVersion string
	// Region is the provider's, where the configuration spells it out.
	Region string
	// Changes has every managed resource before or after, in the file's order.
	Changes []*Change
	// BaseDir and HeadDir are the stack's directories where configuration is
	// compared. Empty: the stack is not there.
	BaseDir, HeadDir string
	// Outputs are those that change, by name.
	Outputs []string
	// Notes are limits of what was read, one sentence each.
	Notes []string
	// Configuration and Variables are the plan's own, as they are in the file,
	// for who follows expressions further than References. They may hold what
	// is sensitive.
	Configuration, Variables json.RawMessage
	// config resolves references. Nil: there is no configuration.
	config *config
}

// Change is what happens to one resource.
type Change struct {
	// Address is Terraform's: module.web.aws_lb.this["a"].
	Address string
	// Previous is the address that the resource is moved from, or empty.
	Previous string
	// Type is the resource type, such as aws_lb.
	Type string
	// Module is the address of the module instance, empty for the root.
	Module string
	// Deposed is the key of an instance that a failed replacement left over.
	Deposed string
	// Actions are Terraform's.
	Actions tfjson.Actions
	// Before and After are the attributes; nil: the resource is not there.
	// What is null, "" or empty is left out, as providers read one for the
	// other. Values may be Unknown or Sensitive.
	Before, After map[string]any
	// Replace are the attributes that force a replacement, as dotted paths.
	Replace []string
	// Reason is Terraform's action_reason, or empty.
	Reason string
	// Imported says that the resource is taken into the state by this plan.
	Imported bool
	// module is the resource's module path without instance keys, static the
	// resource's address in it: what configuration knows it by.
	module, static string
}

// Unknown is a value that is known only after the apply.
type Unknown struct{}

// Sensitive stands for a value that must not be shown. Two are equal if what
// they stand for is.
type Sensitive struct{ sum uint64 }

// References returns the static addresses, such as aws_lb.this or
// module.web.aws_lb.this, that the configuration of the change's resource names
// in a top-level attribute, variables and outputs of modules followed.
func (p *Plan) References(c *Change, attribute string) []string {
	if p.config == nil {
		return nil
	}
	return p.config.references(c.module, c.static, attribute)
}

// Configured says whether the resource's configuration sets a top-level
// attribute. known is false where the configuration is not part of what was read.
func (p *Plan) Configured(c *Change, attribute string) (set, known bool) {
	if p.config == nil {
		return false, false
	}
	attributes, known := p.config.resources[join(c.module, c.static)]
	_, set = attributes[attribute]
	return set, known
}

// Name is the resource's name in its configuration, without a key.
func (c *Change) Name() string { return strings.TrimPrefix(c.static, c.Type+".") }

// Static is the change's address without instance keys, by which references
// name it.
func (c *Change) Static() string { return join(c.module, c.static) }

func join(module, name string) string {
	if module == "" {
		return name
	}
	return module + "." + name
}
