package network

import (
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/securitygroup"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/vpcsecuritygroupegressrule"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/vpcsecuritygroupingressrule"
	"github.com/hashicorp/terraform-cdk-go/cdktf"

	"github.com/tandem-iac/tandem/constructs/pointer"
)

// SecurityGroupID is the id of a security group. It may be a token.
type SecurityGroupID string

// Anywhere is every IPv4 address.
const Anywhere = "0.0.0.0/0"

// SecurityGroupConfig configures NewSecurityGroup.
type SecurityGroupConfig struct {
	// VPC is where the group is. Required.
	VPC VPCID
	// Name is the stem of its name. Required.
	Name string
	// Description says what passes it. Required.
	Description string
	// Tags are put on it. Nil: the provider's default tags alone.
	Tags map[string]string
}

// NewSecurityGroup adds a group without rules. Its name ends in a suffix of the
// provider's: a replacement has to exist before anything can leave the old one.
func NewSecurityGroup(scope constructs.Construct, id string, cfg SecurityGroupConfig) SecurityGroupID {
	return SecurityGroupID(*securitygroup.NewSecurityGroup(scope, &id, &securitygroup.SecurityGroupConfig{
		NamePrefix:  jsii.String(cfg.Name + "-"),
		Description: &cfg.Description,
		VpcId:       (*string)(&cfg.VPC),
		Tags:        pointer.Map(cfg.Tags),
		Lifecycle:   &cdktf.TerraformResourceLifecycle{CreateBeforeDestroy: jsii.Bool(true)},
	}).Id())
}

// Rule lets traffic into a security group or out of it: TCP on one port, to or
// from either a group or a range.
type Rule struct {
	// Group is what the rule is for. Required.
	Group SecurityGroupID
	// Description says what passes. Required.
	Description string
	// Peer is the group at the other end. Empty: CIDR says who.
	Peer SecurityGroupID
	// CIDR is the IPv4 range at the other end. Empty: Peer says who.
	CIDR string
	// Port is that of the end which is connected to. 0: every port of every
	// protocol.
	Port int
}

// args are the rule's terms, which are the same in both directions.
func (r Rule) args() vpcsecuritygroupingressrule.VpcSecurityGroupIngressRuleConfig {
	args := vpcsecuritygroupingressrule.VpcSecurityGroupIngressRuleConfig{
		SecurityGroupId: (*string)(&r.Group),
		Description:     &r.Description,
		IpProtocol:      jsii.String("-1"),
	}
	if r.Port != 0 {
		args.IpProtocol = jsii.String("tcp")
		args.FromPort, args.ToPort = jsii.Number(r.Port), jsii.Number(r.Port)
	}
	if r.Peer != "" {
		args.ReferencedSecurityGroupId = (*string)(&r.Peer)
	} else {
		args.CidrIpv4 = &r.CIDR
	}
	return args
}

// AllowIn adds a rule for what comes into a group.
func AllowIn(scope constructs.Construct, id string, rule Rule) {
	args := rule.args()
	vpcsecuritygroupingressrule.NewVpcSecurityGroupIngressRule(scope, &id, &args)
}

// AllowOut adds a rule for what goes out of a group.
func AllowOut(scope constructs.Construct, id string, rule Rule) {
	args := vpcsecuritygroupegressrule.VpcSecurityGroupEgressRuleConfig(rule.args())
	vpcsecuritygroupegressrule.NewVpcSecurityGroupEgressRule(scope, &id, &args)
}
