package monitoring

import (
	"fmt"

	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/cloudwatchmetricalarm"

	"github.com/tandem-iac/tandem/constructs/scaling"
	"github.com/tandem-iac/tandem/internal/watch"
	"github.com/tandem-iac/tandem/spec"
)

// alarmConfig is what tells alarms that each watch one thing apart.
type alarmConfig struct {
	end         string // of the name
	description string
	// queries are computed by the minute; the last one is compared.
	queries     []watch.Query
	period      spec.Duration
	evaluations int
	comparison  string // a CloudWatch comparison operator
	threshold   float64
	// missing says what silence is: breaching, notBreaching or missing.
	missing string
}

const (
	atOrAbove = "GreaterThanOrEqualToThreshold"
	below     = "LessThanThreshold"

	// minute is how often all that is watched is measured.
	minute = spec.Duration(60e9)
)

// newAlarm adds an alarm that tells nobody by itself.
func newAlarm(scope constructs.Construct, c watch.Cluster, cfg alarmConfig) scaling.AlarmName {
	args := &cloudwatchmetricalarm.CloudwatchMetricAlarmConfig{
		AlarmName:          jsii.String(c.Alarm(cfg.end)),
		AlarmDescription:   &cfg.description,
		ComparisonOperator: &cfg.comparison,
		Threshold:          &cfg.threshold,
		EvaluationPeriods:  jsii.Number(cfg.evaluations),
		TreatMissingData:   &cfg.missing,
	}
	if len(cfg.queries) == 1 {
		m := cfg.queries[0].Metric
		args.Namespace, args.MetricName, args.Dimensions = &m.Namespace, &m.Name, dimensions(m)
		args.Statistic, args.Period = &m.Stat, jsii.Number(cfg.period.Seconds())
	} else {
		args.MetricQuery = metricQueries(cfg.queries, cfg.period)
	}
	return scaling.AlarmName(*cloudwatchmetricalarm.NewCloudwatchMetricAlarm(scope, &cfg.end, args).AlarmName())
}

// metricQueries has CloudWatch compare the last one.
func metricQueries(queries []watch.Query, period spec.Duration) (list []*cloudwatchmetricalarm.CloudwatchMetricAlarmMetricQuery) {
	for i, q := range queries {
		out := &cloudwatchmetricalarm.CloudwatchMetricAlarmMetricQuery{Id: &q.ID, Label: &q.Label}
		if q.Expression != "" {
			out.Expression = &q.Expression
		} else {
			out.Metric = &cloudwatchmetricalarm.CloudwatchMetricAlarmMetricQueryMetric{
				Namespace: &q.Metric.Namespace, MetricName: &q.Metric.Name, Dimensions: dimensions(q.Metric),
				Stat: &q.Metric.Stat, Period: jsii.Number(period.Seconds()),
			}
		}
		if i == len(queries)-1 {
			out.ReturnData = true
		}
		list = append(list, out)
	}
	return list
}

func dimensions(m watch.Metric) *map[string]*string {
	out := map[string]*string{}
	for _, d := range m.Dimensions {
		out[d.Name] = &d.Value
	}
	return &out
}

// noHealthyHost takes silence for the worst: a target group without targets
// publishes nothing.
func (b *builder) noHealthyHost(scope constructs.Construct, c watch.Cluster) scaling.AlarmName {
	return newAlarm(scope, c, alarmConfig{
		end:         watch.NoHealthyHost,
		description: "No instance of " + c.Name + " passes its health check",
		queries:     []watch.Query{c.HealthyHosts()},
		period:      minute,
		evaluations: int(b.rules.Alarms.NoHealthyHost.For / minute),
		comparison:  below,
		threshold:   1,
		missing:     "breaching",
	})
}

// errors has one period that slides on by the minute: an outage shows in its
// first minute, a few failures when they have become too many.
func (b *builder) errors(scope constructs.Construct, c watch.Cluster) scaling.AlarmName {
	rule := b.rules.Alarms.Errors
	return newAlarm(scope, c, alarmConfig{
		end: watch.Errors,
		description: fmt.Sprintf("%v %% or more of the requests to %s are answered with 5xx, by its load balancer or by instances, over %s",
			rule.Percent, c.Name, rule.Window),
		queries:     c.ErrorPercent(rule.MinimumRequests),
		period:      rule.Window,
		evaluations: 1,
		comparison:  atOrAbove,
		threshold:   rule.Percent,
		missing:     "notBreaching",
	})
}

func (b *builder) outOfStep(scope constructs.Construct, c watch.Cluster, g watch.Group) scaling.AlarmName {
	rule := b.rules.Alarms.OutOfStep
	return newAlarm(scope, c, alarmConfig{
		end: watch.OutOfStepAlarm(g),
		description: fmt.Sprintf("Group %s has had other than its desired capacity in service for %s: no capacity, or instances that do not come up",
			g.Name, rule.For),
		queries:     g.OutOfStep(),
		period:      minute,
		evaluations: int(rule.For / minute),
		comparison:  atOrAbove,
		threshold:   1,
		missing:     "missing",
	})
}
