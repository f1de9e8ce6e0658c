package cluster

import (
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/securitygroup"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/vpcsecuritygroupegressrule"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/vpcsecuritygroupingressrule"
	"github.com/hashicorp/terraform-cdk-go/cdktf"
)

// SecurityGroupID is the id of a security group. It may be a token.
type SecurityGroupID string

// instancePort is where instances serve, in the clear: TLS ends at the load balancer.
const instancePort = 80

// firewall is the pair of security groups:
//
//	world ── 80, 443 ──> loadBalancer ── 80 ──> instances ──> anywhere
type firewall struct {
	loadBalancer, instances SecurityGroupID
}

func (b *builder) securityGroups() firewall {
	f := firewall{
		loadBalancer: b.securityGroup("load-balancer", "The world to the load balancer"),
		instances:    b.securityGroup("instances", "The load balancer to instances"),
	}
	rules := constructs.NewConstruct(b.node, jsii.String("rules"))
	anywhere := jsii.String("0.0.0.0/0")
	for _, port := range []struct {
		name   string
		number float64
	}{{"http", 80}, {"https", 443}} {
		vpcsecuritygroupingressrule.NewVpcSecurityGroupIngressRule(rules, jsii.String("world-"+port.name), &vpcsecuritygroupingressrule.VpcSecurityGroupIngressRuleConfig{
			SecurityGroupId: (*string)(&f.loadBalancer),
			Description:     jsii.String(port.name + " from the world"),
			CidrIpv4:        anywhere,
			IpProtocol:      jsii.String("tcp"),
			FromPort:        &port.number,
			ToPort:          &port.number,
		})
	}
	b.allowHTTP(rules, f)
	vpcsecuritygroupegressrule.NewVpcSecurityGroupEgressRule(rules, jsii.String("instances-out"), &vpcsecuritygroupegressrule.VpcSecurityGroupEgressRuleConfig{
		SecurityGroupId: (*string)(&f.instances),
		Description:     jsii.String("anywhere"),
		CidrIpv4:        anywhere,
		IpProtocol:      jsii.String("-1"),
	})
	return f
}

// allowHTTP lets the load balancer reach instances, out of one group and into
// the other.
func (b *builder) allowHTTP(rules constructs.Construct, f firewall) {
	vpcsecuritygroupegressrule.NewVpcSecurityGroupEgressRule(rules, jsii.String("load-balancer-out"), &vpcsecuritygroupegressrule.VpcSecurityGroupEgressRuleConfig{
		SecurityGroupId:           (*string)(&f.loadBalancer),
		Description:               jsii.String("http to instances"),
		ReferencedSecurityGroupId: (*string)(&f.instances),
		IpProtocol:                jsii.String("tcp"),
		FromPort:                  jsii.Number(instancePort),
		ToPort:                    jsii.Number(instancePort),
	})
	vpcsecuritygroupingressrule.NewVpcSecurityGroupIngressRule(rules, jsii.String("instances-in"), &vpcsecuritygroupingressrule.VpcSecurityGroupIngressRuleConfig{
		SecurityGroupId:           (*string)(&f.instances),
		Description:               jsii.String("http from the load balancer"),
		ReferencedSecurityGroupId: (*string)(&f.loadBalancer),
		IpProtocol:                jsii.String("tcp"),
		FromPort:                  jsii.Number(instancePort),
		ToPort:                    jsii.Number(instancePort),
	})
}

// securityGroup adds a group without rules. Its name ends in a suffix of the
// provider's: a replacement has to exist before instances can leave the old one.
func (b *builder) securityGroup(id, description string) SecurityGroupID {
	name := b.fullName + "-" + id
	vpc := string(b.Network.VPC)
	return SecurityGroupID(*securitygroup.NewSecurityGroup(b.node, jsii.String(id+"-security-group"), &securitygroup.SecurityGroupConfig{
		NamePrefix:  jsii.String(name + "-"),
		Description: &description,
		VpcId:       &vpc,
		Tags:        pointers(b.tags(name, "")),
		Lifecycle:   &cdktf.TerraformResourceLifecycle{CreateBeforeDestroy: jsii.Bool(true)},
	}).Id())
}
