package simulate

import "time"

// Cluster is what serves one load together: Auto Scaling groups behind one
// load balancer, which spreads requests evenly over their instances.
type Cluster struct {
	// Name is for reports.
	Name string
	// Groups share the load. At least one; names are distinct.
	Groups []Group
}

// Group is an Auto Scaling group with its policies.
type Group struct {
	// Name is the group's own name. Required.
	Name string
	// Address is where the group is declared, for messages, such as
	// aws_autoscaling_group.spot. Empty: Name.
	Address string
	// Min and Max bound the desired capacity, in instances; 0 <= Min <= Max.
	Min, Max int
	// Initial is the capacity at the start, in instances, already in service.
	// Below Min: Min.
	Initial int
	// OnDemandBase instances are on-demand before any are on spot, and of those
	// above it OnDemandPercent, in percent, [0, 100]. A plain on-demand group
	// has 0 and 100, a plain spot group 0 and 0.
	OnDemandBase    int
	OnDemandPercent float64
	// Types are what may be launched, the preferred first. At least one.
	Types []InstanceType
	// Bid is the highest spot price that is accepted, in USD an hour. 0: the
	// on-demand price of each type, AWS's default.
	Bid float64
	// Monitoring is how often an instance publishes its CPU: a minute
	// (detailed) or five (basic). Required.
	Monitoring time.Duration
	// Warmup is the group's default instance warm-up. Nil: not set, so that the
	// cooldown takes its place.
	Warmup *time.Duration
	// Cooldown is the group's default cooldown. Nil: AWS's 300 s.
	Cooldown *time.Duration
	// LoadBalancerHealth replaces instances that fail the load balancer's health
	// checks (health_check_type ELB); else only those that no longer run.
	LoadBalancerHealth bool
	// GracePeriod is how long after InService failed health checks do not count.
	GracePeriod time.Duration
	// LaunchHook and TerminateHook are how long lifecycle hooks hold an instance
	// that nobody completes, which blocks simple policies. 0: no hook.
	LaunchHook, TerminateHook time.Duration
	// DeregistrationDelay is how long a terminating instance still finishes
	// its requests.
	DeregistrationDelay time.Duration
	// CapacityRebalance launches a replacement at the rebalance recommendation
	// instead of after the instance is gone.
	CapacityRebalance bool
	// RescuedBy names the group that gets one instance more for each
	// interruption notice in this one. Empty: none.
	RescuedBy string
	// Policies act on this group.
	Policies []Policy
}

// InstanceType is a type that a group may launch.
type InstanceType struct {
	// Name is EC2's, such as m4.large.
	Name string
	// VCPUs is how much CPU an instance has, in cores; above 0.
	VCPUs float64
	// OnDemandPrice and SpotPrice are in USD an hour. The market's price
	// changes, where there are any, replace SpotPrice from their time on.
	OnDemandPrice, SpotPrice float64
}

// PolicyKind tells how a policy decides.
type PolicyKind string

const (
	// StepScaling adds the more the further the metric is past the threshold.
	StepScaling PolicyKind = "StepScaling"
	// SimpleScaling adds one amount and then waits for its cooldown.
	SimpleScaling PolicyKind = "SimpleScaling"
)

// Adjustment tells what an amount means.
type Adjustment string

const (
	// ChangeInCapacity adds instances.
	ChangeInCapacity Adjustment = "ChangeInCapacity"
	// ExactCapacity sets the group's size.
	ExactCapacity Adjustment = "ExactCapacity"
	// PercentChangeInCapacity adds percent of the group's size, rounded as AWS does.
	PercentChangeInCapacity Adjustment = "PercentChangeInCapacity"
)

// Policy is a scaling policy and the alarms that invoke it.
// https://docs.aws.amazon.com/autoscaling/ec2/userguide/as-scaling-simple-step.html
type Policy struct {
	// Name is the policy's own name, Address where it is declared. Empty
	// Address: Name.
	Name, Address string
	// Kind is StepScaling or SimpleScaling.
	Kind PolicyKind
	// Adjustment is what amounts mean.
	Adjustment Adjustment
	// Amount is what a simple policy adds; negative removes.
	Amount int
	// Steps are those of a step policy, without gap or overlap.
	Steps []Step
	// MinMagnitude is the least that a percentage changes, in instances. 0: one.
	MinMagnitude int
	// Cooldown is a simple policy's own. Nil: the group's.
	Cooldown *time.Duration
	// Warmup is a step policy's own. Nil: the group's.
	Warmup *time.Duration
	// Alarms invoke the policy. None: nobody does, which is a fault unless
	// it is executed from outside, as a rescue policy is.
	Alarms []Alarm
}

// Step is one adjustment of a step policy. Its bounds are offsets from the
// alarm's threshold: at or above it Lower is inclusive and Upper exclusive,
// below it the other way round.
// https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_StepAdjustment.html
type Step struct {
	// Lower and Upper are in the metric's unit. Nil: open.
	Lower, Upper *float64
	// Amount is in the policy's Adjustment.
	Amount int
}

// Comparison is CloudWatch's comparison operator.
type Comparison string

const (
	// AtOrAbove is GreaterThanOrEqualToThreshold.
	AtOrAbove Comparison = "GreaterThanOrEqualToThreshold"
	// Above is GreaterThanThreshold.
	Above Comparison = "GreaterThanThreshold"
	// Below is LessThanThreshold.
	Below Comparison = "LessThanThreshold"
	// AtOrBelow is LessThanOrEqualToThreshold.
	AtOrBelow Comparison = "LessThanOrEqualToThreshold"
)

// MissingData is how an alarm treats periods without data.
type MissingData string

const (
	// Missing makes an alarm without any data INSUFFICIENT_DATA.
	Missing MissingData = "missing"
	// Ignore keeps the alarm's state.
	Ignore MissingData = "ignore"
	// Breaching counts a missing point as beyond the threshold.
	Breaching MissingData = "breaching"
	// NotBreaching counts it as within.
	NotBreaching MissingData = "notBreaching"
)

// Statistic is what an alarm makes of the values of a period. Only statistics
// of the group's CPU are simulated.
type Statistic string

const (
	// Average is the mean over instances and time.
	Average Statistic = "Average"
	// Maximum is the highest value of any instance.
	Maximum Statistic = "Maximum"
	// Minimum is the lowest value of any instance.
	Minimum Statistic = "Minimum"
)

// Alarm is a CloudWatch alarm on the CPUUtilization of a group.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/AlarmThatSendsEmail.html
type Alarm struct {
	// Name is the alarm's own name, Address where it is declared.
	Name, Address string
	// Group names the group whose CPU it watches. Empty: that of the policy.
	Group string
	// Statistic of the CPU. Empty: Average.
	Statistic Statistic
	// Comparison with the Threshold, which is in percent of CPU.
	Comparison Comparison
	Threshold  float64
	// Period is what one datapoint covers; whole minutes.
	Period time.Duration
	// EvaluationPeriods is N, the newest periods looked at, DatapointsToAlarm
	// M, how many of them breach, in any order. 0 for M: N.
	EvaluationPeriods, DatapointsToAlarm int
	// MissingData is how gaps count. Empty: Missing, AWS's default.
	MissingData MissingData
}
