package cluster

import (
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"github.com/tandem-iac/tandem/constructs/network"
)

// instancePort is where instances serve, in the clear: TLS ends at the load balancer.
const instancePort = 80

// firewall is the pair of security groups:
//
//	world ── 80, 443 ──> loadBalancer ── 80 ──> instances ──> anywhere
type firewall struct {
	loadBalancer, instances network.SecurityGroupID
}

func (b *builder) securityGroups() firewall {
	f := firewall{
		loadBalancer: b.securityGroup("load-balancer", "The world to the load balancer"),
		instances:    b.securityGroup("instances", "The load balancer to instances"),
	}
	rules := constructs.NewConstruct(b.node, jsii.String("rules"))
	for _, port := range []struct {
		name   string
		number int
	}{{"http", 80}, {"https", 443}} {
		network.AllowIn(rules, "world-"+port.name, network.Rule{
			Group: f.loadBalancer, Description: port.name + " from the world", CIDR: network.Anywhere, Port: port.number,
		})
	}
	network.AllowOut(rules, "load-balancer-out", network.Rule{
		Group: f.loadBalancer, Description: "http to instances", Peer: f.instances, Port: instancePort,
	})
	network.AllowIn(rules, "instances-in", network.Rule{
		Group: f.instances, Description: "http from the load balancer", Peer: f.loadBalancer, Port: instancePort,
	})
	network.AllowOut(rules, "instances-out", network.Rule{Group: f.instances, Description: "anywhere", CIDR: network.Anywhere})
	if b.Logs != nil {
		b.Logs.AllowFrom(rules, f.instances, "cluster "+b.Name)
	}
	return f
}

func (b *builder) securityGroup(id, description string) network.SecurityGroupID {
	name := b.fullName + "-" + id
	return network.NewSecurityGroup(b.node, id+"-security-group", network.SecurityGroupConfig{
		VPC:         b.Network.VPC,
		Name:        name,
		Description: description,
		Tags:        b.tags(name),
	})
}
