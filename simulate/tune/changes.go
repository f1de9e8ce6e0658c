package tune

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"

	"github.com/tandem-iac/tandem/internal/check"
	"github.com/tandem-iac/tandem/spec"
)

// Change is a value of the description that differs from the present one.
type Change struct {
	// Path is the value's below the cluster. Steps are one value.
	Path string
	// From and To are the values, printed.
	From, To string

	value any // of To, for YAML
}

// changes lists what differs, in the order of the description.
func changes(present, other spec.Cluster, parameters []Parameter) []Change {
	var list []Change
	for _, p := range parameters {
		path, isStep := policyOfStep(p.Path)
		if !isStep {
			if from, to := p.get(&present), p.get(&other); from != to {
				list = append(list, Change{Path: p.Path, From: p.Format(from), To: p.Format(to), value: p.value(to)})
			}
			continue
		}
		if strings.HasSuffix(p.Path, firstStep) { // once a policy
			from, to := stepsAt(&present, path), stepsAt(&other, path)
			if printed := printSteps(from); printed != printSteps(to) {
				list = append(list, Change{Path: check.Join(path, "steps"), From: printed, To: printSteps(to), value: stepsValue(to)})
			}
		}
	}
	return list
}

// firstStep ends the path of the first parameter among a policy's steps.
const firstStep = ".steps[0].add"

// policyOfStep is the path of the policy that a step's parameter belongs to.
func policyOfStep(path string) (string, bool) {
	policy, _, isStep := strings.Cut(path, ".steps[")
	return policy, isStep
}

func stepsAt(c *spec.Cluster, path string) []spec.Step {
	n := slices.Index([]string{
		"on_demand.scale_out.sustained", "on_demand.scale_out.spike", "spot.scale_out.sustained", "spot.scale_out.spike",
	}, path) // as policies has them
	return policies(c)[n].Steps
}

// value is what YAML holds.
func (p Parameter) value(v float64) any {
	if p.Duration {
		return seconds(v).String()
	}
	return number(v)
}

// number has no fraction where there is none.
func number(v float64) any {
	if v == float64(int(v)) {
		return int(v)
	}
	return v
}

func printSteps(steps []spec.Step) string {
	var parts []string
	for _, s := range steps {
		to := ""
		if s.To != nil {
			to = fmt.Sprint(*s.To)
		}
		parts = append(parts, fmt.Sprintf("%v–%s: +%d", s.From, to, s.Add))
	}
	return strings.Join(parts, ", ")
}

func stepsValue(steps []spec.Step) any {
	var list []yaml.MapSlice
	for _, s := range steps {
		step := yaml.MapSlice{{Key: "from", Value: number(s.From)}}
		if s.To != nil {
			step = append(step, yaml.MapItem{Key: "to", Value: number(*s.To)})
		}
		list = append(list, append(step, yaml.MapItem{Key: "add", Value: s.Add}))
	}
	return list
}

// YAML returns the changed keys as they go into the description: over those
// that are there, or beside them. Empty: nothing changes.
func (r *Result) YAML() ([]byte, error) {
	var tree yaml.MapSlice
	for _, c := range r.Changes {
		path := append([]string{"clusters", r.Cluster}, strings.Split(c.Path, ".")...)
		tree = put(tree, path, c.value)
	}
	if tree == nil {
		return nil, nil
	}
	var b bytes.Buffer
	err := yaml.NewEncoder(&b, yaml.Indent(2), yaml.IndentSequence(true)).Encode(tree)
	return b.Bytes(), err
}

// put adds a value at a path of nested maps.
func put(tree yaml.MapSlice, path []string, value any) yaml.MapSlice {
	if len(path) == 1 {
		return append(tree, yaml.MapItem{Key: path[0], Value: value})
	}
	for i, item := range tree {
		if item.Key == path[0] {
			inner, _ := item.Value.(yaml.MapSlice) // values have paths of their own
			tree[i].Value = put(inner, path[1:], value)
			return tree
		}
	}
	return append(tree, yaml.MapItem{Key: path[0], Value: put(nil, path[1:], value)})
}
