// Package fleettest gives tests a cluster that behaves: groups, instances and
// target groups in a real moto server, and beside it what moto does not do. A
// command sent to an instance runs for real, in a directory that stands for
// its machine; a target is healthy if its machine answers over HTTP; a target
// that leaves drains for a while; standby respects the sizes of the group.
//
//	code under test ──> Cloud ──> moto
//	                      └─ Machine: directory, processes, HTTP server
package fleettest

import (
	"context"
	"fmt"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	scaling "github.com/aws/aws-sdk-go-v2/service/autoscaling/types"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	compute "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/tandem-iac/tandem/internal/fleet"
	"github.com/tandem-iac/tandem/internal/moto"
)

// The releases that machines come up with.
const (
	Stable   = 41
	Playbook = 7
)

// Cloud is an environment of its own with one cluster, obelix.
type Cloud struct {
	// URL is what to point AWS tools at.
	URL string
	// Environment is the name that no other Cloud has.
	Environment string
	// Spot and OnDemand are the names of the groups.
	Spot, OnDemand string
	TargetGroup    string

	t       testing.TB
	moto    string
	account string
	groups  *autoscaling.Client
	compute *ec2.Client
	targets *elb.Client

	mu         sync.Mutex
	fault      func(Call) *Fault
	calls      []Call
	machines   map[string]*Machine
	commands   map[string]*command
	standby    map[string]bool
	stable     int
	serving    int
	violations []string
}

// Size is how many instances the groups begin with.
type Size struct{ Spot, OnDemand int }

// image is one that moto knows.
const image = "ami-12c6146b"

// MinSpot is the spot group's minimum; that of on-demand is its size.
const MinSpot = 1

var environments atomic.Int64

// New makes a Cloud in an account of its own in the moto server at url, which
// so never has many instances to look through.
func New(t testing.TB, url string, size Size) *Cloud {
	t.Helper()
	return newCloud(t, url, fmt.Sprintf("%012d", environments.Add(1)), size)
}

// Neighbour makes another Cloud in the account of c.
func (c *Cloud) Neighbour(size Size) *Cloud {
	c.t.Helper()
	return newCloud(c.t, c.moto, c.account, size)
}

func newCloud(t testing.TB, url, account string, size Size) *Cloud {
	t.Helper()
	c := &Cloud{
		t: t, moto: url, account: account, machines: map[string]*Machine{}, commands: map[string]*command{}, standby: map[string]bool{}, stable: Stable, serving: -1,
		Environment: fmt.Sprintf("e%d-%d", os.Getpid(), environments.Add(1)),
	}
	server := httptest.NewServer(c)
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
		c.stop()
		for _, v := range c.violations {
			t.Error(v)
		}
	})
	c.URL = server.URL
	cfg := moto.Config(url)
	cfg.HTTPClient = moto.Member(account)
	c.groups, c.compute, c.targets = autoscaling.NewFromConfig(cfg), ec2.NewFromConfig(cfg), elb.NewFromConfig(cfg)
	c.build(size)
	return c
}

func (c *Cloud) build(size Size) {
	c.t.Helper()
	ctx := c.t.Context()
	vpc, err := c.compute.CreateVpc(ctx, &ec2.CreateVpcInput{CidrBlock: aws.String("10.0.0.0/16")})
	c.must(err)
	var subnets []string
	for i, zone := range []string{"a", "b"} {
		s, err := c.compute.CreateSubnet(ctx, &ec2.CreateSubnetInput{
			VpcId: vpc.Vpc.VpcId, CidrBlock: aws.String(fmt.Sprintf("10.0.%d.0/24", i)), AvailabilityZone: aws.String(moto.Region + zone),
		})
		c.must(err)
		subnets = append(subnets, *s.Subnet.SubnetId)
	}
	tg, err := c.targets.CreateTargetGroup(ctx, &elb.CreateTargetGroupInput{
		Name: aws.String(c.Environment), VpcId: vpc.Vpc.VpcId, Port: aws.Int32(80), Protocol: elbtypes.ProtocolEnumHttp, TargetType: elbtypes.TargetTypeEnumInstance,
	})
	c.must(err)
	c.TargetGroup = *tg.TargetGroups[0].TargetGroupArn
	_, err = c.compute.CreateLaunchTemplate(ctx, &ec2.CreateLaunchTemplateInput{
		LaunchTemplateName: &c.Environment,
		LaunchTemplateData: &compute.RequestLaunchTemplateData{ImageId: aws.String(image), InstanceType: compute.InstanceTypeM4Large},
	})
	c.must(err)
	c.Spot = c.group(fleet.Spot, MinSpot, size.Spot, subnets)
	c.OnDemand = c.group(fleet.OnDemand, size.OnDemand, size.OnDemand, subnets)
	for _, id := range c.IDs() {
		c.Machine(id)
	}
}

func (c *Cloud) group(lifecycle string, minimum, size int, subnets []string) string {
	name := c.Environment + "-obelix-" + lifecycle
	var tags []scaling.Tag
	for key, value := range map[string]string{
		fleet.EnvironmentTag: c.Environment, fleet.ClusterTag: "obelix", fleet.ServiceTag: "menhir", fleet.LifecycleTag: lifecycle,
	} {
		tags = append(tags, scaling.Tag{Key: &key, Value: &value, PropagateAtLaunch: aws.Bool(true), ResourceId: &name, ResourceType: aws.String("auto-scaling-group")})
	}
	_, err := c.groups.CreateAutoScalingGroup(c.t.Context(), &autoscaling.CreateAutoScalingGroupInput{
		AutoScalingGroupName: &name, MinSize: aws.Int32(int32(min(minimum, size))), MaxSize: aws.Int32(10), DesiredCapacity: aws.Int32(int32(size)),
		LaunchTemplate:  &scaling.LaunchTemplateSpecification{LaunchTemplateName: &c.Environment, Version: aws.String("1")},
		TargetGroupARNs: []string{c.TargetGroup}, VPCZoneIdentifier: aws.String(strings.Join(subnets, ",")), HealthCheckType: aws.String("ELB"), Tags: tags,
	})
	c.must(err)
	return name
}

func (c *Cloud) must(err error) {
	c.t.Helper()
	if err != nil {
		c.t.Fatal(err)
	}
}

// IDs are all instances in the groups, or those of some.
func (c *Cloud) IDs(groups ...string) []string {
	if len(groups) == 0 {
		groups = []string{c.Spot, c.OnDemand}
	}
	var ids []string
	for _, g := range groups {
		for _, i := range c.Group(g).Instances {
			ids = append(ids, *i.InstanceId)
		}
	}
	return ids
}

// Group is a group as moto has it.
func (c *Cloud) Group(name string) scaling.AutoScalingGroup {
	out, err := c.groups.DescribeAutoScalingGroups(context.Background(), &autoscaling.DescribeAutoScalingGroupsInput{AutoScalingGroupNames: []string{name}})
	if err != nil || len(out.AutoScalingGroups) != 1 {
		c.t.Errorf("group %s: %v", name, err)
		return scaling.AutoScalingGroup{}
	}
	return out.AutoScalingGroups[0]
}

// Resize changes the desired capacity of a group.
func (c *Cloud) Resize(group string, desired int) {
	_, err := c.groups.SetDesiredCapacity(context.Background(), &autoscaling.SetDesiredCapacityInput{AutoScalingGroupName: &group, DesiredCapacity: aws.Int32(int32(desired))})
	if err != nil {
		c.t.Error(err)
	}
}

// Promote makes a version latest-stable, with which machines come up.
func (c *Cloud) Promote(version int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stable = version
}

// Terminate reclaims an instance.
func (c *Cloud) Terminate(id string) {
	c.Machine(id).stop()
	if _, err := c.compute.TerminateInstances(context.Background(), &ec2.TerminateInstancesInput{InstanceIds: []string{id}}); err != nil {
		c.t.Error(err)
	}
	// It is only when a group changes that moto registers its new members.
	for _, g := range []string{c.Spot, c.OnDemand} {
		c.Resize(g, int(*c.Group(g).DesiredCapacity))
	}
}

// Tag sets tags of an instance, as its role lets its setup script do.
func (c *Cloud) Tag(id string, tags map[string]string) {
	var list []compute.Tag
	for key, value := range tags {
		list = append(list, compute.Tag{Key: &key, Value: &value})
	}
	if _, err := c.compute.CreateTags(context.Background(), &ec2.CreateTagsInput{Resources: []string{id}, Tags: list}); err != nil {
		c.t.Error(err)
	}
}

// Faults asks fault, for each call, what is to go wrong. Nil: nothing.
func (c *Cloud) Faults(fault func(Call) *Fault) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.fault = fault
}

// Calls are those so far.
func (c *Cloud) Calls() []Call {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]Call{}, c.calls...)
}

// LeastServing is the smallest number of healthy targets that was seen.
func (c *Cloud) LeastServing() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.serving
}

// CheckWhole fails the test unless every instance is in service and registered
// and the groups have their sizes.
func (c *Cloud) CheckWhole(size Size) {
	c.t.Helper()
	for _, g := range []struct {
		name          string
		size, minimum int
	}{{c.Spot, size.Spot, min(MinSpot, size.Spot)}, {c.OnDemand, size.OnDemand, size.OnDemand}} {
		group := c.Group(g.name)
		if int(*group.DesiredCapacity) != g.size || int(*group.MinSize) != g.minimum {
			c.t.Errorf("%s has desired capacity %d and minimum %d, want %d and %d", g.name, *group.DesiredCapacity, *group.MinSize, g.size, g.minimum)
		}
		for _, i := range group.Instances {
			if i.LifecycleState != scaling.LifecycleStateInService {
				c.t.Errorf("%s is %s, want it in service", *i.InstanceId, i.LifecycleState)
			}
		}
	}
	out, err := c.targets.DescribeTargetHealth(context.Background(), &elb.DescribeTargetHealthInput{TargetGroupArn: &c.TargetGroup})
	c.must(err)
	registered := map[string]bool{}
	for _, d := range out.TargetHealthDescriptions {
		registered[*d.Target.Id] = true
	}
	for _, id := range c.IDs() {
		if !registered[id] {
			c.t.Errorf("%s is not registered", id)
		}
	}
}
