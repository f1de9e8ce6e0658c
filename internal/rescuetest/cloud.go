// Package rescuetest gives the agent that rescues what it watches and calls: a
// pair of groups and a target group in a real moto server, with AWS's order of
// things and with faults, and a metadata service that interrupts on demand.
package rescuetest

import (
	"context"
	"fmt"
	"math"
	"net/http/httptest"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	scaling "github.com/aws/aws-sdk-go-v2/service/autoscaling/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cwtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	compute "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/tandem-iac/tandem/internal/moto"
	"github.com/tandem-iac/tandem/internal/rescue/metric"
)

// Size is how many instances the groups begin with, and how many on-demand
// instances there may be.
type Size struct{ Spot, OnDemand, Max int }

// Cloud is an account of its own with one cluster.
type Cloud struct {
	// URL is what to point the agent at.
	URL string
	// Spot and OnDemand are the groups' names, Policy is the ARN of the second's
	// rescue policy, TargetGroup that of the target group.
	Spot, OnDemand, Policy, TargetGroup string
	// Instances are the ids of the spot group's instances.
	Instances []string

	moto, account string
	server        *httptest.Server
	groups        *autoscaling.Client
	targets       *elb.Client
	metrics       *cloudwatch.Client

	mu       sync.Mutex
	fault    func(Call) Fault
	calls    []Call
	count    map[string]int
	underWay atomic.Int64
	// writing lets one change through at a time, as AWS does; threads of moto
	// overlap.
	writing sync.Mutex
}

const (
	policyName = "rescue"
	image      = "ami-12c6146b"
)

var accounts atomic.Int64

// NewCloud makes a cluster in the moto server at url. The caller closes it.
func NewCloud(ctx context.Context, url string, size Size) (*Cloud, error) {
	c := &Cloud{
		moto: url, account: fmt.Sprintf("%06d%06d", os.Getpid()%1e6, accounts.Add(1)), count: map[string]int{},
		Spot: "test-web-spot", OnDemand: "test-web-on-demand",
	}
	c.server = httptest.NewServer(c)
	c.URL = c.server.URL
	cfg := moto.Config(url)
	cfg.HTTPClient = moto.Member(c.account)
	c.groups, c.targets, c.metrics = autoscaling.NewFromConfig(cfg), elb.NewFromConfig(cfg), cloudwatch.NewFromConfig(cfg)
	if err := c.build(ctx, ec2.NewFromConfig(cfg), size); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

// Close ends all connections.
func (c *Cloud) Close() {
	c.server.CloseClientConnections()
	c.server.Close()
}

func (c *Cloud) build(ctx context.Context, machines *ec2.Client, size Size) error {
	vpc, err := machines.CreateVpc(ctx, &ec2.CreateVpcInput{CidrBlock: aws.String("10.0.0.0/16")})
	if err != nil {
		return err
	}
	subnet, err := machines.CreateSubnet(ctx, &ec2.CreateSubnetInput{VpcId: vpc.Vpc.VpcId, CidrBlock: aws.String("10.0.0.0/20"), AvailabilityZone: aws.String(moto.Region + "a")})
	if err != nil {
		return err
	}
	target, err := c.targets.CreateTargetGroup(ctx, &elb.CreateTargetGroupInput{
		Name: aws.String("test-web"), VpcId: vpc.Vpc.VpcId, Port: aws.Int32(80), Protocol: elbtypes.ProtocolEnumHttp, TargetType: elbtypes.TargetTypeEnumInstance,
	})
	if err != nil {
		return err
	}
	c.TargetGroup = *target.TargetGroups[0].TargetGroupArn
	_, err = machines.CreateLaunchTemplate(ctx, &ec2.CreateLaunchTemplateInput{
		LaunchTemplateName: aws.String("test-web"),
		LaunchTemplateData: &compute.RequestLaunchTemplateData{ImageId: aws.String(image), InstanceType: compute.InstanceTypeM4Large},
	})
	if err != nil {
		return err
	}
	for _, group := range []struct {
		name      string
		size, max int
	}{{c.Spot, size.Spot, max(size.Spot, 1)}, {c.OnDemand, size.OnDemand, size.Max}} {
		_, err = c.groups.CreateAutoScalingGroup(ctx, &autoscaling.CreateAutoScalingGroupInput{
			AutoScalingGroupName: &group.name, MinSize: aws.Int32(0), MaxSize: aws.Int32(int32(group.max)), DesiredCapacity: aws.Int32(int32(group.size)),
			LaunchTemplate:  &scaling.LaunchTemplateSpecification{LaunchTemplateName: aws.String("test-web"), Version: aws.String("1")},
			TargetGroupARNs: []string{c.TargetGroup}, VPCZoneIdentifier: subnet.Subnet.SubnetId,
		})
		if err != nil {
			return err
		}
	}
	_, err = c.groups.PutScalingPolicy(ctx, &autoscaling.PutScalingPolicyInput{
		AutoScalingGroupName: &c.OnDemand, PolicyName: aws.String(policyName), PolicyType: aws.String("SimpleScaling"),
		AdjustmentType: aws.String("ChangeInCapacity"), ScalingAdjustment: aws.Int32(1),
	})
	if err != nil {
		return err
	}
	policies, err := c.groups.DescribePolicies(ctx, &autoscaling.DescribePoliciesInput{AutoScalingGroupName: &c.OnDemand})
	if err != nil {
		return err
	}
	c.Policy = *policies.ScalingPolicies[0].PolicyARN
	group, err := c.group(ctx, c.Spot)
	for _, i := range group.Instances {
		c.Instances = append(c.Instances, *i.InstanceId)
	}
	return err
}

func (c *Cloud) group(ctx context.Context, name string) (scaling.AutoScalingGroup, error) {
	out, err := c.groups.DescribeAutoScalingGroups(ctx, &autoscaling.DescribeAutoScalingGroupsInput{AutoScalingGroupNames: []string{name}})
	if err != nil {
		return scaling.AutoScalingGroup{}, err
	}
	if len(out.AutoScalingGroups) != 1 {
		return scaling.AutoScalingGroup{}, fmt.Errorf("there is no group %s", name)
	}
	return out.AutoScalingGroups[0], nil
}

// Desired is the desired capacity of the on-demand group.
func (c *Cloud) Desired(ctx context.Context) (int, error) {
	group, err := c.group(ctx, c.OnDemand)
	return int(aws.ToInt32(group.DesiredCapacity)), err
}

// Registered says whether an instance is in the target group.
func (c *Cloud) Registered(ctx context.Context, instance string) (bool, error) {
	out, err := c.targets.DescribeTargetHealth(ctx, &elb.DescribeTargetHealthInput{TargetGroupArn: &c.TargetGroup})
	if err != nil {
		return false, err
	}
	for _, t := range out.TargetHealthDescriptions {
		if *t.Target.Id == instance && t.TargetHealth.State != elbtypes.TargetHealthStateEnumDraining {
			return true, nil
		}
	}
	return false, nil
}

// Reported is a statistic of what agents have reported to CloudWatch.
type Reported struct{ Samples, Sum, Minimum, Maximum float64 }

// Reported is what agents have reported within the last hour.
func (c *Cloud) Reported(ctx context.Context, name, environment, cluster string) (Reported, error) {
	now := time.Now()
	out, err := c.metrics.GetMetricStatistics(ctx, &cloudwatch.GetMetricStatisticsInput{
		Namespace: aws.String(metric.Namespace), MetricName: &name, Period: aws.Int32(2 * 3600), Statistics: cwtypes.Statistic("").Values(),
		StartTime: aws.Time(now.Add(-time.Hour)), EndTime: aws.Time(now.Add(time.Hour)),
		Dimensions: []cwtypes.Dimension{{Name: aws.String(metric.Environment), Value: &environment}, {Name: aws.String(metric.Cluster), Value: &cluster}},
	})
	if err != nil || len(out.Datapoints) == 0 {
		return Reported{}, err
	}
	all := Reported{Minimum: math.Inf(1), Maximum: math.Inf(-1)}
	for _, point := range out.Datapoints {
		all.Samples += aws.ToFloat64(point.SampleCount)
		all.Sum += aws.ToFloat64(point.Sum)
		all.Minimum = min(all.Minimum, aws.ToFloat64(point.Minimum))
		all.Maximum = max(all.Maximum, aws.ToFloat64(point.Maximum))
	}
	return all, nil
}

// Settle waits until all that was asked for has been carried out, for which AWS
// takes less than systemd takes to start an agent again, and moto may take more.
func (c *Cloud) Settle() {
	for c.underWay.Load() > 0 {
		time.Sleep(10 * time.Millisecond)
	}
}
