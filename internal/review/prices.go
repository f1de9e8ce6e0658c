package review

import (
	"slices"
	"strings"

	"github.com/tandem-iac/tandem/internal/price"
	"github.com/tandem-iac/tandem/internal/review/plan"
	"github.com/tandem-iac/tandem/internal/review/rule"
	"github.com/tandem-iac/tandem/internal/review/spend"
)

// onDemand is the price of an instance type, by whoever knows it best.
func (cfg Config) onDemand(region, instanceType string) (usd float64, known bool) {
	if cfg.OnDemand != nil {
		usd, known = cfg.OnDemand(region, instanceType)
	}
	if !known && cfg.Prices != nil {
		usd, known = cfg.Prices.OnDemand(region, instanceType)
	}
	return usd, known
}

// priced are the prices of a simulation: on-demand ones by whoever knows best.
type priced struct{ Config }

func (p priced) OnDemand(region, instanceType string) (float64, bool) {
	return p.onDemand(region, instanceType)
}
func (p priced) VCPUs(instanceType string) (float64, bool) { return p.Prices.VCPUs(instanceType) }
func (p priced) Spot(region, instanceType string) (low, typical, high float64, ok bool) {
	return p.Prices.Spot(region, instanceType)
}

func (s *Stack) addCost(world *rule.World, region string, prices *price.Catalog) {
	if region == "" {
		if !slices.ContainsFunc(world.Plan.Changes, func(c *plan.Change) bool { return strings.HasPrefix(c.Type, "aws_") }) {
			return
		}
		s.Notes = append(s.Notes, "The plan does not say its region, so there is no estimate of cost; --region names it.")
		return
	}
	c := Cost{Before: spend.Of(prices, region, world.Before.Set), After: spend.Of(prices, region, world.After.Set)}
	c.Difference = c.After.Total.Minus(c.Before.Total)
	s.Cost = &c
}
