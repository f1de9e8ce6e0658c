package watch

import "github.com/tandem-iac/tandem/internal/rescue/metric"

// agent is a metric that the agents of the cluster's instances report. Most are
// missing while nothing happens.
func (c Cluster) agent(id, label, name, stat string) Query {
	return Query{ID: id, Label: label, Metric: Metric{
		Namespace:  metric.Namespace,
		Name:       name,
		Dimensions: []Dimension{{metric.Environment, c.Environment}, {metric.Cluster, c.Name}},
		Stat:       stat,
	}}
}

// Interruptions are notices, and what comes before some of them.
func (c Cluster) Interruptions() []Query {
	return []Query{
		c.agent("notices", "interruption notices", metric.Notices, "Sum"),
		c.agent("rebalances", "rebalance recommendations", metric.Rebalances, "Sum"),
	}
}

// Rescues are what agents have done about notices.
func (c Cluster) Rescues() []Query {
	return []Query{
		c.agent("rescues", "rescues", metric.Rescues, "Sum"),
		c.RescueFailures(),
		c.agent("full", "rescues at the maximum", metric.GroupAtMax, "Sum"),
	}
}

// RescueFailures are rescues that were refused, or not accepted in their time.
func (c Cluster) RescueFailures() Query {
	return c.agent("failures", "failed rescues", metric.RescueFailures, "Sum")
}

// NoticeSecondsLeft is what was left of the shortest notice when it was seen.
func (c Cluster) NoticeSecondsLeft() Query {
	return c.agent("left", "seconds left of a notice", metric.NoticeSecondsLeft, "Minimum")
}

// ReleaseSkew are the newest and the oldest release that instances run, and by
// how much they differ.
func (c Cluster) ReleaseSkew() []Query {
	return []Query{
		c.agent("newest", "newest release", metric.Release, "Maximum"),
		c.agent("oldest", "oldest release", metric.Release, "Minimum"),
		{ID: "skew", Label: "skew", Expression: "newest - oldest"},
	}
}
