// Package terraform finds the clusters in Terraform, anyone's: Auto Scaling
// groups with their launch templates, policies, alarms and hooks.
//
//	cdk.tf.json, or a directory of them ─> evaluate ───────────┐
//	terraform show -json of a plan ──────> values, references ─┼─> groups by target group ──> Clusters
//	terraform show -json of a state ─────> values ─────────────┘
//
// What it cannot use it tells by address, and never guesses: a Finding either
// refuses the simulation or is a warning.
package terraform

import (
	"cmp"
	"slices"
	"strings"

	"github.com/tandem-iac/tandem/internal/check"
	"github.com/tandem-iac/tandem/simulate"
	"github.com/tandem-iac/tandem/simulate/catalog"
)

// Config configures Read and Parse.
type Config struct {
	// Catalog knows prices and sizes of instance types.
	Catalog catalog.Catalog
	// Region is where the groups are. Empty: the provider's region, or that of
	// a group's ARN.
	Region string
	// Ignore are addresses of what is left out, as if it were not there.
	Ignore []string
	// Idle tells that policies which no alarm invokes do nothing, which is a
	// warning then. Else they refuse the simulation, as somebody may execute them.
	Idle bool
	// Variables are values of input variables, by name, for cdk.tf.json; a plan
	// has its own. A variable that is in neither has its default.
	Variables map[string]string
}

// Finding is something that a simulation cannot use.
type Finding struct {
	// Address is the Terraform address, such as aws_autoscaling_policy.out.
	Address string
	// Problem says what is wrong there.
	Problem string
	// Refuses tells that a simulation would have to guess.
	Refuses bool
}

func (f Finding) String() string { return f.Address + ": " + f.Problem }

// Cluster is a cluster as it was found.
type Cluster struct {
	simulate.Cluster
	// Region is where it is. Empty: not known, and no price was asked for.
	Region string
	// Findings are by address; those that refuse come first.
	Findings []Finding
}

// Err is nil if nothing refuses the simulation; else a check.InputError that
// tells everything that does, a line each.
func (c Cluster) Err() error {
	if refusals := c.refusals(); refusals != "" {
		return check.InputErrorf("cluster %s cannot be simulated:\n  %s", c.Name, strings.ReplaceAll(refusals, "\n", "\n  "))
	}
	return nil
}

func (c Cluster) refusals() string {
	var lines []string
	for _, f := range c.Findings {
		if f.Refuses {
			lines = append(lines, f.String())
		}
	}
	return strings.Join(lines, "\n")
}

// Warnings are the findings that refuse nothing.
func (c Cluster) Warnings() []Finding {
	return slices.DeleteFunc(slices.Clone(c.Findings), func(f Finding) bool { return f.Refuses })
}

// Select returns the cluster of that name, or the only one if name is empty.
func Select(clusters []Cluster, name string) (Cluster, error) {
	var names []string
	for _, c := range clusters {
		if c.Name == name || name == "" && len(clusters) == 1 {
			return c, nil
		}
		names = append(names, c.Name)
	}
	if name == "" {
		return Cluster{}, check.InputErrorf("%d clusters, want one: name it; there are %s", len(clusters), strings.Join(names, ", "))
	}
	return Cluster{}, check.InputErrorf("cluster %q is not there; %s", name, check.Suggest(name, names))
}

// order sorts and removes what is told twice.
func order(findings []Finding) []Finding {
	slices.SortFunc(findings, func(a, b Finding) int {
		if a.Refuses != b.Refuses {
			if a.Refuses {
				return -1
			}
			return 1
		}
		return cmp.Or(cmp.Compare(a.Address, b.Address), cmp.Compare(a.Problem, b.Problem))
	})
	return slices.Compact(findings)
}

// document is one stack, plan or state.
type document struct {
	resources []*resource
	kinds     map[string][]*resource
	texts     map[string]map[string][]*resource // by type and attribute, then text
	findings  []Finding                         // about more than one cluster
	// region is that of a resource's provider, "" where it is not known.
	region func(r *resource) string
}

func newDocument() *document {
	return &document{kinds: map[string][]*resource{}, texts: map[string]map[string][]*resource{}, region: func(*resource) string { return "" }}
}

func (d *document) add(r *resource) {
	d.resources = append(d.resources, r)
	d.kinds[r.kind] = append(d.kinds[r.kind], r)
}

// ofType returns resources of a type.
func (d *document) ofType(kind string) []*resource { return d.kinds[kind] }

// ignore removes the resources at addresses, and notes there what it found.
func (d *document) ignore(addresses map[string]bool) {
	for _, r := range d.resources {
		if _, r.ignored = addresses[r.address]; r.ignored {
			addresses[r.address] = true
		}
	}
	for kind, all := range d.kinds {
		d.kinds[kind] = slices.DeleteFunc(all, func(r *resource) bool { return r.ignored })
	}
}
