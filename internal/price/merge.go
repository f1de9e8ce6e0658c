package price

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// listURL describes the price list that Fetch reads.
const listURL = "https://docs.aws.amazon.com/awsaccountbilling/latest/aboutv2/using-price-list-query-api.html"

// Change is a price that differs between two catalogs.
type Change struct {
	Region string `json:"region"`
	// Name is an instance type or a Service.
	Name string `json:"name"`
	// Old and New are the prices. Nil: there is none.
	Old *float64 `json:"old"`
	New *float64 `json:"new"`
}

// Families are those of the instance types that the file knows, sorted.
func (c *Catalog) Families() []string {
	var families []string
	for _, t := range c.Types() {
		families = append(families, Family(t))
	}
	slices.Sort(families)
	return slices.Compact(families)
}

// Merge returns the catalog with the regions that were fetched in place of its
// own, and what differs, in order. The other regions and the spot assumption
// stay. The catalog itself is not changed.
func (c *Catalog) Merge(f Fetched) (*Catalog, []Change) {
	date := f.now.UTC().Format(time.DateOnly)
	id := "aws-price-list-" + date
	merged := c.file
	merged.Date = date
	merged.Regions = maps.Clone(c.file.Regions)
	for name, r := range f.regions {
		r.OnDemand.Source, r.Services.Source = id, id
		merged.Regions[name] = r
	}
	merged.Sources = maps.Clone(c.file.Sources)
	merged.Sources[id] = Source{What: "AWS Price List Query API, GetProducts, on-demand terms in effect", Date: date, URL: listURL}
	merged.dropSources()
	merged.VCPUs = merged.sizes(c.file.VCPUs, f.vcpus)
	merged.MemoryGiB = merged.sizes(c.file.MemoryGiB, f.memoryGiB)
	return &Catalog{merged}, changes(c.file, merged)
}

// dropSources leaves out those that nothing names any more.
func (f *file) dropSources() {
	named := map[string]bool{f.Spot.Source: true}
	for _, r := range f.Regions {
		named[r.OnDemand.Source], named[r.Services.Source] = true, true
	}
	maps.DeleteFunc(f.Sources, func(id string, _ Source) bool { return !named[id] })
}

// sizes are the old ones and the new, of the types that have a price somewhere.
func (f *file) sizes(old, fresh map[string]float64) map[string]float64 {
	all := maps.Clone(old)
	maps.Copy(all, fresh)
	maps.DeleteFunc(all, func(instanceType string, _ float64) bool {
		for _, r := range f.Regions {
			if _, ok := r.OnDemand.Prices[instanceType]; ok {
				return false
			}
		}
		return true
	})
	return all
}

func changes(old, fresh file) (all []Change) {
	for _, name := range slices.Sorted(maps.Keys(fresh.Regions)) {
		a, b := old.Regions[name], fresh.Regions[name]
		all = append(all, differences(name, a.OnDemand.Prices, b.OnDemand.Prices)...)
		all = append(all, differences(name, a.Services.Prices, b.Services.Prices)...)
	}
	return all
}

func differences[K ~string](region string, old, fresh map[K]float64) (all []Change) {
	names := maps.Clone(old)
	if names == nil {
		names = map[K]float64{}
	}
	maps.Copy(names, fresh)
	for _, name := range slices.Sorted(maps.Keys(names)) {
		a, b := pick(old, name), pick(fresh, name)
		if a == nil || b == nil || *a != *b {
			all = append(all, Change{region, string(name), a, b})
		}
	}
	return all
}

func pick[K ~string](prices map[K]float64, name K) *float64 {
	if amount, ok := prices[name]; ok {
		return &amount
	}
	return nil
}

// Summary says how many prices are new, gone and other than before.
func Summary(changes []Change) string {
	var fresh, gone, other int
	for _, c := range changes {
		switch {
		case c.Old == nil:
			fresh++
		case c.New == nil:
			gone++
		default:
			other++
		}
	}
	if len(changes) == 0 {
		return "no price differs"
	}
	var parts []string
	for _, part := range []struct {
		n    int
		what string
	}{{fresh, "new"}, {gone, "gone"}, {other, "changed"}} {
		if part.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", part.n, part.what))
		}
	}
	return strings.Join(parts, ", ")
}
