package watch

import (
	"fmt"
	"strconv"
)

// balancer is a metric of the load balancer as a whole; all that it counts is
// missing where there is nothing to count
// (https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-cloudwatch-metrics.html).
func (c Cluster) balancer(id, label, name, stat string) Query {
	return Query{ID: id, Label: label, Metric: Metric{
		Namespace:  "AWS/ApplicationELB",
		Name:       name,
		Dimensions: []Dimension{{"LoadBalancer", c.LoadBalancer}},
		Stat:       stat,
	}}
}

// target is a metric of the target group behind the load balancer.
func (c Cluster) target(id, label, name, stat string) Query {
	q := c.balancer(id, label, name, stat)
	q.Metric.Dimensions = append(q.Metric.Dimensions, Dimension{"TargetGroup", c.TargetGroup})
	return q
}

// Requests are those that have reached an instance.
func (c Cluster) Requests() Query { return c.balancer("requests", "requests", "RequestCount", "Sum") }

// RequestsPerTarget are what an instance has of them.
func (c Cluster) RequestsPerTarget() Query {
	return c.target("each", "requests for each instance", "RequestCountPerTarget", "Sum")
}

// Latency is the time until an instance has answered, in seconds, that the
// given percentage of requests took no more than.
func (c Cluster) Latency(percentile int) Query {
	p := "p" + strconv.Itoa(percentile)
	return c.balancer(p, p, "TargetResponseTime", p)
}

// ClientErrors are the requests answered with 4xx, and by whom.
func (c Cluster) ClientErrors() []Query {
	return []Query{
		c.balancer("elb4xx", "4xx of the load balancer", "HTTPCode_ELB_4XX_Count", "Sum"),
		c.balancer("target4xx", "4xx of instances", "HTTPCode_Target_4XX_Count", "Sum"),
	}
}

// ServerErrors are the requests answered with 5xx, and by whom.
func (c Cluster) ServerErrors() []Query {
	return []Query{
		c.balancer("elb5xx", "5xx of the load balancer", "HTTPCode_ELB_5XX_Count", "Sum"),
		c.balancer("target5xx", "5xx of instances", "HTTPCode_Target_5XX_Count", "Sum"),
	}
}

// ErrorPercent is the share of requests that are answered with 5xx, and what it
// is computed of: 0 where there are fewer requests in a period than minimum.
// RequestCount leaves out those for which the load balancer has found no
// instance; it answers them with 5xx of its own, so these are added.
func (c Cluster) ErrorPercent(minimum int) []Query {
	inputs := hide(append(c.ServerErrors(), c.Requests())...)
	const failed, all = "FILL(elb5xx, 0) + FILL(target5xx, 0)", "FILL(requests, 0) + FILL(elb5xx, 0)"
	return append(inputs, Query{
		ID: "errors", Label: "5xx in percent of requests",
		Expression: fmt.Sprintf("IF((%s) >= %d, 100 * (%s) / (%s), 0)", all, minimum, failed, all),
	})
}

// HealthyHosts are the instances that pass the health check, as the load
// balancer's node with the best view has it.
func (c Cluster) HealthyHosts() Query {
	return c.target("healthy", "healthy", "HealthyHostCount", "Maximum")
}

// UnhealthyHosts are the instances that are registered and fail it.
func (c Cluster) UnhealthyHosts() Query {
	return c.target("unhealthy", "not healthy", "UnHealthyHostCount", "Maximum")
}
