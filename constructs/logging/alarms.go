package logging

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/cloudwatchmetricalarm"

	"github.com/tandem-iac/tandem/constructs/machine"
	"github.com/tandem-iac/tandem/constructs/pointer"
	"github.com/tandem-iac/tandem/constructs/scaling"
)

// alarm is on one metric, or on an expression over several of its dimensions.
type alarm struct {
	name, description string
	namespace, metric string
	statistic         string
	// dimensions are those of each metric; where there is an expression, it
	// calls them m1, m2 and so on.
	dimensions []map[string]string
	expression string // empty: the one metric
	below      bool   // goes off below the threshold, else at or above it
	threshold  float64
	minutes    int // of one period
	periods    int
	urgent     bool // lines are lost if nobody sees to it
}

// alarms adds those on whatever is made here. Missing data shows as such and
// sets nothing off: Kafka knows no lag before the first line was indexed.
func (b *builder) alarms(indexers machine.Group) (page, notify []scaling.AlarmName) {
	node := constructs.NewConstruct(b.node, jsii.String("alarms"))
	list := []alarm{{
		name: "no-indexer", description: "No indexer is in service: logs wait in Kafka",
		namespace: "AWS/AutoScaling", metric: "GroupInServiceInstances", statistic: "Maximum",
		dimensions: []map[string]string{{"AutoScalingGroupName": string(indexers.Name)}},
		below:      true, threshold: 1, minutes: 1, periods: 10,
	}}
	if b.Logging.Kafka.Existing == nil {
		list = append(list, b.brokerAlarms()...)
	}
	if b.Logging.Index.Existing == nil {
		list = append(list, b.indexAlarms()...)
	}
	for _, a := range list {
		name := scaling.AlarmName(*cloudwatchmetricalarm.NewCloudwatchMetricAlarm(node, &a.name, b.alarmArgs(a)).AlarmName())
		if a.urgent {
			page = append(page, name)
		} else {
			notify = append(notify, name)
		}
	}
	return page, notify
}

// brokerAlarms are on MSK's metrics:
// https://docs.aws.amazon.com/msk/latest/developerguide/metrics-details.html
func (b *builder) brokerAlarms() []alarm {
	limits := b.Logging.Alarms
	disk := alarm{ // of the fullest broker: one cause, one alarm
		name: "broker-disk", description: fmt.Sprintf("A broker's disk is %d %% full: make it larger, or retention shorter", limits.BrokerDiskPercent),
		namespace: "AWS/Kafka", metric: "KafkaDataLogsDiskUsed", statistic: "Maximum",
		threshold: float64(limits.BrokerDiskPercent), minutes: 5, periods: 1, urgent: true,
	}
	for i := range b.Logging.Kafka.Brokers(len(b.Network.PrivateSubnets)) {
		disk.dimensions = append(disk.dimensions, map[string]string{"Cluster Name": b.stem, "Broker ID": strconv.Itoa(i + 1)})
	}
	disk.expression = "MAX([" + strings.Join(ids(len(disk.dimensions)), ", ") + "])"
	return []alarm{disk, {
		name: "consumer-lag", description: "The indexers are " + limits.Lag.String() + " behind: is the index well, are there enough of them?",
		namespace: "AWS/Kafka", metric: "EstimatedMaxTimeLag", statistic: "Maximum",
		dimensions: []map[string]string{{"Cluster Name": b.stem, "Consumer Group": b.consumerGroup(), "Topic": b.Logging.Topic}},
		// Indexers commit how far they are once an hour: the lag grows until
		// then, and is no trouble unless it outlasts a commit.
		threshold: float64(limits.Lag.Seconds()), minutes: 5, periods: 15,
	}}
}

// ids are what expressions call so many metrics: m1, m2 and so on.
func ids(n int) []string {
	list := make([]string, n)
	for i := range list {
		list[i] = "m" + strconv.Itoa(i+1)
	}
	return list
}

// indexAlarms are those that AWS recommends of a domain that is written to:
// https://docs.aws.amazon.com/opensearch-service/latest/developerguide/cloudwatch-alarms.html
func (b *builder) indexAlarms() []alarm {
	rule, free := b.Logging.Index, b.Logging.Alarms.FreeStoragePercent
	domain := []map[string]string{{"DomainName": b.stem, "ClientId": b.account()}}
	list := []alarm{
		{
			// The metric counts since the node's start.
			name: "writes-rejected", description: "The index rejects writes: it needs more nodes or larger ones",
			metric: "ThreadpoolWriteRejected", statistic: "Sum", expression: "DIFF(m1)", threshold: 1, minutes: 1, periods: 1,
		},
		{
			name: "writes-blocked", description: "The index is blocked for writes: its disks are full, or its memory is short",
			metric: "ClusterIndexWritesBlocked", statistic: "Maximum", threshold: 1, minutes: 5, periods: 1,
		},
		{
			name: "index-red", description: "A shard of the index has no copy in service",
			metric: "ClusterStatus.red", statistic: "Maximum", threshold: 1, minutes: 1, periods: 1,
		},
		{
			name: "index-storage", description: fmt.Sprintf("A node of the index has less than %d %% of its disk free: make it larger, or keep logs for less days", free),
			metric: "FreeStorageSpace", statistic: "Minimum", below: true,
			threshold: float64(rule.VolumeGiB * 1024 * free / 100), // in MiB
			minutes:   1, periods: 1,
		},
	}
	for i := range list {
		list[i].namespace, list[i].dimensions = "AWS/ES", domain
	}
	return list
}

func (b *builder) alarmArgs(a alarm) *cloudwatchmetricalarm.CloudwatchMetricAlarmConfig {
	args := &cloudwatchmetricalarm.CloudwatchMetricAlarmConfig{
		AlarmName:          jsii.String(b.part(a.name)),
		AlarmDescription:   &a.description,
		ComparisonOperator: jsii.String("GreaterThanOrEqualToThreshold"),
		Threshold:          &a.threshold,
		EvaluationPeriods:  jsii.Number(a.periods),
		TreatMissingData:   jsii.String("missing"),
		Tags:               pointer.Map(b.tags(b.part(a.name))),
	}
	if a.below {
		args.ComparisonOperator = jsii.String("LessThanThreshold")
	}
	if len(b.AlarmActions) > 0 {
		args.AlarmActions = jsii.Strings(b.AlarmActions...)
	}
	period := jsii.Number(60 * a.minutes)
	if a.expression == "" {
		args.Namespace, args.MetricName, args.Statistic, args.Period = &a.namespace, &a.metric, &a.statistic, period
		args.Dimensions = pointer.Map(a.dimensions[0])
		return args
	}
	names := ids(len(a.dimensions))
	queries := []*cloudwatchmetricalarm.CloudwatchMetricAlarmMetricQuery{
		{Id: jsii.String("result"), Expression: &a.expression, Label: &a.name, ReturnData: true},
	}
	for i, dimensions := range a.dimensions {
		queries = append(queries, &cloudwatchmetricalarm.CloudwatchMetricAlarmMetricQuery{
			Id: &names[i],
			Metric: &cloudwatchmetricalarm.CloudwatchMetricAlarmMetricQueryMetric{
				Namespace: &a.namespace, MetricName: &a.metric, Stat: &a.statistic, Period: period, Dimensions: pointer.Map(dimensions),
			},
		})
	}
	args.MetricQuery = queries
	return args
}
