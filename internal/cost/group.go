package cost

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/tandem-iac/tandem/internal/price"
)

// group adds the instances of a group and what comes with each of them.
func (e *estimator) group(g Group) {
	expected := float64(g.Min)
	if g.Expected != nil {
		expected = *g.Expected
	}
	all := Range{float64(g.Min), expected, float64(g.Max)}
	onDemand := Range{g.onDemand(all.Minimum), g.onDemand(all.Expected), g.onDemand(all.Maximum)}
	if all != (Range{}) {
		e.instances(g, onDemand, all.Minus(onDemand))
	}
	if g.DetailedMonitoring {
		e.service(Item{Name: g.Name, What: "detailed monitoring", Quantity: all, Unit: "instance",
			Note: fmt.Sprintf("%d metrics an instance", price.DetailedMonitoringMetrics)},
			price.MetricMonth, price.DetailedMonitoringMetrics)
	}
	if g.PublicAddress {
		e.service(Item{Name: g.Name, What: "public IPv4 addresses", Quantity: all, Unit: "address"}, price.PublicIPv4Hour, price.HoursPerMonth)
	}
	for _, v := range g.Volumes {
		e.volume(g.Name, v, all)
	}
}

// onDemand is how many of n instances are on-demand. Whole instances above the
// base are rounded up, as AWS does; of an average, its share is taken.
// https://docs.aws.amazon.com/autoscaling/ec2/userguide/mixed-instances-groups-set-up-overview.html
func (g Group) onDemand(n float64) float64 {
	base := math.Min(n, float64(g.OnDemandBase))
	above := (n - base) * float64(g.OnDemandPercent) / 100
	if n == math.Trunc(n) {
		above = math.Ceil(above)
	}
	return base + above
}

func (e *estimator) instances(g Group, onDemand, spot Range) {
	var missing []string
	for _, t := range g.InstanceTypes {
		if _, ok := e.catalog.OnDemand(e.region, t); !ok {
			missing = append(missing, t)
		}
	}
	if len(g.InstanceTypes) == 0 {
		e.unknown(g.Name, "instances", "nobody has said of which type they are")
		return
	}
	if len(missing) > 0 {
		e.noPrice(g.Name, "instances", "price of "+strings.Join(missing, ", "))
		return
	}
	if onDemand != (Range{}) {
		first := g.InstanceTypes[0]
		perHour, _ := e.catalog.OnDemand(e.region, first) // known: it is not missing
		e.add(Item{Name: g.Name, What: "instances", Lifecycle: OnDemand, Quantity: onDemand, Unit: first,
			Month: onDemand.times(perHour * price.HoursPerMonth)})
	}
	if spot != (Range{}) {
		perHour, note := e.spot(g)
		e.add(Item{Name: g.Name, What: "instances", Lifecycle: Spot, Quantity: spot, Unit: strings.Join(g.InstanceTypes, ", "), Note: note,
			Month: Range{
				spot.Minimum * perHour.Minimum * price.HoursPerMonth,
				spot.Expected * perHour.Expected * price.HoursPerMonth,
				spot.Maximum * perHour.Maximum * price.HoursPerMonth,
			}})
	}
}

// spot is the price of an hour of spot in the three cases, and what it rests
// on. A bid bounds all of them: what is dearer does not run.
func (e *estimator) spot(g Group) (perHour Range, note string) {
	var lows, onDemand []float64
	mean := 0.0
	for _, t := range g.InstanceTypes {
		low, typical, _, _ := e.catalog.Spot(e.region, t) // known: none is missing
		whole, _ := e.catalog.OnDemand(e.region, t)
		lows, onDemand = append(lows, low), append(onDemand, whole)
		mean += typical / float64(len(g.InstanceTypes))
	}
	perHour = Range{slices.Min(lows), mean, slices.Max(onDemand)}
	note = fmt.Sprintf("spot assumed at %.0f %% of on-demand, the maximum at on-demand", 100*mean/meanOf(onDemand))
	if g.Bid > 0 {
		perHour = Range{math.Min(perHour.Minimum, g.Bid), math.Min(mean, g.Bid), g.Bid}
		note = fmt.Sprintf("spot assumed at %.0f %% of on-demand, the maximum at the bid of %v", 100*perHour.Expected/meanOf(onDemand), g.Bid)
	}
	return perHour, note
}

func meanOf(values []float64) float64 {
	sum := 0.0
	for _, v := range values {
		sum += v
	}
	return sum / float64(len(values))
}
