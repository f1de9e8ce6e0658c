// Package cluster builds a web cluster: a load balancer in the public subnets
// before a pair of Auto Scaling groups in the private ones.
//
//	world ── 80, 443 ──> load balancer ── 80 ──> target group ─┬─ on-demand group: anchor and rescuer
//	                                                           └─ spot group: carries the load
//	spot instance ── interruption notice ──> rescue policy ──> on-demand group +1
package cluster

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

// Config configures New.
type Config struct {
	// Environment is the description that holds the cluster; its network and
	// other clusters do not matter. Required.
	Environment spec.Environment
	// Name is the cluster's key in Environment.Clusters. Required.
	Name string
	// Network is where the cluster lives. Required.
	Network network.Network
	// Delivery are the buckets it reads builds from and logs into. Required.
	Delivery delivery.Delivery
	// Logs is where its machines ship their logs. Nil: logs stay on the machines.
	Logs *machine.Logs
	// AlarmActions are the ARNs of what to tell when a rescue fails or has no
	// room, such as an SNS topic. Nil: the alarms show in CloudWatch alone.
	AlarmActions []string
}

// Cluster is what New has made.
type Cluster struct {
	// DNSName is the load balancer's; point the service's CNAME or alias at it.
	DNSName string
	// ZoneID is the hosted zone of that name, for alias records.
	ZoneID string
	// TargetGroup is where both groups register their instances.
	TargetGroup machine.TargetGroupARN
	// OnDemand and Spot are the pair of groups.
	OnDemand, Spot scaling.GroupName
	// Rescue adds one on-demand instance.
	Rescue scaling.PolicyARN
	// LoadBalancerDimension and TargetGroupDimension are their names in
	// CloudWatch: the ends of their ARNs.
	LoadBalancerDimension, TargetGroupDimension string
	// RescueFailed and RescueAtMax are the alarms on rescue.
	RescueFailed, RescueAtMax scaling.AlarmName
}

// New builds a cluster under scope/id. If cfg is invalid it returns a
// check.Errors and adds nothing.
func New(scope constructs.Construct, id string, cfg Config) (Cluster, error) {
	cfg = cfg.withDefaults()
	if err := cfg.Validate(); err != nil {
		return Cluster{}, fmt.Errorf("cluster %q: %w", id, err)
	}
	b := builder{
		Config:   cfg,
		node:     constructs.NewConstruct(scope, &id),
		spec:     cfg.Environment.Clusters[cfg.Name],
		fullName: cfg.Environment.Name + "-" + cfg.Name,
	}
	return b.build()
}

// withDefaults leaves only this cluster in the environment: with many, looking
// at all for each would take the square of their number.
func (cfg Config) withDefaults() Config {
	env := cfg.Environment
	clusters := map[string]spec.Cluster{}
	if c, known := env.Clusters[cfg.Name]; known {
		clusters[cfg.Name] = c
	}
	env.Clusters = clusters
	env.Logging = nil // what matters of it is in Logs
	cfg.Environment = env.WithDefaults()
	return cfg
}

// Validate reports every broken rule of the environment and every part that
// was not handed in.
func (cfg Config) Validate() error {
	var faults check.Errors
	_, known := cfg.Environment.Clusters[cfg.Name]
	faults.Require(known, "name", cfg.Name, "a cluster of the environment")
	faults.Require(cfg.Network.VPC != "", "network", "", "the network to live in")
	faults.Require(cfg.Delivery.Builds.Name != "", "delivery", "", "the buckets to use")
	return check.Merge(cfg.Environment.Validate(), faults.Err())
}

// builder adds the resources of one cluster.
type builder struct {
	Config
	node     constructs.Construct
	spec     spec.Cluster
	fullName string // environment-cluster, the stem of all names
}

func (b *builder) build() (Cluster, error) {
	firewall := b.securityGroups()
	balancer := b.loadBalancer(firewall.loadBalancer)
	group := b.targetGroup()
	target := machine.TargetGroupARN(*group.Arn())
	pair := pairConfig{
		listeners:     b.listeners(balancer.Arn(), target),
		machines:      machine.New(b.node, b.machineConfig()),
		securityGroup: firewall.instances,
		target:        target,
	}

	onDemand, err := b.onDemandGroup(pair)
	if err != nil {
		return Cluster{}, err
	}
	rescue, err := scaling.NewRescue(b.node, "rescue", scaling.RescueConfig{
		Group:        onDemand.Name,
		Name:         b.fullName,
		Environment:  b.Environment.Name,
		Cluster:      b.Name,
		AlarmActions: b.AlarmActions,
	})
	if err != nil {
		return Cluster{}, err
	}
	spot, err := b.spotGroup(pair, rescue.Policy)
	if err != nil {
		return Cluster{}, err
	}
	pair.machines.Grant("agent", b.agentPolicy(onDemand, spot, rescue.Policy, target))

	if err := b.scaling("on-demand-scaling", onDemand, b.spec.OnDemand.Group); err != nil {
		return Cluster{}, err
	}
	if err := b.scaling("spot-scaling", spot, b.spec.Spot.Group); err != nil {
		return Cluster{}, err
	}
	return Cluster{
		DNSName:     *balancer.DnsName(),
		ZoneID:      *balancer.ZoneId(),
		TargetGroup: target,
		OnDemand:    onDemand.Name,
		Spot:        spot.Name,
		Rescue:      rescue.Policy,

		LoadBalancerDimension: *balancer.ArnSuffix(),
		TargetGroupDimension:  *group.ArnSuffix(),
		RescueFailed:          rescue.Failed,
		RescueAtMax:           rescue.AtMax,
	}, nil
}

func (b *builder) scaling(id string, group machine.Group, rules spec.Group) error {
	_, err := scaling.New(b.node, id, scaling.Config{
		Group:      group.Name,
		Name:       group.Label,
		Rules:      rules,
		Monitoring: b.spec.Instance.Monitoring,
	})
	return err
}

// machineConfig is what both groups launch.
func (b *builder) machineConfig() machine.Config {
	return machine.Config{
		Environment:  b.Environment,
		Name:         b.Name,
		Service:      b.spec.Service,
		Playbook:     b.spec.Playbook,
		Architecture: b.spec.Architecture(),
		Instance:     b.spec.Instance,
		Bootstrap:    b.spec.Bootstrap,
		Heartbeat:    b.spec.Drain.Heartbeat,
		Refresh:      b.spec.Refresh,
		Network:      b.Network,
		Builds:       b.Delivery.Builds,
		Packages:     b.Delivery.Packages,
		Logs:         b.Logs,
	}
}

// tags are those of what both groups share.
func (b *builder) tags(name string) map[string]string { return b.machineConfig().Tags(name, "") }
