package rule

import (
	"slices"
	"strings"

	"github.com/tandem-iac/tandem/internal/review/inventory"
)

func topicRules() []Rule {
	return []Rule{
		{
			ID: "topic-lost", Severity: Dangerous,
			Title:  "A topic is destroyed that alarms tell people through",
			Why:    "The alarms stay, fire, and nobody hears of it.",
			Fix:    "Keep the topic, or give the alarms another one in the same plan.",
			Source: "https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Notify_Users_Alarm_Changes.html",
			change: func(w *World, found Found) {
				for _, alarm := range w.Before.Of(alarmTypes...) {
					for _, topic := range w.Before.Linked(alarm, "alarm_actions", "aws_sns_topic") {
						if !w.After.Has(topic) && w.silent(alarm, topic) {
							found(topic, "%s notifies it", alarm.Address)
						}
					}
				}
			},
		},
		{
			ID: "topic-unsubscribed", Severity: Look,
			Title:  "A topic loses its last subscription",
			Why:    "What is sent to it reaches nobody.",
			Fix:    "Keep a subscription, or add one: it counts only once it is confirmed.",
			Source: "https://docs.aws.amazon.com/sns/latest/dg/SendMessageToHttp.confirm.html",
			change: func(w *World, found Found) {
				subscribed := map[string]bool{}
				for _, s := range w.After.Of("aws_sns_topic_subscription") {
					for _, topic := range w.After.Linked(s, "topic_arn", "aws_sns_topic") {
						subscribed[topic.Address] = true
					}
				}
				for _, s := range w.Before.Of("aws_sns_topic_subscription") {
					for _, topic := range w.Before.Linked(s, "topic_arn", "aws_sns_topic") {
						if w.After.Has(topic) && !subscribed[topic.Address] {
							found(topic, "%s is destroyed", s.Address)
						}
					}
				}
			},
		},
	}
}

// silent says that an alarm stays and tells no topic but one, which goes.
func (w *World) silent(alarm, topic *Resource) bool {
	later := w.After.At(alarm.Address)
	if later == nil {
		return false
	}
	actions := later.Get("alarm_actions")
	others := slices.ContainsFunc(inventory.Texts(actions, nil), func(arn string) bool {
		return strings.Contains(arn, ":sns:") && !topic.Is("arn", arn)
	})
	return !others && !inventory.Unsure(actions) && len(w.After.Linked(later, "alarm_actions", "aws_sns_topic")) == 0
}
