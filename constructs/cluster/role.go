package cluster

import (
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/iaminstanceprofile"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/iamrole"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/iamrolepolicy"
	"github.com/hashicorp/terraform-cdk-go/cdktf"

	"github.com/tandem-iac/tandem/constructs/account"
	"github.com/tandem-iac/tandem/constructs/scaling"
	"github.com/tandem-iac/tandem/instance"
	"github.com/tandem-iac/tandem/internal/awsregion"
	"github.com/tandem-iac/tandem/internal/iam"
	"github.com/tandem-iac/tandem/internal/rescue/metric"
)

// instanceRole is what instances may do, and when they may start.
type instanceRole struct {
	node    constructs.Construct
	role    *string // its name
	profile *string // the instance profile's ARN
	// ready has to exist before an instance boots, which otherwise finds
	// itself without the right to fetch its setup script.
	ready []cdktf.ITerraformDependable
}

// instanceRole adds the role with what an instance needs to set itself up.
// IAM knows no regions, so the region is part of its name.
func (b *builder) instanceRole() instanceRole {
	node := constructs.NewConstruct(b.node, jsii.String("instance-role"))
	name := b.fullName + "-" + b.Environment.Region
	role := iamrole.NewIamRole(node, jsii.String("role"), &iamrole.IamRoleConfig{
		Name:             &name,
		Description:      jsii.String("Instances of cluster " + b.Name),
		AssumeRolePolicy: jsii.String(iam.Trust(awsregion.EC2Principal(b.Environment.Region)).JSON()),
		Tags:             pointers(b.tags(name, "")),
	}).Name()
	profile := iaminstanceprofile.NewIamInstanceProfile(node, jsii.String("profile"), &iaminstanceprofile.IamInstanceProfileConfig{
		Name: &name,
		Role: role,
		Tags: pointers(b.tags(name, "")),
	}).Arn()
	setup := iamrolepolicy.NewIamRolePolicy(node, jsii.String("setup"), &iamrolepolicy.IamRolePolicyConfig{
		Name:   jsii.String("setup"),
		Role:   role,
		Policy: jsii.String(b.setupPolicy(account.ID(node, b.Environment.Account)).JSON()),
	})
	return instanceRole{node: node, role: role, profile: profile, ready: []cdktf.ITerraformDependable{setup}}
}

// setupPolicy lets an instance read its own releases, be reached through
// Systems Manager and say what it runs.
func (b *builder) setupPolicy(account string) iam.Policy {
	builds := string(b.Delivery.Builds.ARN)
	setup := "setup/*" // of any version: templates old and new boot side by side
	if b.spec.Bootstrap.SetupKey != "" {
		setup = b.spec.Bootstrap.SetupKey
	}
	instances := "arn:" + awsregion.Partition(b.Environment.Region) + ":ec2:" + b.Environment.Region + ":" + account + ":instance/"
	return iam.Policy{
		{
			Sid:    "ReadReleases",
			Effect: iam.Allow,
			Action: []string{"s3:GetObject"},
			Resource: []string{
				builds + "/" + setup,
				builds + "/" + b.spec.Service + "/" + b.Environment.Name + "/*",
				builds + "/" + b.spec.Playbook + "/" + b.Environment.Name + "/*",
				builds + "/" + instance.AgentArtifact("amd64") + "/" + b.Environment.Name + "/*",
				builds + "/" + instance.AgentArtifact("arm64") + "/" + b.Environment.Name + "/*",
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

// agentPolicy lets the agent on an instance call for rescue and take the
// instance out of service. It names the groups, so it is added after them.
func (b *builder) agentPolicy(role instanceRole, onDemand, spot autoScalingGroup, rescue scaling.PolicyARN, target TargetGroupARN) {
	policy := iam.Policy{
		{
			// IAM checks this action against the group, so that an instance may
			// execute the group's other policies too; the policy's ARN says
			// which one is meant, and is enough should IAM learn to tell:
			// https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonec2autoscaling.html
			Sid:      "Rescue",
			Effect:   iam.Allow,
			Action:   []string{"autoscaling:ExecutePolicy"},
			Resource: []string{string(onDemand.arn), string(rescue)},
		},
		{
			Sid:      "EndDrain",
			Effect:   iam.Allow,
			Action:   []string{"autoscaling:CompleteLifecycleAction"},
			Resource: []string{string(onDemand.arn), string(spot.arn)},
		},
		{
			// And return to it, should the interruption be withdrawn.
			Sid:      "LeaveLoadBalancer",
			Effect:   iam.Allow,
			Action:   []string{"elasticloadbalancing:DeregisterTargets", "elasticloadbalancing:RegisterTargets"},
			Resource: []string{string(target)},
		},
		{
			// Looking at groups knows no resource to name, so a condition keeps
			// it to the region.
			Sid:       "SeeCapacity",
			Effect:    iam.Allow,
			Action:    []string{"autoscaling:DescribeAutoScalingGroups"},
			Resource:  []string{"*"},
			Condition: map[string]map[string]any{"StringEquals": {"aws:RequestedRegion": b.Environment.Region}},
		},
		{
			// Nor do metrics:
			// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/iam-cw-condition-keys-namespace.html
			Sid:       "Report",
			Effect:    iam.Allow,
			Action:    []string{"cloudwatch:PutMetricData"},
			Resource:  []string{"*"},
			Condition: map[string]map[string]any{"StringEquals": {"cloudwatch:namespace": metric.Namespace}},
		},
	}
	iamrolepolicy.NewIamRolePolicy(role.node, jsii.String("agent"), &iamrolepolicy.IamRolePolicyConfig{
		Name:   jsii.String("agent"),
		Role:   role.role,
		Policy: jsii.String(policy.JSON()),
	})
}
