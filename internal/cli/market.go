package cli

import (
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tandem-iac/tandem/internal/check"
	"github.com/tandem-iac/tandem/internal/price"
	"github.com/tandem-iac/tandem/simulate"
	"github.com/tandem-iac/tandem/simulate/catalog"
	"github.com/tandem-iac/tandem/simulate/market"
)

// market is what --market has, with what flags add.
func (o *scenarioFlags) market(start time.Time) (simulate.Market, error) {
	m, err := readMarket(o.marketFile, start)
	if err != nil {
		return m, err
	}
	m.ReclaimRate = o.reclaims
	for _, text := range o.outages {
		span, kind, _ := strings.Cut(text, ":")
		from, until, _ := strings.Cut(span, "-")
		start, err := time.ParseDuration(from)
		end, endErr := time.ParseDuration(until)
		if err != nil || endErr != nil {
			return m, check.InputErrorf("--no-capacity is %q, want FROM-TO or FROM-TO:TYPE, such as 2h-3h30m:m4.large", text)
		}
		m.Outages = append(m.Outages, simulate.Outage{From: start, Until: end, Type: kind})
	}
	return m, nil
}

// readMarket reads nothing where there is no name.
func readMarket(name string, start time.Time) (simulate.Market, error) {
	if name == "" {
		return simulate.Market{}, nil
	}
	file, err := os.Open(name)
	if err != nil {
		return simulate.Market{}, check.InputErrorf("%s: %w", name, check.Cause(err))
	}
	defer file.Close() // only read
	return market.Read(file, name, start)
}

// catalog is the price file with what flags know better.
func (o *scenarioFlags) catalog() (catalog.Catalog, error) {
	list, err := price.Default()
	if err != nil {
		return catalog.Catalog{}, err
	}
	prices := catalog.Catalog{List: list}
	for n, into := range []*map[string]float64{&prices.OnDemand, &prices.Spot, &prices.VCPUs} {
		given := o.byType()[n]
		*into = map[string]float64{}
		for name, text := range given.values {
			value, err := strconv.ParseFloat(text, 64)
			if err != nil {
				return prices, check.InputErrorf("--%s %s is %q, want a number", given.flag, name, text)
			}
			(*into)[name] = value
		}
	}
	return prices, nil
}

// known refuses prices and sizes of types that no scenario has: they would
// change nothing.
func (o *scenarioFlags) known(scenarios []scenario) error {
	types := map[string]bool{}
	for _, s := range scenarios {
		for _, g := range s.Cluster.Groups {
			for _, t := range g.Types {
				types[t.Name] = true
			}
		}
	}
	for _, given := range o.byType() {
		for _, name := range slices.Sorted(maps.Keys(given.values)) {
			if !types[name] {
				return check.InputErrorf("--%s %s: the cluster has no such type, %s", given.flag, name, check.Suggest(name, slices.Sorted(maps.Keys(types))))
			}
		}
	}
	return nil
}

// byTypeFlag is a flag with a value for each of some instance types.
type byTypeFlag struct {
	flag   string
	values map[string]string
}

func (o *scenarioFlags) byType() []byTypeFlag {
	return []byTypeFlag{{"on-demand-price", o.onDemand}, {"spot-price", o.spot}, {"vcpus", o.vcpus}}
}
