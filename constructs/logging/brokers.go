package logging

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/cloudwatchloggroup"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/dataawsmskbrokernodes"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/mskcluster"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/mskconfiguration"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/msksinglescramsecretassociation"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/secretsmanagersecretpolicy"
	"github.com/hashicorp/terraform-cdk-go/cdktf"

	"github.com/tandem-iac/tandem/constructs/machine"
	"github.com/tandem-iac/tandem/constructs/network"
	"github.com/tandem-iac/tandem/constructs/pointer"
	"github.com/tandem-iac/tandem/internal/iam"
	"github.com/tandem-iac/tandem/spec"
)

const (
	// scramPort is where MSK's brokers take SCRAM over TLS:
	// https://docs.aws.amazon.com/msk/latest/developerguide/port-info.html
	scramPort = 9096
	// brokerLogDays is how long the brokers' own logs are kept.
	brokerLogDays = 30
	// kafkaUser is the one user, of machines and indexers alike.
	kafkaUser = "tandem"
)

// brokers is where lines go, with what has to exist before anybody is let in.
type brokers struct {
	machine.Logs
	ready []cdktf.ITerraformDependable
}

// brokers are those that exist, or new ones.
func (b *builder) brokers() (brokers, error) {
	if existing := b.Logging.Kafka.Existing; existing != nil {
		return b.existingBrokers(*existing)
	}
	return b.newBrokers(), nil
}

// described is what does not depend on where brokers are.
func (b *builder) described() machine.Logs {
	return machine.Logs{Topic: b.Logging.Topic, QueueMiB: b.Logging.QueueMiB}
}

// existingBrokers passes through what the description names.
func (b *builder) existingBrokers(existing spec.ExistingKafka) (brokers, error) {
	logs := b.described()
	_, port, _ := strings.Cut(existing.Brokers[0], ":")
	number, err := strconv.Atoi(port)
	if err != nil {
		return brokers{}, fmt.Errorf("port of broker %s: %w", existing.Brokers[0], err)
	}
	logs.Brokers, logs.Port = strings.Join(existing.Brokers, ","), number
	logs.Security = existing.Security
	logs.Secret = machine.Secret{ARN: machine.SecretARN(existing.SecretARN), Key: machine.KeyARN(existing.SecretKeyARN)}
	logs.CAFile = existing.CAFile
	logs.SecurityGroup = network.SecurityGroupID(existing.SecurityGroup)
	return brokers{Logs: logs}, nil
}

// newBrokers adds an MSK cluster that lets in one user, over TLS.
func (b *builder) newBrokers() brokers {
	group := b.securityGroup("brokers", "Machines and indexers to brokers")
	secret := b.secret("broker-secret", "AmazonMSK_"+b.stem, kafkaUser, "The user that ships and indexes logs")
	node := constructs.NewConstruct(b.node, jsii.String("kafka"))
	cluster := mskcluster.NewMskCluster(node, jsii.String("cluster"), b.clusterArgs(node, group))

	// What MSK would attach itself: with it here, no plan wonders about it.
	// https://docs.aws.amazon.com/msk/latest/developerguide/msk-password-limitations.html
	policy := secretsmanagersecretpolicy.NewSecretsmanagerSecretPolicy(node, jsii.String("secret-policy"), &secretsmanagersecretpolicy.SecretsmanagerSecretPolicyConfig{
		SecretArn: (*string)(&secret.ARN),
		Policy: jsii.String(iam.Policy{{
			Sid:       "AWSKafkaResourcePolicy",
			Effect:    iam.Allow,
			Principal: iam.Service("kafka.amazonaws.com"),
			Action:    []string{"secretsmanager:getSecretValue"},
			Resource:  []string{string(secret.ARN)},
		}}.JSON()),
	})
	user := msksinglescramsecretassociation.NewMskSingleScramSecretAssociation(node, jsii.String("user"), &msksinglescramsecretassociation.MskSingleScramSecretAssociationConfig{
		ClusterArn: cluster.Arn(),
		SecretArn:  (*string)(&secret.ARN),
		DependsOn:  &[]cdktf.ITerraformDependable{secret.version, policy},
	})
	logs := b.described()
	logs.Brokers = brokerList(node, cluster.Arn())
	logs.Port, logs.Security, logs.Secret, logs.SecurityGroup = scramPort, spec.LogSCRAM, secret.Secret, group
	return brokers{Logs: logs, ready: []cdktf.ITerraformDependable{user}}
}

// brokerList names every broker, in order. The cluster's own attribute names
// some of them, not always the same, and so would change launch templates.
func brokerList(node constructs.Construct, cluster *string) string {
	nodes := dataawsmskbrokernodes.NewDataAwsMskBrokerNodes(node, jsii.String("nodes"), &dataawsmskbrokernodes.DataAwsMskBrokerNodesConfig{ClusterArn: cluster})
	list := fmt.Sprintf(`${join(",", [for node in %s.node_info_list : "${one(node.endpoints)}:%d"])}`, *nodes.Fqn(), scramPort)
	return *cdktf.NewTerraformLocal(node, jsii.String("brokers"), list).AsString()
}

func (b *builder) clusterArgs(node constructs.Construct, group network.SecurityGroupID) *mskcluster.MskClusterConfig {
	rule, zones := b.Logging.Kafka, len(b.Network.PrivateSubnets)
	config := mskconfiguration.NewMskConfiguration(node, jsii.String("configuration"), &mskconfiguration.MskConfigurationConfig{
		Name:             &b.stem,
		Description:      jsii.String("Brokers of " + b.stem),
		ServerProperties: jsii.String(serverProperties(rule, zones)),
	})
	ownLogs := cloudwatchloggroup.NewCloudwatchLogGroup(node, jsii.String("log-group"), &cloudwatchloggroup.CloudwatchLogGroupConfig{
		Name:            jsii.String("/tandem/" + b.Environment + "/kafka"),
		RetentionInDays: jsii.Number(brokerLogDays),
		Tags:            pointer.Map(b.tags(b.part("kafka"))),
	})
	return &mskcluster.MskClusterConfig{
		ClusterName:         &b.stem,
		KafkaVersion:        &rule.Version,
		NumberOfBrokerNodes: jsii.Number(rule.Brokers(zones)),
		// The level of the brokers' metrics; the lag of consumers is part of
		// every one. https://docs.aws.amazon.com/msk/latest/developerguide/metrics-details.html
		EnhancedMonitoring: jsii.String("DEFAULT"),
		BrokerNodeGroupInfo: &mskcluster.MskClusterBrokerNodeGroupInfo{
			InstanceType:   &rule.InstanceType,
			ClientSubnets:  pointer.List(b.subnets(rule.Zones(zones))),
			SecurityGroups: &[]*string{(*string)(&group)},
			StorageInfo: &mskcluster.MskClusterBrokerNodeGroupInfoStorageInfo{
				EbsStorageInfo: &mskcluster.MskClusterBrokerNodeGroupInfoStorageInfoEbsStorageInfo{VolumeSize: jsii.Number(rule.VolumeGiB)},
			},
		},
		ClientAuthentication: &mskcluster.MskClusterClientAuthentication{
			Unauthenticated: false,
			Sasl:            &mskcluster.MskClusterClientAuthenticationSasl{Scram: true},
		},
		ConfigurationInfo: &mskcluster.MskClusterConfigurationInfo{Arn: config.Arn(), Revision: config.LatestRevision()},
		EncryptionInfo: &mskcluster.MskClusterEncryptionInfo{
			EncryptionAtRestKmsKeyArn: (*string)(&b.key),
			EncryptionInTransit:       &mskcluster.MskClusterEncryptionInfoEncryptionInTransit{ClientBroker: jsii.String("TLS"), InCluster: true},
		},
		LoggingInfo: &mskcluster.MskClusterLoggingInfo{BrokerLogs: &mskcluster.MskClusterLoggingInfoBrokerLogs{
			CloudwatchLogs: &mskcluster.MskClusterLoggingInfoBrokerLogsCloudwatchLogs{Enabled: true, LogGroup: ownLogs.Name()},
		}},
		Tags: pointer.Map(b.tags(b.stem)),
	}
}

// serverProperties make the topic when it is first written to, with a copy in
// every zone. With three a line counts as written once two have it, so that
// either can go; with two, once one has it, or the loss of a zone would stop
// all shipping.
// https://docs.aws.amazon.com/msk/latest/developerguide/msk-default-configuration.html
func serverProperties(rule spec.Kafka, zones int) string {
	copies := rule.Zones(zones)
	var text strings.Builder
	for _, property := range []struct {
		name  string
		value any
	}{
		{"auto.create.topics.enable", true},
		{"default.replication.factor", copies},
		{"min.insync.replicas", copies - 1},
		{"num.partitions", rule.Partitions},
		{"log.retention.ms", int64(rule.Retention.Seconds()) * 1000},
		{"unclean.leader.election.enable", false},
	} {
		fmt.Fprintf(&text, "%s=%v\n", property.name, property.value)
	}
	return text.String()
}
