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
