package machine

import (
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/iaminstanceprofile"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/iamrole"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/iamrolepolicy"
	"github.com/hashicorp/terraform-cdk-go/cdktf"

	"github.com/tandem-iac/tandem/constructs/account"
	"github.com/tandem-iac/tandem/constructs/pointer"
	"github.com/tandem-iac/tandem/instance"
	"github.com/tandem-iac/tandem/internal/awsregion"
	"github.com/tandem-iac/tandem/internal/iam"
	"github.com/tandem-iac/tandem/internal/rescue/metric"
)

// role is what machines may do, and when they may start.
type role struct {
	node    constructs.Construct
	name    *string
	profile *string // the instance profile's ARN
	// ready has to exist before a machine boots, which otherwise finds itself
	// without the right to fetch its setup script.
	ready []cdktf.ITerraformDependable
}

// newRole adds the role with what a machine needs to set itself up.
// IAM knows no regions, so the region is part of its name.
func (k Kind) newRole() role {
	node := constructs.NewConstruct(k.node, jsii.String("instance-role"))
	name := k.cfg.Stem() + "-" + k.cfg.Environment.Region
	added := iamrole.NewIamRole(node, jsii.String("role"), &iamrole.IamRoleConfig{
		Name:             &name,
		Description:      jsii.String("Instances of cluster " + k.cfg.Name),
		AssumeRolePolicy: jsii.String(iam.Trust(awsregion.EC2Principal(k.cfg.Environment.Region)).JSON()),
		Tags:             pointer.Map(k.cfg.Tags(name, "")),
	}).Name()
	profile := iaminstanceprofile.NewIamInstanceProfile(node, jsii.String("profile"), &iaminstanceprofile.IamInstanceProfileConfig{
		Name: &name,
		Role: added,
		Tags: pointer.Map(k.cfg.Tags(name, "")),
	}).Arn()
	r := role{node: node, name: added, profile: profile}
	r.ready = append(r.ready, r.grant("setup", k.cfg.setupPolicy(account.ID(node, k.cfg.Environment.Account))))
	if logs := k.cfg.Logs; logs != nil && logs.Secret.ARN != "" {
		r.ready = append(r.ready, r.grant("ship-logs", logs.Secret.Read()))
	}
	return r
}

// Grant lets all machines of the kind do what policy says, under a name of its
// own. What a grant names may be added after the groups; what a machine needs to
// set itself up is granted before, and the grant is one of its group's After.
func (k Kind) Grant(name string, policy iam.Policy) cdktf.ITerraformDependable {
	return k.role.grant(name, policy)
}

func (r role) grant(name string, policy iam.Policy) cdktf.ITerraformDependable {
	return iamrolepolicy.NewIamRolePolicy(r.node, &name, &iamrolepolicy.IamRolePolicyConfig{
		Name:   &name,
		Role:   r.name,
		Policy: jsii.String(policy.JSON()),
	})
}

// setupPolicy lets a machine read its own releases, be reached through
// Systems Manager and say what it runs.
func (cfg Config) setupPolicy(account string) iam.Policy {
	builds := string(cfg.Builds.ARN)
	setup := "setup/*" // of any version: templates old and new boot side by side
	if cfg.Bootstrap.SetupKey != "" {
		setup = cfg.Bootstrap.SetupKey
	}
	instances := "arn:" + awsregion.Partition(cfg.Environment.Region) + ":ec2:" + cfg.Environment.Region + ":" + account + ":instance/"
	return iam.Policy{
		{
			Sid:    "ReadReleases",
			Effect: iam.Allow,
			Action: []string{"s3:GetObject"},
			Resource: []string{
				builds + "/" + setup,
				builds + "/" + cfg.Service + "/" + cfg.Environment.Name + "/*",
				builds + "/" + cfg.Playbook + "/" + cfg.Environment.Name + "/*",
				builds + "/" + instance.AgentArtifact("amd64") + "/" + cfg.Environment.Name + "/*",
				builds + "/" + instance.AgentArtifact("arm64") + "/" + cfg.Environment.Name + "/*",
			},
		},
		{
			// What the Systems Manager agent does knows no resource to name, so
			// a condition keeps it to this account's instances:
			// https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonmessagegatewayservice.html
			Sid:    "SystemsManager",
			Effect: iam.Allow,
			Action: []string{
				"ssm:UpdateInstanceInformation",
				"ssmmessages:CreateControlChannel", "ssmmessages:CreateDataChannel",
				"ssmmessages:OpenControlChannel", "ssmmessages:OpenDataChannel",
				"ec2messages:AcknowledgeMessage", "ec2messages:DeleteMessage", "ec2messages:FailMessage",
				"ec2messages:GetEndpoint", "ec2messages:GetMessages", "ec2messages:SendReply",
			},
			Resource:  []string{"*"},
			Condition: map[string]map[string]any{"ArnLike": {"ec2:SourceInstanceARN": instances + "*"}},
		},
		{
			// An instance says which release it runs: itself and in these tags
			// only. The policy variable is escaped from Terraform.
			Sid:      "TagItself",
			Effect:   iam.Allow,
			Action:   []string{"ec2:CreateTags"},
			Resource: []string{instances + "*"},
			Condition: map[string]map[string]any{
				"ArnEquals":                 {"ec2:SourceInstanceARN": instances + "$${ec2:InstanceID}"},
				"ForAllValues:StringEquals": {"aws:TagKeys": []string{"tandem:release", "tandem:playbook-release"}},
			},
		},
	}
}

// EndDrain lets the agent say that a machine of these groups is drained.
func EndDrain(groups ...Group) iam.Statement {
	s := iam.Statement{Sid: "EndDrain", Effect: iam.Allow, Action: []string{"autoscaling:CompleteLifecycleAction"}}
	for _, g := range groups {
		s.Resource = append(s.Resource, string(g.ARN))
	}
	return s
}

// Report lets the agent publish its metrics, which know no resource to name:
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/iam-cw-condition-keys-namespace.html
func Report() iam.Statement {
	return iam.Statement{
		Sid:       "Report",
		Effect:    iam.Allow,
		Action:    []string{"cloudwatch:PutMetricData"},
		Resource:  []string{"*"},
		Condition: map[string]map[string]any{"StringEquals": {"cloudwatch:namespace": metric.Namespace}},
	}
}
