package cli

import (
	"fmt"
	"maps"
	"slices"

	"github.com/tandem-iac/tandem/internal/check"
	"github.com/tandem-iac/tandem/simulate"
)

// begin puts as many instances into the groups as --initial says.
func (o *scenarioFlags) begin(c simulate.Cluster) {
	for i := range c.Groups {
		if n, given := o.initial[c.Groups[i].Name]; given {
			c.Groups[i].Initial = n
		}
	}
}

// begun refuses --initial of groups that no scenario has.
func (o *scenarioFlags) begun(scenarios []scenario) error {
	groups := map[string]bool{}
	for _, s := range scenarios {
		for _, g := range s.Cluster.Groups {
			groups[g.Name] = true
		}
	}
	for _, name := range slices.Sorted(maps.Keys(o.initial)) {
		if !groups[name] {
			return check.InputErrorf("--initial %s: there is no such group, %s", name, check.Suggest(name, slices.Sorted(maps.Keys(groups))))
		}
	}
	return nil
}

// crowded tells of a load that begins with more than the instances at the start
// can take. What is unserved then is the beginning's fault and not the policy's.
func (s scenario) crowded() string {
	first := make([]float64, 1)
	s.Load.Fill(first, 0, s.Model.Step)
	demand := first[0]
	if s.Load.Unit() == simulate.RequestsPerSecond {
		demand *= s.Model.CPUPerRequest
	}
	instances, capacity := 0, 0.0
	largest := s.Cluster.Groups[0]
	for _, g := range s.Cluster.Groups {
		n := max(g.Initial, g.Min)
		instances += n
		capacity += float64(n) * g.Types[0].VCPUs
		if g.Max > largest.Max {
			largest = g
		}
	}
	if demand <= capacity*s.Model.ObjectiveCPU/100 {
		return ""
	}
	return fmt.Sprintf("the load begins with %.3g cores of demand, which is above the objective for the %s there at the start: --initial %s=NUMBER begins with more",
		demand, counted(instances, "instance"), largest.Name)
}
