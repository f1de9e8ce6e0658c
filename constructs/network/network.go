// Package network builds the VPC that clusters live in, or takes one over.
//
//	internet ── internet gateway ── public subnets (load balancers, NAT) ─┐
//	                                one a zone                            │ NAT gateways
//	S3 ─────── gateway endpoint ─── private subnets (instances) ──────────┘
//	                                one a zone
package network

import (
	"fmt"

	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/defaultsecuritygroup"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/eip"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/internetgateway"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/natgateway"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/route"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/routetable"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/routetableassociation"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/subnet"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/vpc"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/vpcendpoint"
	"github.com/hashicorp/terraform-cdk-go/cdktf"

	"github.com/tandem-iac/tandem/internal/check"
	"github.com/tandem-iac/tandem/spec"
)

// VPCID is the id of a VPC. It may be a token: pass it on, never parse it.
type VPCID string

// SubnetID is the id of a subnet. It may be a token.
type SubnetID string

// EndpointID is the id of a VPC endpoint. It may be a token.
type EndpointID string

// Config configures New.
type Config struct {
	// Name prefixes the names of what is made. Required.
	Name string
	// Region is the AWS region to build in. Required.
	Region string
	// Network describes the network; unset fields have its defaults.
	Network spec.Network
}

// Network is where a cluster lives.
type Network struct {
	// VPC is its id.
	VPC VPCID
	// Key changes whenever the VPC becomes another one. Unlike the id it is
	// known before the VPC exists.
	Key string
	// PublicSubnets are the load balancers', one a zone.
	PublicSubnets []SubnetID
	// PrivateSubnets are the instances', one a zone.
	PrivateSubnets []SubnetID
	// S3Endpoint is the gateway endpoint through which the private subnets
	// reach S3. Empty: an existing network's is not described.
	S3Endpoint EndpointID
}

// New builds a network under scope/id; an existing one is passed through and
// nothing is added. If cfg is invalid it returns a check.Errors and adds
// nothing.
func New(scope constructs.Construct, id string, cfg Config) (Network, error) {
	cfg.Network = cfg.Network.WithDefaults(cfg.Region)
	if err := cfg.Validate(); err != nil {
		return Network{}, fmt.Errorf("network %q: %w", id, err)
	}
	if existing := cfg.Network.Existing; existing != nil {
		return Network{
			VPC:            VPCID(existing.VPC),
			Key:            existing.VPC,
			PublicSubnets:  subnetIDs(existing.PublicSubnets),
			PrivateSubnets: subnetIDs(existing.PrivateSubnets),
			S3Endpoint:     EndpointID(existing.S3Endpoint),
		}, nil
	}
	b := builder{
		node:   constructs.NewConstruct(scope, &id),
		name:   cfg.Name,
		region: cfg.Region,
		spec:   cfg.Network,
	}
	return b.build(), nil
}

// Validate reports every broken rule.
func (cfg Config) Validate() error {
	return check.Merge(spec.ValidateIdentity(cfg.Name, cfg.Region), cfg.Network.Validate(cfg.Region))
}

func subnetIDs(ids []string) []SubnetID {
	out := make([]SubnetID, len(ids))
	for i, id := range ids {
		out[i] = SubnetID(id)
	}
	return out
}

// builder adds the resources of one network.
type builder struct {
	node   constructs.Construct
	name   string
	region string
	spec   spec.Network
	vpc    *string // its id
}

func (b *builder) build() Network {
	b.vpc = vpc.NewVpc(b.node, jsii.String("vpc"), &vpc.VpcConfig{
		CidrBlock:          &b.spec.CIDR,
		EnableDnsHostnames: true,
		EnableDnsSupport:   true,
		Tags:               b.tags(""),
	}).Id()
	// Without rules: nothing may rely on the group that AWS puts things into
	// when nobody names one.
	defaultsecuritygroup.NewDefaultSecurityGroup(b.node, jsii.String("default-security-group"), &defaultsecuritygroup.DefaultSecurityGroupConfig{
		VpcId: b.vpc,
		Tags:  b.tags("default"),
	})
	gateway := internetgateway.NewInternetGateway(b.node, jsii.String("internet-gateway"), &internetgateway.InternetGatewayConfig{
		VpcId: b.vpc,
		Tags:  b.tags(""),
	})
	network := Network{VPC: VPCID(*b.vpc), Key: b.spec.CIDR}
	privateRoutes := b.zones(&network, gateway)
	// Free, and boots from S3 do not pay for the NAT gateways.
	// It has no policy of its own, and so lets everything through.
	network.S3Endpoint = EndpointID(*vpcendpoint.NewVpcEndpoint(b.node, jsii.String("s3"), &vpcendpoint.VpcEndpointConfig{
		VpcId:           b.vpc,
		ServiceName:     jsii.String("com.amazonaws." + b.region + ".s3"),
		VpcEndpointType: jsii.String("Gateway"),
		RouteTableIds:   &privateRoutes,
		Tags:            b.tags("s3"),
	}).Id())
	return network
}

// zones adds the subnets of every availability zone to network, and returns
// the private route tables.
func (b *builder) zones(network *Network, gateway internetgateway.InternetGateway) (privateTables []*string) {
	publicRoutes := b.routes(b.node, "public", "public", func(r *route.RouteConfig) { r.GatewayId = gateway.Id() })
	var nat *string // the gateway of this zone, or the only one
	for i, zone := range b.spec.AvailabilityZones {
		scope := constructs.NewConstruct(b.node, &zone)
		public := b.subnet(scope, "public", zone, b.spec.PublicSubnets[i], publicRoutes)
		if nat == nil || b.spec.NAT == spec.NATPerAZ {
			nat = b.natGateway(scope, zone, public, gateway)
		}
		privateRoutes := b.routes(scope, "private", "private-"+zone, func(r *route.RouteConfig) { r.NatGatewayId = nat })
		private := b.subnet(scope, "private", zone, b.spec.PrivateSubnets[i], privateRoutes)
		network.PublicSubnets = append(network.PublicSubnets, SubnetID(*public))
		network.PrivateSubnets = append(network.PrivateSubnets, SubnetID(*private))
		privateTables = append(privateTables, privateRoutes)
	}
	return privateTables
}

// tags names a part of the network; the rest comes from the provider's default tags.
func (b *builder) tags(part string) *map[string]*string {
	name := b.name
	if part != "" {
		name += "-" + part
	}
	return &map[string]*string{"Name": &name}
}

// routes adds a route table and its way out; via sets the way. It returns the
// table's id.
func (b *builder) routes(scope constructs.Construct, kind, name string, via func(*route.RouteConfig)) *string {
	table := routetable.NewRouteTable(scope, jsii.String(kind+"-routes"), &routetable.RouteTableConfig{
		VpcId: b.vpc,
		Tags:  b.tags(name),
	}).Id()
	out := route.RouteConfig{RouteTableId: table, DestinationCidrBlock: jsii.String("0.0.0.0/0")}
	via(&out)
	route.NewRoute(scope, jsii.String(kind+"-default-route"), &out)
	return table
}

func (b *builder) subnet(scope constructs.Construct, kind, zone, cidr string, routes *string) *string {
	id := subnet.NewSubnet(scope, &kind, &subnet.SubnetConfig{
		VpcId:            b.vpc,
		AvailabilityZone: &zone,
		CidrBlock:        &cidr,
		Tags:             b.tags(kind + "-" + zone),
	}).Id()
	routetableassociation.NewRouteTableAssociation(scope, jsii.String(kind+"-routes-association"), &routetableassociation.RouteTableAssociationConfig{
		SubnetId:     id,
		RouteTableId: routes,
	})
	return id
}

// natGateway waits for the internet gateway, without which it fails to come up.
func (b *builder) natGateway(scope constructs.Construct, zone string, public *string, gateway cdktf.ITerraformDependable) *string {
	address := eip.NewEip(scope, jsii.String("nat-address"), &eip.EipConfig{
		Domain: jsii.String("vpc"),
		Tags:   b.tags("nat-" + zone),
	})
	return natgateway.NewNatGateway(scope, jsii.String("nat"), &natgateway.NatGatewayConfig{
		AllocationId: address.Id(),
		SubnetId:     public,
		Tags:         b.tags("nat-" + zone),
		DependsOn:    &[]cdktf.ITerraformDependable{gateway},
	}).Id()
}
