// Package price knows what AWS charges: a dated file of prices that is built
// in, and the command's way to write it anew.
//
//	prices.json ── Default, Load ──> Catalog ── OnDemand, Service, Spot
//	     ^
//	     └── Catalog.Encode <── Merge <── Fetch <── AWS Price List
//
// A price that the file does not have is unknown: every lookup says so with a
// second result, and nothing is guessed.
package price

import (
	"maps"
	"slices"
	"strings"

	"github.com/tandem-iac/tandem/internal/awsregion"
	"github.com/tandem-iac/tandem/internal/check"
)

// HoursPerMonth is the month that AWS's own calculator reckons with: 8,760
// hours of a year by 12. https://docs.aws.amazon.com/pricing-calculator/
const HoursPerMonth = 730

// Catalog is a file of prices. It is not to be changed once it is made.
type Catalog struct {
	file file
}

// Date is the day the newest prices of the file are of, as 2006-01-02.
func (c *Catalog) Date() string { return c.file.Date }

// Regions are those that the file has prices of, sorted.
func (c *Catalog) Regions() []string { return slices.Sorted(maps.Keys(c.file.Regions)) }

// Types are the instance types that the file knows the size of, sorted.
func (c *Catalog) Types() []string { return slices.Sorted(maps.Keys(c.file.VCPUs)) }

// TypesIn are the instance types that the file has a price of in the region,
// sorted.
func (c *Catalog) TypesIn(region string) []string {
	return slices.Sorted(maps.Keys(c.file.Regions[region].OnDemand.Prices))
}

// Currency is what prices of the region are in: CNY in China, which AWS bills
// for itself, and USD everywhere else.
func Currency(region string) string {
	if awsregion.Partition(region) == "aws-cn" {
		return "CNY"
	}
	return "USD"
}

// OnDemand is the price of an hour of a Linux instance with shared tenancy, in
// the region's Currency. ok is false if the file does not have it.
func (c *Catalog) OnDemand(region, instanceType string) (perHour float64, ok bool) {
	perHour, ok = c.file.Regions[region].OnDemand.Prices[instanceType]
	return perHour, ok
}

// OnDemandSource is where the region's on-demand prices are from.
func (c *Catalog) OnDemandSource(region string) (Source, bool) {
	source, ok := c.file.Sources[c.file.Regions[region].OnDemand.Source]
	return source, ok
}

// VCPUs is the number of virtual processors of an instance type.
func (c *Catalog) VCPUs(instanceType string) (float64, bool) {
	vcpus, ok := c.file.VCPUs[instanceType]
	return vcpus, ok
}

// Memory is the memory of an instance type in GiB.
func (c *Catalog) Memory(instanceType string) (gib float64, ok bool) {
	gib, ok = c.file.MemoryGiB[instanceType]
	return gib, ok
}

// Service is the price of one unit of what a service charges for, in the
// region's Currency. ok is false if the file does not have it.
func (c *Catalog) Service(region string, s Service) (perUnit float64, ok bool) {
	perUnit, ok = c.file.Regions[region].Services.Prices[s]
	return perUnit, ok
}

// ServiceSource is where the region's prices of services are from.
func (c *Catalog) ServiceSource(region string) (Source, bool) {
	source, ok := c.file.Sources[c.file.Regions[region].Services.Source]
	return source, ok
}

// Spot is what an hour of a spot instance of the type is assumed to cost, in
// the region's Currency: its on-demand price by the file's spot assumption. It
// is no price of AWS, which changes by the hour and differs by zone.
func (c *Catalog) Spot(region, instanceType string) (low, typical, high float64, ok bool) {
	onDemand, ok := c.OnDemand(region, instanceType)
	if !ok {
		return 0, 0, 0, false
	}
	share := c.SpotShare(region, instanceType)
	return onDemand * share.Low, onDemand * share.Typical, onDemand * share.High, true
}

// SpotShare is the assumed price of spot as a share of on-demand: the range of
// the region, or of all of them, with what is typical of the type's family.
func (c *Catalog) SpotShare(region, instanceType string) Share {
	share, ok := c.file.Spot.Regions[region]
	if !ok {
		share = c.file.Spot.Everywhere
	}
	if typical, ok := c.file.Spot.Typical[region][Family(instanceType)]; ok {
		share.Typical = typical
	}
	return share
}

// SpotSource is where the spot assumption is from.
func (c *Catalog) SpotSource() Source { return c.file.Sources[c.file.Spot.Source] }

// Nearest is the instance type with a price in the region that was meant by
// name. Empty: none is like it.
func (c *Catalog) Nearest(region, name string) string { return check.Nearest(name, c.TypesIn(region)) }

// Family is the part of an instance type before the dot: m4 of m4.large.
func Family(instanceType string) string {
	family, _, _ := strings.Cut(instanceType, ".")
	return family
}
