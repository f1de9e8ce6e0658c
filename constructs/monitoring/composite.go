package monitoring

import (
	"strings"

	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/cloudwatchcompositealarm"

	"github.com/tandem-iac/tandem/constructs/cluster"
	"github.com/tandem-iac/tandem/constructs/scaling"
	"github.com/tandem-iac/tandem/internal/watch"
	"github.com/tandem-iac/tandem/spec"
)

// risk is an alarm and what happens when it fires.
type risk struct {
	severity string
	alarm    scaling.AlarmName
}

// risks adds the alarms on what has not hurt yet, and takes those that the
// cluster has of its own.
func (b *builder) risks(scope constructs.Construct, c watch.Cluster, made cluster.Cluster) []risk {
	rules := b.rules.Alarms
	groups := c.Groups()
	return []risk{
		{rules.RescueFailed, made.RescueFailed},
		{rules.OnDemandAtMax, made.RescueAtMax},
		{rules.OutOfStep.OnDemand, b.outOfStep(scope, c, groups[0])},
		{rules.OutOfStep.Spot, b.outOfStep(scope, c, groups[1])},
	}
}

func (p Part) risks() (list []risk) {
	for _, alarm := range p.Page {
		list = append(list, risk{spec.SeverityPage, alarm})
	}
	for _, alarm := range p.Notify {
		list = append(list, risk{spec.SeverityNotify, alarm})
	}
	return list
}

// outage adds the alarms that callers are being failed.
func (b *builder) outage(scope constructs.Construct, c watch.Cluster) []scaling.AlarmName {
	return []scaling.AlarmName{b.noHealthyHost(scope, c), b.errors(scope, c)}
}

// atRisk adds an alarm for each severity that has risks. What follows from an
// outage tells nobody beside it: down, if there is such an alarm, silences both.
// That is a part of the rule and no actions suppressor, which would tell when
// the outage ends of a risk that has ended before.
func (b *builder) atRisk(scope constructs.Construct, stem, name string, topics Monitoring, risks []risk, down scaling.AlarmName) {
	subject := name
	if down != "" {
		subject += " serves, and"
	}
	for _, each := range []struct {
		severity, end, description string
		topic                      TopicARN
	}{
		{spec.SeverityPage, watch.AtRisk, subject + " would not stand the next failure", topics.Page},
		{spec.SeverityNotify, watch.Notice, subject + " wants to be looked at", topics.Notify},
	} {
		var alarms []scaling.AlarmName
		for _, r := range risks {
			if r.severity == each.severity {
				alarms = append(alarms, r.alarm)
			}
		}
		if len(alarms) == 0 {
			continue
		}
		rule := anyOf(alarms...)
		if down != "" {
			rule = "(" + rule + ") AND NOT " + anyOf(down)
		}
		composite(scope, each.end, stem+"-"+each.end, each.description, rule, each.topic)
	}
}

// anyOf is the rule that at least one of the alarms is on
// (https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutCompositeAlarm.html).
func anyOf(alarms ...scaling.AlarmName) string {
	var terms []string
	for _, alarm := range alarms {
		terms = append(terms, `ALARM("`+string(alarm)+`")`)
	}
	return strings.Join(terms, " OR ")
}

// composite adds an alarm that tells of its beginning and of its end.
func composite(scope constructs.Construct, id, name, description, rule string, topic TopicARN) scaling.AlarmName {
	actions := jsii.Strings(string(topic))
	return scaling.AlarmName(*cloudwatchcompositealarm.NewCloudwatchCompositeAlarm(scope, &id, &cloudwatchcompositealarm.CloudwatchCompositeAlarmConfig{
		AlarmName:        &name,
		AlarmDescription: &description,
		AlarmRule:        &rule,
		AlarmActions:     actions,
		OkActions:        actions,
	}).AlarmName())
}
