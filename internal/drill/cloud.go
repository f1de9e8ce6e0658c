package drill

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	scaling "github.com/aws/aws-sdk-go-v2/service/autoscaling/types"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	compute "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/tandem-iac/tandem/internal/fleet"
	"github.com/tandem-iac/tandem/internal/moto"
	"github.com/tandem-iac/tandem/spec"
)

const (
	// rescuePolicy is the name of the policy that spot instances execute.
	rescuePolicy = "rescue"
	// image is one that the stand-in for EC2 knows.
	image = "ami-12c6146b"
)

// cloud is the cluster in the stand-in for AWS.
type cloud struct {
	groups  *autoscaling.Client
	compute *ec2.Client
	targets *elb.Client

	environment, name string
	spot, onDemand    string
	policyARN         string
	targetGroup       string
	// maxOnDemand is the on-demand group's maximum, raised where the description
	// has no room for a rescue of every spot instance.
	maxOnDemand int
}

// newCloud makes the cluster's groups, target group and rescue policy, as
// Terraform would, with as many spot instances as there will be interruptions.
func newCloud(ctx context.Context, url string, cfg Config) (*cloud, error) {
	client := moto.Config(url)
	client.HTTPClient = moto.Member(cfg.Account)
	c := &cloud{
		groups: autoscaling.NewFromConfig(client), compute: ec2.NewFromConfig(client), targets: elb.NewFromConfig(client),
		environment: cfg.Environment, name: cfg.Cluster,
	}
	stem := cfg.Environment + "-" + cfg.Cluster
	c.spot, c.onDemand = stem+"-"+fleet.Spot, stem+"-"+fleet.OnDemand
	rules := cfg.Spec
	c.maxOnDemand = max(rules.OnDemand.Max, rules.OnDemand.Min+cfg.Interruptions)

	subnets, vpc, err := c.network(ctx)
	if err != nil {
		return nil, err
	}
	if err := c.addTargetGroup(ctx, stem, vpc, rules.TargetGroup, cfg.Timing); err != nil {
		return nil, err
	}
	for _, group := range []groupConfig{
		{c.onDemand, fleet.OnDemand, rules.OnDemand.InstanceType, rules.OnDemand.Min, c.maxOnDemand, rules.OnDemand.Min},
		{c.spot, fleet.Spot, rules.Spot.InstanceTypes[0], min(rules.Spot.Min, cfg.Interruptions), max(rules.Spot.Max, cfg.Interruptions), cfg.Interruptions},
	} {
		if err := c.addGroup(ctx, group, subnets); err != nil {
			return nil, fmt.Errorf("group %s: %w", group.name, err)
		}
	}
	return c, c.addRescue(ctx)
}

// addRescue adds the policy of +1.
func (c *cloud) addRescue(ctx context.Context) error {
	_, err := c.groups.PutScalingPolicy(ctx, &autoscaling.PutScalingPolicyInput{
		AutoScalingGroupName: &c.onDemand, PolicyName: aws.String(rescuePolicy), PolicyType: aws.String("SimpleScaling"),
		AdjustmentType: aws.String("ChangeInCapacity"), ScalingAdjustment: aws.Int32(1),
	})
	if err != nil {
		return err
	}
	// The stand-in's answer does not name it.
	made, err := c.groups.DescribePolicies(ctx, &autoscaling.DescribePoliciesInput{AutoScalingGroupName: &c.onDemand})
	if err != nil {
		return err
	}
	c.policyARN = *made.ScalingPolicies[0].PolicyARN
	return nil
}

func (c *cloud) network(ctx context.Context) (subnets []string, vpc *string, err error) {
	made, err := c.compute.CreateVpc(ctx, &ec2.CreateVpcInput{CidrBlock: aws.String("10.0.0.0/16")})
	if err != nil {
		return nil, nil, err
	}
	for i, zone := range []string{"a", "b"} {
		subnet, err := c.compute.CreateSubnet(ctx, &ec2.CreateSubnetInput{
			VpcId: made.Vpc.VpcId, CidrBlock: aws.String(fmt.Sprintf("10.0.%d.0/24", i)), AvailabilityZone: aws.String(moto.Region + zone),
		})
		if err != nil {
			return nil, nil, err
		}
		subnets = append(subnets, *subnet.Subnet.SubnetId)
	}
	return subnets, made.Vpc.VpcId, nil
}

func (c *cloud) addTargetGroup(ctx context.Context, name string, vpc *string, rule spec.TargetGroup, timing Timing) error {
	made, err := c.targets.CreateTargetGroup(ctx, &elb.CreateTargetGroupInput{
		Name: &name, VpcId: vpc, Port: aws.Int32(80), Protocol: elbtypes.ProtocolEnumHttp, TargetType: elbtypes.TargetTypeEnumInstance,
		HealthCheckPath: &rule.HealthCheck.Path,
	})
	if err != nil {
		return err
	}
	c.targetGroup = *made.TargetGroups[0].TargetGroupArn
	seconds := strconv.Itoa(int(timing.Deregistration.Seconds()))
	_, err = c.targets.ModifyTargetGroupAttributes(ctx, &elb.ModifyTargetGroupAttributesInput{
		TargetGroupArn: &c.targetGroup,
		Attributes:     []elbtypes.TargetGroupAttribute{{Key: aws.String("deregistration_delay.timeout_seconds"), Value: &seconds}},
	})
	return err
}

// groupConfig is what tells the two groups apart.
type groupConfig struct {
	name, lifecycle, instanceType string
	min, max, desired             int
}

func (c *cloud) addGroup(ctx context.Context, g groupConfig, subnets []string) error {
	_, err := c.compute.CreateLaunchTemplate(ctx, &ec2.CreateLaunchTemplateInput{
		LaunchTemplateName: &g.name,
		LaunchTemplateData: &compute.RequestLaunchTemplateData{ImageId: aws.String(image), InstanceType: compute.InstanceType(g.instanceType)},
	})
	if err != nil {
		return err
	}
	var tags []scaling.Tag
	for key, value := range map[string]string{
		fleet.EnvironmentTag: c.environment, fleet.ClusterTag: c.name, fleet.LifecycleTag: g.lifecycle,
	} {
		tags = append(tags, scaling.Tag{Key: &key, Value: &value, PropagateAtLaunch: aws.Bool(true), ResourceId: &g.name, ResourceType: aws.String("auto-scaling-group")})
	}
	_, err = c.groups.CreateAutoScalingGroup(ctx, &autoscaling.CreateAutoScalingGroupInput{
		AutoScalingGroupName: &g.name, MinSize: aws.Int32(int32(g.min)), MaxSize: aws.Int32(int32(g.max)), DesiredCapacity: aws.Int32(int32(g.desired)),
		LaunchTemplate:  &scaling.LaunchTemplateSpecification{LaunchTemplateName: &g.name, Version: aws.String("1")},
		TargetGroupARNs: []string{c.targetGroup}, VPCZoneIdentifier: aws.String(strings.Join(subnets, ",")), HealthCheckType: aws.String("ELB"), Tags: tags,
	})
	return err
}

// group returns a group's desired capacity and the ids of its instances.
func (c *cloud) group(ctx context.Context, name string) (desired int, ids []string, err error) {
	out, err := c.groups.DescribeAutoScalingGroups(ctx, &autoscaling.DescribeAutoScalingGroupsInput{AutoScalingGroupNames: []string{name}})
	if err != nil {
		return 0, nil, err
	}
	if len(out.AutoScalingGroups) != 1 {
		return 0, nil, fmt.Errorf("there is no group %s", name)
	}
	group := out.AutoScalingGroups[0]
	for _, i := range group.Instances {
		ids = append(ids, *i.InstanceId)
	}
	slices.Sort(ids)
	return int(*group.DesiredCapacity), ids, nil
}

// registered returns the ids of the instances in the target group.
func (c *cloud) registered(ctx context.Context) ([]string, error) {
	out, err := c.targets.DescribeTargetHealth(ctx, &elb.DescribeTargetHealthInput{TargetGroupArn: &c.targetGroup})
	if err != nil {
		return nil, err
	}
	var ids []string
	for _, t := range out.TargetHealthDescriptions {
		if t.TargetHealth.State != elbtypes.TargetHealthStateEnumUnused {
			ids = append(ids, *t.Target.Id)
		}
	}
	return ids, nil
}
