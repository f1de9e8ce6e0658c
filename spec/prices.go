package spec

import "github.com/tandem-iac/tandem/internal/price"

// pricing is what an environment knows of on-demand prices.
type pricing struct {
	region string
	// stated are those of on_demand_prices, which go before the price file's.
	stated map[string]float64
}

func (e Environment) pricing() pricing { return pricing{e.Region, e.OnDemandPrices} }

// OnDemandPrice is the Linux on-demand price of an hour of an instance type in
// the environment's region: the one that OnDemandPrices states, or else that of
// the price file that is built in. source names which, for messages. ok is
// false if neither has it.
func (e Environment) OnDemandPrice(instanceType string) (perHour float64, source string, ok bool) {
	return e.pricing().of(instanceType)
}

func (p pricing) of(instanceType string) (perHour float64, source string, ok bool) {
	if perHour, ok = p.stated[instanceType]; ok {
		return perHour, "on_demand_prices", true
	}
	catalog, err := price.Default()
	if err != nil { // a broken build, which the tests of price refuse
		return 0, "", false
	}
	perHour, ok = catalog.OnDemand(p.region, instanceType)
	return perHour, priceFile(catalog), ok
}

func priceFile(c *price.Catalog) string { return "the price file of " + c.Date() }

// wantPrice is the rule that a type without a price breaks.
func (p pricing) wantPrice() string {
	catalog, err := price.Default()
	if err != nil { // as above
		return "a type whose price is in on_demand_prices"
	}
	return "a type with a known price: add it to on_demand_prices, in " + price.Currency(p.region) + " per hour, as " +
		priceFile(catalog) + " has none of it in " + p.region
}

// highest is the type with the highest price among those that have one. Empty:
// none has.
func (p pricing) highest(types []string) (instanceType string, perHour float64, source string) {
	for _, t := range types {
		if amount, from, ok := p.of(t); ok && amount > perHour {
			instanceType, perHour, source = t, amount, from
		}
	}
	return instanceType, perHour, source
}
