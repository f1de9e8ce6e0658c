package simulate

import "time"

// Market is what EC2 does to the instances of a cluster: reclaims, lack of
// capacity, prices. Times count from the load's start.
type Market struct {
	// ReclaimRate is how often a spot instance is reclaimed, per instance-hour;
	// [0, 60]. Reclaims of a type come at this rate over Model.ReclaimShare, each
	// taking that share of what the type has in each group.
	ReclaimRate float64
	// Reclaims are taken as they are, besides those at the rate; by time.
	Reclaims []Reclaim
	// Outages are periods in which nothing can be launched.
	Outages []Outage
	// Prices are changes of spot prices; by time. Where a price rises above a
	// group's bid, EC2 interrupts the group's spot instances of that type and
	// launches none.
	Prices []PriceChange
}

// Reclaim is an interruption notice to a part of a type's spot instances.
type Reclaim struct {
	// At is when the notice comes; the instances are gone two minutes later.
	At time.Duration
	// Type is the instance type's name. Empty: each type.
	Type string
	// Share of the type's spot instances in each group, (0, 1], rounded to
	// whole instances, halves up; the oldest go first.
	Share float64
}

// Outage is a period without capacity.
type Outage struct {
	// From and Until bound it; Until is exclusive.
	From, Until time.Duration
	// Type is the instance type's name. Empty: each type.
	Type string
	// OnDemand extends it to on-demand instances.
	OnDemand bool
}

// PriceChange is a spot price from a time on.
type PriceChange struct {
	At time.Duration
	// Type is the instance type's name. Required.
	Type string
	// Price is in USD an hour, above 0.
	Price float64
}
