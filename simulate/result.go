package simulate

import "time"

// Result is what a run found. Its JSON form has a version of its own.
type Result struct {
	// Summary holds the verdicts.
	Summary Summary
	// Groups holds each group's part, in the cluster's order.
	Groups []GroupSummary
	// Activities are the changes of capacity in the order of time. Kept only
	// where Options.Record is set.
	Activities []Activity
	// Series are what charts draw. Kept only where Options.Record is set.
	Series *Series
}

// Summary is a run in figures.
type Summary struct {
	// Duration is how long was simulated.
	Duration time.Duration
	// Demand, Served and Unserved are work in core-seconds; the first is the
	// sum of the others, but for rounding.
	Demand, Served, Unserved float64
	// OverObjective is the time in which the CPU that demand would take was
	// above Model.ObjectiveCPU, in any group.
	OverObjective time.Duration
	// ScaleOuts and ScaleIns count changes of desired capacity; Flaps those
	// that took back, within Model.FlapWindow, what another had done.
	ScaleOuts, ScaleIns, Flaps int
	// Reclaims counts spot instances taken back, Rescues instances added for them.
	Reclaims, Rescues int
	// BreachToCapacity is the longest time from the first breach of an alarm to
	// the capacity that it asked for being in service; mean over all in
	// MeanBreachToCapacity.
	BreachToCapacity, MeanBreachToCapacity time.Duration
	// InstanceHours and Cost, in USD, are of everything that ran.
	InstanceHours, Cost float64
	// PeakFleet is the on-demand fleet that keeps the objective at the highest
	// demand all the time, ConstantFleet the cheapest fleet of constant size
	// and the same groups that keeps it as well as this run did. Costs in USD,
	// savings in percent of them.
	PeakFleet, ConstantFleet Fleet
}

// Fleet is a fleet of constant size to compare with.
type Fleet struct {
	Instances int
	Cost      float64
	// Saving is what the run saves against it, in percent; negative where it costs more.
	Saving float64
}

// GroupSummary is one group's part of a run.
type GroupSummary struct {
	Name string
	// OnDemandHours and SpotHours are instance-hours, Cost in USD.
	OnDemandHours, SpotHours, Cost float64
	// MinInService, MaxInService and MeanInService are instances.
	MinInService, MaxInService int
	MeanInService              float64
	// ScaleOuts and ScaleIns count changes of this group's desired capacity.
	ScaleOuts, ScaleIns int
	Reclaims            int
}

// Cause tells what changed a group's desired capacity or its instances.
type Cause string

const (
	// ByPolicy is a scaling policy that an alarm invoked.
	ByPolicy Cause = "policy"
	// ByReclaim is a spot instance taken back.
	ByReclaim Cause = "reclaim"
	// ByRescue is an instance more for an interruption notice.
	ByRescue Cause = "rescue"
	// ByRebalance is a replacement launched at a rebalance recommendation.
	ByRebalance Cause = "rebalance"
	// ByNoCapacity is a launch that found no capacity.
	ByNoCapacity Cause = "no-capacity"
)

// Activity is one change.
type Activity struct {
	// At is the time since the start.
	At    time.Duration
	Group string
	Cause Cause
	// Policy and Alarm are set where Cause is ByPolicy.
	Policy, Alarm string
	// From and To are the desired capacity before and after.
	From, To int
}

// Series are values over time, one per Step from the start. Values cover the
// step that begins there.
type Series struct {
	Step time.Duration
	// Demand is in cores, Capacity is cores in service, Unserved is in cores.
	Demand, Capacity, Unserved []float64
	Groups                     []GroupSeries
}

// GroupSeries are one group's values over time.
type GroupSeries struct {
	Name string
	// Desired, InService and Pending are instances. Of those in service, Spot
	// are on spot.
	Desired, InService, Pending, Spot []int32
	// CPU is the group's average in percent, at most 100; NaN without instances.
	CPU []float64
	// SpotPrice is that of the preferred type, in USD an hour.
	SpotPrice []float64
	// Alarms hold each alarm's state: 0 OK, 1 ALARM, 2 INSUFFICIENT_DATA.
	Alarms []AlarmSeries
}

// AlarmSeries is one alarm's state over time.
type AlarmSeries struct {
	Name, Policy string
	State        []uint8
}
