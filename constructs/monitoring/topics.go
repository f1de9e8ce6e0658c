package monitoring

import (
	"crypto/sha256"
	"encoding/hex"

	"github.com/aws/jsii-runtime-go"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/kmsalias"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/kmskey"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/snstopic"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/snstopicpolicy"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/snstopicsubscription"

	"github.com/tandem-iac/tandem/internal/awsregion"
	"github.com/tandem-iac/tandem/internal/iam"
	"github.com/tandem-iac/tandem/spec"
)

// alarmService is who publishes.
var alarmService = iam.Service("cloudwatch.amazonaws.com")

// topics adds both topics, under one key.
func (b *builder) topics() Monitoring {
	key := b.key()
	return Monitoring{
		Page:   b.topic(spec.SeverityPage, key, b.rules.Page),
		Notify: b.topic(spec.SeverityNotify, key, b.rules.Notify),
	}
}

// key adds a key of the account's own: with the one that AWS keeps for SNS,
// CloudWatch cannot publish to an encrypted topic
// (https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html#compatibility-with-aws-services).
func (b *builder) key() *string {
	node := b.scope(b.node, "key")
	key := kmskey.NewKmsKey(node, jsii.String("key"), &kmskey.KmsKeyConfig{
		Description:       jsii.String("Alarms of " + b.Environment.Name),
		EnableKeyRotation: true,
		Policy:            jsii.String(b.keyPolicy().JSON()),
	})
	kmsalias.NewKmsAlias(node, jsii.String("alias"), &kmsalias.KmsAliasConfig{
		Name:        jsii.String("alias/" + b.Environment.Name + "-alarms"),
		TargetKeyId: key.KeyId(),
	})
	return key.Arn()
}

// keyPolicy leaves the key to the account, and has alarms use it.
func (b *builder) keyPolicy() iam.Policy {
	return iam.Policy{
		{
			Sid:       "Account",
			Effect:    iam.Allow,
			Principal: iam.Account(awsregion.Partition(b.Environment.Region), b.account),
			Action:    []string{"kms:*"},
			Resource:  []string{"*"}, // this key
		},
		{
			Sid:       "Alarms",
			Effect:    iam.Allow,
			Principal: alarmService,
			Action:    []string{"kms:Decrypt", "kms:GenerateDataKey*"},
			Resource:  []string{"*"},
			Condition: map[string]map[string]any{"StringEquals": {"aws:SourceAccount": b.account}},
		},
	}
}

// topic adds a topic that alarms of the account may publish to.
func (b *builder) topic(severity string, key *string, subscriptions []spec.Subscription) TopicARN {
	node := b.scope(b.node, severity)
	topic := snstopic.NewSnsTopic(node, jsii.String("topic"), &snstopic.SnsTopicConfig{
		Name:           jsii.String(b.Environment.Name + "-" + severity),
		KmsMasterKeyId: key,
	})
	snstopicpolicy.NewSnsTopicPolicy(node, jsii.String("policy"), &snstopicpolicy.SnsTopicPolicyConfig{
		Arn:    topic.Arn(),
		Policy: jsii.String(b.topicPolicy(*topic.Arn()).JSON()),
	})
	for _, s := range subscriptions {
		snstopicsubscription.NewSnsTopicSubscription(node, jsii.String(fingerprint(s)), &snstopicsubscription.SnsTopicSubscriptionConfig{
			TopicArn: topic.Arn(),
			Protocol: &s.Protocol,
			Endpoint: &s.Endpoint,
		})
	}
	return TopicARN(*topic.Arn())
}

// fingerprint tells subscriptions apart, whatever characters they have and in
// whatever order they stand, without showing endpoints in addresses.
func fingerprint(s spec.Subscription) string {
	sum := sha256.Sum256([]byte(s.Protocol + "\x00" + s.Endpoint))
	return hex.EncodeToString(sum[:4])
}

// topicPolicy takes the place of the one that SNS makes, by which all of the
// account may publish
// (https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Notify_Users_Alarm_Changes.html).
func (b *builder) topicPolicy(topic string) iam.Policy {
	region := b.Environment.Region
	return iam.Policy{{
		Sid:       "Alarms",
		Effect:    iam.Allow,
		Principal: alarmService,
		Action:    []string{"sns:Publish"},
		Resource:  []string{topic},
		Condition: map[string]map[string]any{
			"StringEquals": {"aws:SourceAccount": b.account},
			"ArnLike":      {"aws:SourceArn": "arn:" + awsregion.Partition(region) + ":cloudwatch:" + region + ":" + b.account + ":alarm:*"},
		},
	}}
}
