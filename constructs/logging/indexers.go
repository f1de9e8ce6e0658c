package logging

import (
	"strconv"

	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"github.com/tandem-iac/tandem/constructs/machine"
	"github.com/tandem-iac/tandem/constructs/network"
	"github.com/tandem-iac/tandem/constructs/scaling"
	"github.com/tandem-iac/tandem/instance"
	"github.com/tandem-iac/tandem/internal/iam"
	"github.com/tandem-iac/tandem/spec"
)

// consumerGroup is what the indexers share Kafka's partitions as.
func (b *builder) consumerGroup() string { return b.Environment + "-log-indexer" }

// indexers adds the group that brings lines from the brokers to the index, and
// how it scales. Its machines ship their own logs as all others do.
func (b *builder) indexers(from brokers, to index) (machine.Group, error) {
	rule := b.Logging.Indexer
	firewall := b.indexerFirewall(from.Logs, to)
	kind := machine.New(b.node, machine.Config{
		Environment:  spec.Environment{Name: b.Environment, Region: b.Region, Account: b.Account, Tags: b.Tags},
		Name:         Name,
		Service:      spec.IndexerService,
		Playbook:     spec.IndexerPlaybook,
		Architecture: rule.Architecture(),
		Instance:     rule.Instance,
		Bootstrap:    rule.Bootstrap,
		Heartbeat:    rule.Drain().Heartbeat,
		Refresh:      rule.Refresh,
		Network:      b.Network,
		Builds:       b.Delivery.Builds,
		Packages:     b.Delivery.Packages,
		Logs:         &from.Logs,
	})
	ready := from.ready
	if to.secret.ARN != "" {
		ready = append(ready, kind.Grant("index-logs", to.secret.Read()))
	}
	group, err := kind.Group(machine.GroupConfig{
		Lifecycle:    machine.OnDemand,
		InstanceType: rule.InstanceType,
		Rules:        rule.Group,
		MinHealthy:   90, MaxHealthy: 110,
		SecurityGroup: firewall,
		Settings:      append(machine.DrainSettings(rule.Drain()), b.indexSettings(to)...),
		After:         ready,
	})
	if err != nil {
		return machine.Group{}, err
	}
	kind.Grant("agent", iam.Policy{machine.EndDrain(group), machine.Report()})
	_, err = scaling.New(b.node, "scaling", scaling.Config{
		Group:      group.Name,
		Name:       group.Label,
		Rules:      rule.Group,
		Monitoring: rule.Instance.Monitoring,
	})
	return group, err
}

// indexSettings tell an indexer where to write and how.
func (b *builder) indexSettings(to index) []instance.Setting {
	rule := b.Logging.Index
	settings := []instance.Setting{
		{Name: "TANDEM_LOG_CONSUMER_GROUP", Value: b.consumerGroup()},
		{Name: "TANDEM_LOG_INDEX_URL", Value: to.url()},
		{Name: "TANDEM_LOG_INDEX_PREFIX", Value: rule.Prefix},
		{Name: "TANDEM_LOG_RETENTION_DAYS", Value: strconv.Itoa(rule.RetentionDays)},
		{Name: "TANDEM_LOG_SHARDS", Value: strconv.Itoa(rule.Shards)},
		{Name: "TANDEM_LOG_REPLICAS", Value: strconv.Itoa(*rule.Replicas)},
	}
	if to.secret.ARN != "" {
		settings = append(settings, instance.Setting{Name: "TANDEM_LOG_INDEX_SECRET", Value: string(to.secret.ARN)})
	}
	return settings
}

// webPorts lead to AWS, by 443, and to the distribution's packages, by either.
var webPorts = []struct {
	name string
	port int
}{{"http", 80}, {"https", 443}}

// indexerFirewall adds the indexers' security group: nothing comes in, and what
// goes out goes to brokers, index, AWS and packages.
func (b *builder) indexerFirewall(from machine.Logs, to index) network.SecurityGroupID {
	group := b.securityGroup("indexers", "Indexers to brokers, index and AWS")
	rules := constructs.NewConstruct(b.node, jsii.String("rules"))
	for _, web := range webPorts {
		network.AllowOut(rules, web.name+"-out", network.Rule{Group: group, Description: web.name + " to AWS and packages", CIDR: network.Anywhere, Port: web.port})
	}
	for _, end := range []struct {
		name  string
		group network.SecurityGroupID
		port  int
	}{{"brokers", from.SecurityGroup, from.Port}, {"index", to.securityGroup, to.port}} {
		rule := network.Rule{Group: group, Description: "logs to the " + end.name, Peer: end.group, Port: end.port}
		if end.group == "" { // of which no more is known than the port
			rule.CIDR = network.Anywhere
		}
		if rule.CIDR == "" || end.port != 80 && end.port != 443 {
			network.AllowOut(rules, end.name+"-out", rule)
		}
	}
	from.AllowFrom(rules, group, "indexers")
	if to.securityGroup != "" {
		network.AllowIn(rules, "index-in", network.Rule{Group: to.securityGroup, Description: "logs from indexers", Peer: group, Port: to.port})
	}
	return group
}
