// Package cost estimates what infrastructure costs a month, from a description
// of what is there and a price.Catalog. It guesses nothing: what has no price,
// or depends on a load that nobody has told, is in Estimate.Unknown.
//
//	Input ── New ──> Estimate{Items, Total, Unknown}
//	                     each a Range: minimum, expected, maximum
//
// What the three mean:
//
//   - minimum: every group at its min, the cheapest of its types, spot at the
//     low end of the assumption;
//   - expected: every group at the instances that are expected of it, the mean
//     of its types, spot at its typical price;
//   - maximum: every group at its max, the dearest of its types, spot at the
//     bid, or at the on-demand price where there is none.
//
// Everything else costs the same in all three. A month is
// price.HoursPerMonth hours.
package cost

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tandem-iac/tandem/internal/price"
)

// Input is what there is in one region.
type Input struct {
	// Region decides the prices and the currency. Required.
	Region        string
	Groups        []Group
	LoadBalancers []LoadBalancer
	// NATGateways are their names. Their public addresses are in Addresses.
	NATGateways []string
	// Addresses are the names of Elastic IPs, in use or not.
	Addresses []string
	Alarms    []Alarm
	// Volumes are those outside of groups.
	Volumes []Volume
	// Buckets are the names of S3 buckets, whose contents nobody knows.
	Buckets []string
}

// Group is an Auto Scaling group; a single instance is one of min and max 1.
type Group struct {
	// Name is what its items are called. Required.
	Name string
	// Min and Max are its limits.
	Min, Max int
	// Expected is how many instances it has on average. Nil: Min.
	Expected *float64
	// OnDemandBase is how many instances are on-demand before any are spot.
	OnDemandBase int
	// OnDemandPercent is how many of 100 instances above OnDemandBase are
	// on-demand; the rest is spot. 100: no spot at all. AWS rounds up, in
	// favour of on-demand.
	OnDemandPercent int
	// InstanceTypes are those it may launch. At least one; on-demand instances
	// are of the first, which is what AWS's prioritized strategy launches.
	InstanceTypes []string
	// Bid is the most that is paid for an hour of spot, in the region's
	// currency. Zero: AWS's default, the on-demand price.
	Bid float64
	// Volumes are those of every instance.
	Volumes []Volume
	// DetailedMonitoring is whether the instances publish every minute.
	DetailedMonitoring bool
	// PublicAddress is whether every instance gets a public IPv4 address.
	PublicAddress bool
}

// Volume is an EBS volume.
type Volume struct {
	// Name is what its item is called. Empty within a group.
	Name string
	// Type is gp3, gp2 and so on. Empty: gp3.
	Type string
	// GB is its size. Zero: it is not known, that of the image for example.
	GB float64
	// IOPS and Throughput, in MB/s, are what is provisioned. Zero, 3,000 and
	// 125 cost nothing more.
	IOPS, Throughput float64
}

// LoadBalancer is an Application Load Balancer.
type LoadBalancer struct {
	Name string
	// Addresses is how many public IPv4 addresses it has at least: one a zone
	// where it faces the internet, none where it is internal.
	Addresses int
}

// Alarm is a CloudWatch alarm.
type Alarm struct {
	Name string
	// Metrics is how many metrics it watches: 1, or those that its metric math
	// reads. Zero: 1.
	Metrics int
	// HighResolution is a period of 10 or 30 s.
	HighResolution bool
}

// Range is a figure in each of the three cases.
type Range struct {
	Minimum  float64 `json:"minimum"`
	Expected float64 `json:"expected"`
	Maximum  float64 `json:"maximum"`
}

func (r Range) plus(o Range) Range {
	return Range{r.Minimum + o.Minimum, r.Expected + o.Expected, r.Maximum + o.Maximum}
}

// Minus is the difference of two ranges, case by case.
func (r Range) Minus(o Range) Range {
	return Range{r.Minimum - o.Minimum, r.Expected - o.Expected, r.Maximum - o.Maximum}
}

func (r Range) times(factor float64) Range {
	return Range{r.Minimum * factor, r.Expected * factor, r.Maximum * factor}
}

func constant(n float64) Range { return Range{n, n, n} }

// The lifecycles of Item.Lifecycle.
const (
	OnDemand = "on-demand"
	Spot     = "spot"
)

// Item is one line of an estimate.
type Item struct {
	// Name is of what there is: a group, a load balancer.
	Name string `json:"name"`
	// What is charged for: instances, volumes, detailed monitoring.
	What string `json:"what"`
	// Lifecycle is OnDemand or Spot for instances, and empty for the rest.
	Lifecycle string `json:"lifecycle,omitempty"`
	// Quantity is how many Units there are.
	Quantity Range  `json:"quantity"`
	Unit     string `json:"unit"`
	// Month is the cost of a month, in the estimate's currency.
	Month Range `json:"month"`
	// Note says what the figures rest on, where it is not plain.
	Note string `json:"note,omitempty"`
}

// Unknown is a cost that is not in the estimate.
type Unknown struct {
	// Name is of what there is. Empty: it concerns the whole.
	Name string `json:"name,omitempty"`
	// What is charged for.
	What string `json:"what"`
	// Why it is not known, and what it would take.
	Why string `json:"why"`
}

// Estimate is what an Input costs.
type Estimate struct {
	Region string `json:"region"`
	// Currency is USD, or CNY in China.
	Currency string `json:"currency"`
	// PriceDate is the day of the prices, as 2006-01-02.
	PriceDate string    `json:"price_date"`
	Items     []Item    `json:"items"`
	Total     Range     `json:"total"`
	Unknown   []Unknown `json:"unknown"`
}

// New estimates what in costs by the prices of catalog. Items and unknowns are
// in the order of the input. It does not change in.
func New(catalog *price.Catalog, in Input) Estimate {
	e := &estimator{catalog: catalog, region: in.Region}
	e.Region, e.Currency, e.PriceDate = in.Region, price.Currency(in.Region), catalog.Date()
	e.Items, e.Unknown = []Item{}, []Unknown{}
	for _, g := range in.Groups {
		e.group(g)
	}
	for _, lb := range in.LoadBalancers {
		e.loadBalancer(lb)
	}
	e.natGateways(in.NATGateways)
	e.fixed(in.Addresses, "public IPv4 addresses", "address", price.PublicIPv4Hour, price.HoursPerMonth)
	e.alarms(in.Alarms)
	for _, v := range in.Volumes {
		e.volume(v.Name, v, constant(1))
	}
	for _, name := range in.Buckets {
		e.unknown(name, "S3 storage and requests", "nobody has said how much is stored"+e.per(price.S3StandardMonth, "a GB and month"))
	}
	if len(in.Groups)+len(in.LoadBalancers)+len(in.NATGateways) > 0 {
		e.unknown("", "data transfer", "it depends on the traffic: to the internet and between availability zones")
	}
	return e.Estimate
}

// estimator collects an estimate.
type estimator struct {
	Estimate
	catalog *price.Catalog
	region  string
}

func (e *estimator) add(i Item) {
	if i.Quantity == (Range{}) {
		return
	}
	e.Items = append(e.Items, i)
	e.Total = e.Total.plus(i.Month)
}

func (e *estimator) unknown(name, what, why string) {
	e.Unknown = append(e.Unknown, Unknown{name, what, why})
}

// service adds an item of units units of s a month each, or says that the
// price is not known.
func (e *estimator) service(i Item, s price.Service, units float64) {
	perUnit, ok := e.catalog.Service(e.region, s)
	if !ok {
		e.noPrice(i.Name, i.What, string(s))
		return
	}
	i.Month = i.Quantity.times(units * perUnit)
	e.add(i)
}

func (e *estimator) noPrice(name, what, priced string) {
	e.unknown(name, what, fmt.Sprintf("the price file of %s has no %s in %s: tandem price update --region %s", e.PriceDate, priced, e.region, e.region))
}

// per tells the price of a unit, where it is known.
func (e *estimator) per(s price.Service, unit string) string {
	perUnit, ok := e.catalog.Service(e.region, s)
	if !ok {
		return ""
	}
	return fmt.Sprintf("; %v %s %s", perUnit, e.Currency, unit)
}

// fixed adds one item for things that cost units units a month each.
func (e *estimator) fixed(names []string, what, unit string, s price.Service, units float64) {
	if len(names) == 0 {
		return
	}
	e.service(Item{Name: joined(names), What: what, Quantity: constant(float64(len(names))), Unit: unit}, s, units)
}

// joined names what an item stands for, shortly.
func joined(names []string) string {
	const shown = 3
	if len(names) <= shown {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(slices.Clone(names[:shown]), ", "), len(names)-shown)
}
