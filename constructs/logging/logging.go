// Package logging builds the way of logs from machines to where they are
// searched. What exists already takes the place of what would be made.
//
//	machines ── 9096 ──> brokers (MSK) ── 9096 ──> indexers ── 443 ──> index (OpenSearch)
//	                 topic, kept for days        Auto Scaling group     an index a day
//
//	KMS key ──> disks of brokers and index, secrets with the user of each
//	alarms <── lag, brokers' disks, rejected writes, the index's health, missing indexers
package logging

import (
	"fmt"

	"github.com/aws/constructs-go/constructs/v10"

	"github.com/tandem-iac/tandem/constructs/delivery"
	"github.com/tandem-iac/tandem/constructs/machine"
	"github.com/tandem-iac/tandem/constructs/network"
	"github.com/tandem-iac/tandem/constructs/scaling"
	"github.com/tandem-iac/tandem/internal/check"
	"github.com/tandem-iac/tandem/spec"
)

// Name is that of the stack, and the cluster's on its machines.
const Name = "logging"

// Config configures New.
type Config struct {
	// Environment prefixes the names of what is made. Required.
	Environment string
	// Region is the AWS region to build in. Required.
	Region string
	// Account is the id of the account. Empty: asked of AWS at each plan.
	Account string
	// Tags are put on indexers, which default tags do not reach. Nil: none.
	Tags map[string]string
	// Logging describes it all; unset fields have its defaults.
	Logging spec.Logging
	// Network is where it lives, in the first three private subnets at most,
	// each of which has to be in a zone of its own. Required.
	Network network.Network
	// Delivery are the buckets that indexers fetch releases from. Required.
	Delivery delivery.Delivery
	// AlarmActions are the ARNs of what to tell when an alarm goes off, such as
	// an SNS topic. Nil: the alarms show in CloudWatch alone, unless somebody
	// reads Page and Notify.
	AlarmActions []string
}

// Logging is what New has made, or what it was told exists.
type Logging struct {
	// Logs is what a cluster needs to ship its logs.
	Logs machine.Logs
	// IndexURL is where logs are searched, https://host:port.
	IndexURL string
	// IndexSecret holds the index's user. None: it asks for none.
	IndexSecret machine.Secret
	// Indexers is the group of indexers.
	Indexers scaling.GroupName
	// Page are the alarms that cannot wait, Notify those that can: what they
	// watch stands in Kafka meanwhile. They tell nobody by themselves.
	Page, Notify []scaling.AlarmName
}

// Shipping is what a cluster is told; nil where there is no logging.
func (l *Logging) Shipping() *machine.Logs {
	if l == nil {
		return nil
	}
	return &l.Logs
}

// New builds the logging of an environment under scope/id. If cfg is invalid it
// returns a check.Errors and adds nothing.
//
// A domain in a VPC needs the account's service-linked role of OpenSearch, which
// nothing here makes, as an account has it once:
// https://docs.aws.amazon.com/opensearch-service/latest/developerguide/slr-aos.html
func New(scope constructs.Construct, id string, cfg Config) (Logging, error) {
	cfg.Logging = cfg.Logging.WithDefaults(len(cfg.Network.PrivateSubnets))
	if err := cfg.Validate(); err != nil {
		return Logging{}, fmt.Errorf("logging %q: %w", id, err)
	}
	b := builder{Config: cfg, node: constructs.NewConstruct(scope, &id), stem: cfg.Environment + "-" + Name}
	return b.build()
}

// Validate reports every broken rule and every part that was not handed in.
func (cfg Config) Validate() error {
	var faults check.Errors
	faults.Require(cfg.Network.VPC != "", "network", "", "the network to live in")
	faults.Require(cfg.Delivery.Builds.Name != "", "delivery", "", "the buckets to use")
	return check.Merge(
		spec.ValidateIdentity(cfg.Environment, cfg.Region),
		cfg.Logging.Validate(cfg.Region, cfg.Account, len(cfg.Network.PrivateSubnets)),
		faults.Err(),
	)
}

// builder adds the resources of one environment's logging.
type builder struct {
	Config
	node constructs.Construct
	stem string // environment-logging, which all names begin with
	key  machine.KeyARN
}

func (b *builder) build() (Logging, error) {
	if b.Logging.Kafka.Existing == nil || b.Logging.Index.Existing == nil {
		b.key = b.newKey()
	}
	logs, err := b.brokers()
	if err != nil {
		return Logging{}, err
	}
	index := b.index()
	group, err := b.indexers(logs, index)
	if err != nil {
		return Logging{}, err
	}
	page, notify := b.alarms(group)
	return Logging{
		Logs:        logs.Logs,
		IndexURL:    index.url(),
		IndexSecret: index.secret,
		Indexers:    group.Name,
		Page:        page,
		Notify:      notify,
	}, nil
}

// part names a part of it.
func (b *builder) part(name string) string { return b.stem + "-" + name }

// tags are those of what is no machine.
func (b *builder) tags(name string) map[string]string {
	return map[string]string{"Name": name, "tandem:cluster": Name}
}

// subnets are the first private ones, in so many zones.
func (b *builder) subnets(zones int) []network.SubnetID { return b.Network.PrivateSubnets[:zones] }

func (b *builder) securityGroup(id, description string) network.SecurityGroupID {
	return network.NewSecurityGroup(b.node, id+"-security-group", network.SecurityGroupConfig{
		VPC:         b.Network.VPC,
		Name:        b.part(id),
		Description: description,
		Tags:        b.tags(b.part(id)),
	})
}
