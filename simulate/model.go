package simulate

import "time"

// Model holds what AWS does not document, what is only known from measurements,
// and what is a choice of this simulator. Start from DefaultModel; Parameters
// lists the same fields with their ranges and sources, for sweeps.
//
// Durations become whole steps, halves up.
type Model struct {
	// Step is the resolution: 1 s to 60 s, a divisor of 60 s.
	Step time.Duration

	// DetailedDelay and BasicDelay are how long after the end of a one-minute
	// and of a five-minute interval its metric can be seen by alarms.
	DetailedDelay, BasicDelay time.Duration
	// ExtraPeriods is how many periods more than N an alarm looks back where
	// data are missing.
	ExtraPeriods int
	// AlarmPhase is when in each minute alarms are evaluated; below 60 s.
	AlarmPhase time.Duration
	// AlarmsFromFirstPeriod evaluates alarms as soon as one of their periods lies
	// after the start, with those before it missing; else once N do.
	AlarmsFromFirstPeriod bool
	// PrematureKeepsState keeps the state of an alarm that treats missing data as
	// missing where all points there are breach and none is old enough for an
	// alarm; else it becomes INSUFFICIENT_DATA.
	PrematureKeepsState bool
	// StepValue is the value with which a step policy chooses its step.
	StepValue StepValue

	// BootMedian is the median time from launch to InService, BootSpread the
	// standard deviation of its logarithm (log-normal).
	BootMedian time.Duration
	BootSpread float64
	// SetupMedian is the median time from InService to the first request
	// served: installing and starting the application, passing the first
	// health check. SetupSpread is the standard deviation of its logarithm.
	SetupMedian time.Duration
	SetupSpread float64
	// SetupCPU is the CPU that an instance publishes while it sets itself up,
	// in percent.
	SetupCPU float64
	// HealthCheckTime is how long failing load balancer checks take to make an
	// instance unhealthy once its grace period is over.
	HealthCheckTime time.Duration
	// ReplacementInterval is how often a tenth of the desired capacity, at least
	// one instance, may be replaced for being unhealthy; above 0.
	ReplacementInterval time.Duration

	// PolicyWarmupStays gives the warm-up of the last step policy that acted to
	// all that is launched from then on, retries and replacements too; else only
	// to what is launched at the moment it acts.
	PolicyWarmupStays bool
	// CheapestSpotFirst launches spot instances of the cheapest type that there is,
	// and removes those of the dearest; else types go by the group's order.
	CheapestSpotFirst bool
	// OptionsLaunchApart launches one purchase option while the other waits to try
	// again; else neither is launched before the retry.
	OptionsLaunchApart bool

	// ScaleInOrder is which instances of a type and purchase option go first.
	ScaleInOrder ScaleInOrder
	// ScaleInSpotFirst removes spot instances as long as there are any; else
	// on-demand ones as far as there are more than the distribution wants.
	ScaleInSpotFirst bool
	// ScaleInMarkedFirst removes instances that EC2 takes anyway before others;
	// else only where there are no others.
	ScaleInMarkedFirst bool

	// Drain is the part of the deregistration delay that a terminating instance
	// takes, in percent, [0, 100]: less where no request is in flight for so long.
	Drain float64
	// DeregistrationLag is how long a deregistered target still gets requests.
	DeregistrationLag time.Duration
	// TerminationTime is how long a termination takes after its hook and the
	// deregistration delay.
	TerminationTime time.Duration
	// ReplacementDelay is how long after a reclaimed instance has gone its
	// group notices and replaces it, without capacity rebalance.
	ReplacementDelay time.Duration
	// LaunchRetry is how long a group waits after a launch that found no capacity.
	LaunchRetry time.Duration
	// RebalanceLead is how long before the interruption notice EC2 recommends a
	// rebalance. With 0 both come at once.
	RebalanceLead time.Duration
	// RebalanceMargin is the least that a rebalance may exceed the group's maximum
	// by, in instances, where a tenth of it is less.
	RebalanceMargin int
	// ReclaimShare is the correlation within a type: the part of its instances in each
	// group that one reclaim at the market's rate takes along, [0.01, 1]; near 0
	// instances are lost one by one, 1 takes all at once. Fractions of an instance are
	// drawn.
	ReclaimShare float64
	// ReclaimNewestFirst makes reclaims take the newest instances of a type; else
	// the oldest.
	ReclaimNewestFirst bool

	// ScaleInWaitsForWarmup makes simple policies that remove instances wait
	// while any is warming up, as step policies do.
	ScaleInWaitsForWarmup bool
	// SimpleWaitsForCapacity makes simple policies wait while launches find no
	// capacity, as they wait for other launches.
	SimpleWaitsForCapacity bool
	// TerminatingMeasured keeps terminating instances in their group's metric
	// until they are gone: with their share of the load while they get
	// requests, then with 0 %.
	TerminatingMeasured bool

	// ShareByCores spreads demand in proportion to vCPUs, as load balancing by
	// outstanding requests comes near to; else evenly over instances.
	ShareByCores bool
	// CPUPerRequest is the work of one request, in core-seconds; above 0. Used
	// for loads in requests.
	CPUPerRequest float64
	// Queue is how much work may wait where instances are saturated, in seconds
	// of what is in service then; what exceeds it is dropped. 0: none waits.
	Queue time.Duration
	// ObjectiveCPU is the CPU up to which the service keeps its objective, in
	// percent, (0, 100].
	ObjectiveCPU float64
	// FlapWindow is within which time a change that takes back another counts
	// as a flap.
	FlapWindow time.Duration
}

// DefaultModel returns the defaults that Parameters documents.
func DefaultModel() Model {
	m := Model{Step: time.Minute}
	for _, p := range Parameters() {
		p.Set(&m, p.Default)
	}
	return m
}

// StepValue tells with which value of its alarm's metric a step policy chooses
// its step. All but the first are of the periods that the alarm's state rests on:
// the newest N that have data.
type StepValue int

const (
	// NewestPeriod is the newest period's; where that has no data nothing is done.
	NewestPeriod StepValue = iota
	// NewestValue is the newest period's that has data.
	NewestValue
	// AverageValue is the average over the periods.
	AverageValue
	// HighestValue is the highest of the periods.
	HighestValue
	// LowestValue is the lowest of the periods.
	LowestValue
)

// ScaleInOrder tells which instances of one type and purchase option go first.
type ScaleInOrder int

const (
	// OldestFirst takes those that were launched first.
	OldestFirst ScaleInOrder = iota
	// NewestFirst takes those that were launched last.
	NewestFirst
	// ClosestToHour takes those that end an hour since their launch next, of
	// several the oldest. What is there at the start was launched then.
	ClosestToHour
)
