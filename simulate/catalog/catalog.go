// Package catalog says what instance types cost and how much CPU they have,
// out of a list and what the user knows better.
package catalog

import (
	"fmt"

	"github.com/tandem-iac/tandem/internal/check"
	"github.com/tandem-iac/tandem/simulate"
)

// List is what is known about instance types; false: not in it.
type List interface {
	// OnDemand is the Linux on-demand price in USD an hour.
	OnDemand(region, instanceType string) (perHour float64, ok bool)
	// Spot is what a spot instance costs in USD an hour: often no less than
	// low, typically, and often no more than high.
	Spot(region, instanceType string) (low, typical, high float64, ok bool)
	// VCPUs is how many virtual CPUs an instance has.
	VCPUs(instanceType string) (float64, bool)
}

// Catalog is a List with what the user knows better.
type Catalog struct {
	// List is asked for what the others do not tell. Nil: nothing is.
	List List
	// OnDemand and Spot are prices in USD an hour, VCPUs numbers of virtual
	// CPUs, by instance type; above 0.
	OnDemand, Spot, VCPUs map[string]float64
}

// Type returns what is known about an instance type in a region. Spot asks for
// a spot price too, which otherwise may stay 0. What is not known it reports as
// check.Errors, one for each value, that name where it can be said.
func (c Catalog) Type(region, name string, spot bool) (simulate.InstanceType, error) {
	var faults check.Errors
	t := simulate.InstanceType{Name: name}
	where := "in " + region
	if region == "" {
		where = "in a region that is not known"
	}
	var known bool
	if t.OnDemandPrice, known = c.onDemand(region, name); !known {
		faults.Add("on-demand price of "+name, "not known "+where,
			fmt.Sprintf("--on-demand-price %s=USD-PER-HOUR, or on_demand_prices.%s in tandem.yaml", name, name))
	}
	if t.SpotPrice, known = c.spot(region, name); !known && spot {
		faults.Add("spot price of "+name, "not known "+where, fmt.Sprintf("--spot-price %s=USD-PER-HOUR", name))
	}
	if t.VCPUs, known = c.vcpus(name); !known {
		faults.Add("number of vCPUs of "+name, "not known", fmt.Sprintf("--vcpus %s=NUMBER", name))
	}
	for _, given := range []struct {
		what  string
		value float64
		known bool
	}{
		{"on-demand price of " + name, t.OnDemandPrice, has(c.OnDemand, name)},
		{"spot price of " + name, t.SpotPrice, has(c.Spot, name)},
		{"number of vCPUs of " + name, t.VCPUs, has(c.VCPUs, name)},
	} {
		good := given.value > 0 && given.value <= maxGiven
		faults.Require(!given.known || good, given.what, fmt.Sprint(given.value), fmt.Sprintf("above 0, at most %d", maxGiven))
	}
	return t, faults.Err()
}

// maxGiven is above all prices and sizes that AWS has.
const maxGiven = 100_000

func has(m map[string]float64, name string) bool {
	_, ok := m[name]
	return ok
}

func (c Catalog) onDemand(region, name string) (float64, bool) {
	if price, ok := c.OnDemand[name]; ok || c.List == nil {
		return price, ok
	}
	return c.List.OnDemand(region, name)
}

func (c Catalog) spot(region, name string) (float64, bool) {
	if price, ok := c.Spot[name]; ok || c.List == nil {
		return price, ok
	}
	_, typical, _, ok := c.List.Spot(region, name)
	return typical, ok
}

func (c Catalog) vcpus(name string) (float64, bool) {
	if n, ok := c.VCPUs[name]; ok || c.List == nil {
		return n, ok
	}
	return c.List.VCPUs(name)
}
