// Package metric names what the agent on an instance reports to CloudWatch, for
// the agent and for the alarms on it.
package metric

// Namespace holds all metrics. The instance's role may write to no other.
const Namespace = "Tandem/Spot"

// Dimensions of every metric. There are no others, so that the number of
// metrics, which CloudWatch charges for, does not grow with that of instances.
const (
	Environment = "Environment"
	Cluster     = "Cluster"
)

// Names of metrics. All count, but for NoticeSecondsLeft and Release.
const (
	// Notices are interruption notices.
	Notices = "InterruptionNotices"
	// Rebalances are rebalance recommendations.
	Rebalances = "RebalanceRecommendations"
	// Rescues are executions of the rescue policy that AWS has accepted.
	Rescues = "Rescues"
	// RescueFailures are rescues that were refused, or not accepted in their time.
	RescueFailures = "RescueFailures"
	// GroupAtMax are rescues that found the group at its maximum, or took it there.
	GroupAtMax = "RescueGroupAtMax"
	// NoticeSecondsLeft is what is left of a notice when it is seen, in seconds.
	NoticeSecondsLeft = "NoticeSecondsLeft"
	// Release is the number of the service's release that is in place, once
	// every five minutes from every instance that has one. Over five minutes or
	// more, a maximum above the minimum says that there are several.
	Release = "Release"
)
