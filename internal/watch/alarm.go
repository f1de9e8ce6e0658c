package watch

import "github.com/tandem-iac/tandem/internal/awsregion"

// Ends of the names of a cluster's alarms, after <environment>-<cluster>-.
const (
	// NoHealthyHost, Errors and those OutOfStep are the monitoring's.
	NoHealthyHost = "no-healthy-host"
	Errors        = "errors"
	outOfStep     = "out-of-step"
	// RescueFailed and RescueAtMax are the cluster's own.
	RescueFailed = "rescue-failed"
	RescueAtMax  = "rescue-at-max"
	// Down, AtRisk and Notice put the others together.
	Down   = "down"
	AtRisk = "at-risk"
	Notice = "notice"
)

// OutOfStepAlarm is the end of the name of a group's alarm.
func OutOfStepAlarm(g Group) string { return g.Lifecycle + "-" + outOfStep }

// Alarm is the full name of an alarm.
func (c Cluster) Alarm(end string) string { return c.FullName() + "-" + end }

// Alarms are the ends of the names of all alarms that each watch one thing.
// Those by which groups scale are none: they are ordinary.
func (c Cluster) Alarms() []string {
	ends := []string{NoHealthyHost, Errors, RescueFailed, RescueAtMax}
	for _, g := range c.Groups() {
		ends = append(ends, OutOfStepAlarm(g))
	}
	return ends
}

// AlarmARN is an alarm's ARN in an account, which may be a token.
func (c Cluster) AlarmARN(account, end string) string {
	return "arn:" + awsregion.Partition(c.Region) + ":cloudwatch:" + c.Region + ":" + account + ":alarm:" + c.Alarm(end)
}
