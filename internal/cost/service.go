package cost

import (
	"cmp"
	"fmt"

	"github.com/tandem-iac/tandem/internal/price"
)

// What gp3 volumes come with: https://aws.amazon.com/ebs/pricing/
const (
	includedIOPS       = 3000
	includedThroughput = 125
)

// volume adds volumes of one kind, as many as count.
func (e *estimator) volume(name string, v Volume, count Range) {
	kind := cmp.Or(v.Type, "gp3")
	what := kind + " volumes"
	switch {
	case kind != "gp3":
		e.unknown(name, what, "the price file has gp3 only")
		return
	case v.GB <= 0:
		e.unknown(name, what, "the size is not known: it is that of the image"+e.per(price.GP3Month, "a GB and month"))
		return
	}
	if v.IOPS > includedIOPS || v.Throughput > includedThroughput {
		e.unknown(name, what+": IOPS and throughput", fmt.Sprintf("the price file has no price above %d IOPS and %d MB/s", includedIOPS, includedThroughput))
	}
	e.service(Item{Name: name, What: what, Quantity: count.times(v.GB), Unit: "GB"}, price.GP3Month, 1)
}

func (e *estimator) loadBalancer(lb LoadBalancer) {
	e.service(Item{Name: lb.Name, What: "load balancer", Quantity: constant(1), Unit: "load balancer"}, price.ALBHour, price.HoursPerMonth)
	e.service(Item{Name: lb.Name, What: "public IPv4 addresses", Quantity: constant(float64(lb.Addresses)), Unit: "address",
		Note: "one a zone; AWS adds more under load"}, price.PublicIPv4Hour, price.HoursPerMonth)
	e.unknown(lb.Name, "load balancer capacity units", "they depend on the load"+e.per(price.ALBCapacityUnitHour, "a unit and hour"))
}

func (e *estimator) natGateways(names []string) {
	e.fixed(names, "NAT gateways", "gateway", price.NATGatewayHour, price.HoursPerMonth)
	if len(names) > 0 {
		e.unknown(joined(names), "data through NAT gateways", "it depends on the traffic"+e.per(price.NATGatewayGB, "a GB"))
	}
}

// alarms adds one item for each resolution.
func (e *estimator) alarms(alarms []Alarm) {
	names := map[bool][]string{}
	metrics := map[bool]float64{}
	for _, a := range alarms {
		names[a.HighResolution] = append(names[a.HighResolution], a.Name)
		metrics[a.HighResolution] += float64(max(a.Metrics, 1))
	}
	for _, kind := range []struct {
		high bool
		what string
		s    price.Service
	}{
		{false, "alarms", price.AlarmMonth},
		{true, "high-resolution alarms", price.HighResolutionAlarmMonth},
	} {
		if len(names[kind.high]) > 0 {
			e.service(Item{Name: joined(names[kind.high]), What: kind.what, Quantity: constant(metrics[kind.high]), Unit: "metric"}, kind.s, 1)
		}
	}
}
