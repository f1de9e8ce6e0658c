// Package watch knows what is measured of a cluster: the metrics of AWS and of
// the agents, what is computed of them, and the names of its alarms. Alarms and
// dashboards are built from it, so that they mean the same.
//
//	Cluster ──> Query, Query, … ──> constructs/monitoring: alarms
//	                            ──> internal/dashboard: panels
package watch

// Query is a line of a chart or an input of an alarm: a metric, or an
// expression over the queries beside it.
type Query struct {
	// ID is what expressions call it, unique among the queries beside it: a
	// lower-case letter, then letters, digits and underscores.
	ID string
	// Label is what people read.
	Label string
	// Metric is what is measured. Zero: Expression says what is computed.
	Metric Metric
	// Expression is CloudWatch metric math
	// (https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html).
	Expression string
	// Hidden queries are only there for expressions.
	Hidden bool
}

// Metric is a statistic of a CloudWatch metric.
type Metric struct {
	Namespace, Name string
	Dimensions      []Dimension
	// Stat is Average, Minimum, Maximum, Sum, SampleCount or a percentile such as p99.
	Stat string
}

// Dimension is a part of a metric's identity. Its value may be a token.
type Dimension struct{ Name, Value string }

// Cluster is whose metrics they are. All but the first three may be tokens.
type Cluster struct {
	// Environment and Name are the dimensions under which agents report.
	Environment, Name string
	// Region is where the metrics are.
	Region string
	// LoadBalancer is the end of its ARN: app/<name>/<id>.
	LoadBalancer string
	// TargetGroup is the end of its ARN: targetgroup/<name>/<id>.
	TargetGroup string
}

// FullName is the stem of the names of all that belongs to the cluster.
func (c Cluster) FullName() string { return c.Environment + "-" + c.Name }

// hide returns the queries as inputs of an expression.
func hide(queries ...Query) []Query {
	for i := range queries {
		queries[i].Hidden = true
	}
	return queries
}
