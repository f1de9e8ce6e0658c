// Package fleettest gives tests a cluster that behaves: groups, instances and
// target groups in a real moto server, and beside it what moto does not do. A
// command sent to an instance runs for real, in a directory that stands for
// its machine; a target is healthy if its machine answers over HTTP; a target
// that leaves drains for a while; standby respects the sizes of the group.
//
//	code under test ──> Cloud ──> moto
//	                      └─ Machine: directory, processes, HTTP server
//
// Who tries tandem without AWS has one too, of machines that really set
// themselves up: Start needs no test.
package fleettest

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"os"
	"slices"
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

	cfg     CloudConfig
	server  *httptest.Server
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

// CloudConfig configures Start.
type CloudConfig struct {
	// URL is that of the moto server, Account the account in it. Required.
	URL, Account string
	// Environment, Cluster and Service are what the cluster is called. Required.
	Environment, Cluster, Service string
	// Size is how many instances there are at first.
	Size Size
	// Dir returns a directory for a machine. Required.
	Dir func() string
	// Report is told what goes wrong behind the scenes. Required.
	Report func(error)
	// Launch makes what an instance runs on, at once: it boots later. Nil: a
	// stand-in that has the release Stable.
	Launch func(id string) (Host, error)
	// Ran is told how a command on an instance has ended. Nil: nobody asks.
	Ran func(id string, code int)
}

// New makes a Cloud in an account of its own in the moto server at url, which
// so never has many instances to look through.
func New(t testing.TB, url string, size Size) *Cloud {
	t.Helper()
	return forTest(t, url, fmt.Sprintf("%012d", environments.Add(1)), size)
}

// Neighbour makes another Cloud in the account of c.
func (c *Cloud) Neighbour(t testing.TB, size Size) *Cloud {
	t.Helper()
	return forTest(t, c.cfg.URL, c.cfg.Account, size)
}

func forTest(t testing.TB, url, account string, size Size) *Cloud {
	t.Helper()
	c, err := Start(t.Context(), CloudConfig{
		URL: url, Account: account, Environment: fmt.Sprintf("e%d-%d", os.Getpid(), environments.Add(1)), Cluster: "obelix", Service: "menhir",
		Size: size, Dir: t.TempDir,
		Report: func(err error) {
			t.Helper()
			t.Error(err)
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Stop)
	return c
}

// Start makes a Cloud, which the caller stops.
func Start(ctx context.Context, cfg CloudConfig) (*Cloud, error) {
	c := &Cloud{
		Environment: cfg.Environment,
		cfg:         cfg, machines: map[string]*Machine{}, commands: map[string]*command{}, standby: map[string]bool{}, stable: Stable, serving: -1,
	}
	c.server = httptest.NewServer(c)
	c.URL = c.server.URL
	account := moto.Config(cfg.URL)
	account.HTTPClient = moto.Member(cfg.Account)
	c.groups, c.compute, c.targets = autoscaling.NewFromConfig(account), ec2.NewFromConfig(account), elb.NewFromConfig(account)
	if err := c.build(ctx); err != nil {
		c.Stop()
		return nil, err
	}
	return c, nil
}

// Stop ends the machines and reports whatever AWS would not have put up with.
func (c *Cloud) Stop() {
	c.server.CloseClientConnections()
	c.server.Close()
	c.stop()
	for _, v := range c.violations {
		c.cfg.Report(errors.New(v))
	}
}

func (c *Cloud) build(ctx context.Context) error {
	vpc, err := c.compute.CreateVpc(ctx, &ec2.CreateVpcInput{CidrBlock: aws.String("10.0.0.0/16")})
	if err != nil {
		return err
	}
	var subnets []string
	for i, zone := range []string{"a", "b"} {
		s, err := c.compute.CreateSubnet(ctx, &ec2.CreateSubnetInput{
			VpcId: vpc.Vpc.VpcId, CidrBlock: aws.String(fmt.Sprintf("10.0.%d.0/24", i)), AvailabilityZone: aws.String(moto.Region + zone),
		})
		if err != nil {
			return err
		}
		subnets = append(subnets, *s.Subnet.SubnetId)
	}
	tg, err := c.targets.CreateTargetGroup(ctx, &elb.CreateTargetGroupInput{
		Name: aws.String(c.Environment), VpcId: vpc.Vpc.VpcId, Port: aws.Int32(80), Protocol: elbtypes.ProtocolEnumHttp, TargetType: elbtypes.TargetTypeEnumInstance,
	})
	if err != nil {
		return err
	}
	c.TargetGroup = *tg.TargetGroups[0].TargetGroupArn
	_, err = c.compute.CreateLaunchTemplate(ctx, &ec2.CreateLaunchTemplateInput{
		LaunchTemplateName: &c.Environment,
		LaunchTemplateData: &compute.RequestLaunchTemplateData{ImageId: aws.String(image), InstanceType: compute.InstanceTypeM4Large},
	})
	if err != nil {
		return err
	}
	size := c.cfg.Size
	if c.Spot, err = c.group(ctx, fleet.Spot, MinSpot, size.Spot, subnets); err != nil {
		return err
	}
	if c.OnDemand, err = c.group(ctx, fleet.OnDemand, size.OnDemand, size.OnDemand, subnets); err != nil {
		return err
	}
	c.Follow()
	return nil
}

func (c *Cloud) group(ctx context.Context, lifecycle string, minimum, size int, subnets []string) (string, error) {
	name := fmt.Sprintf("%s-%s-%s", c.Environment, c.cfg.Cluster, lifecycle)
	var tags []scaling.Tag
	for key, value := range map[string]string{
		fleet.EnvironmentTag: c.Environment, fleet.ClusterTag: c.cfg.Cluster, fleet.ServiceTag: c.cfg.Service, fleet.LifecycleTag: lifecycle,
	} {
		tags = append(tags, scaling.Tag{Key: &key, Value: &value, PropagateAtLaunch: aws.Bool(true), ResourceId: &name, ResourceType: aws.String("auto-scaling-group")})
	}
	_, err := c.groups.CreateAutoScalingGroup(ctx, &autoscaling.CreateAutoScalingGroupInput{
		AutoScalingGroupName: &name, MinSize: aws.Int32(int32(min(minimum, size))), MaxSize: aws.Int32(10), DesiredCapacity: aws.Int32(int32(size)),
		LaunchTemplate:  &scaling.LaunchTemplateSpecification{LaunchTemplateName: &c.Environment, Version: aws.String("1")},
		TargetGroupARNs: []string{c.TargetGroup}, VPCZoneIdentifier: aws.String(strings.Join(subnets, ",")), HealthCheckType: aws.String("ELB"), Tags: tags,
	})
	return name, err
}

// Follow starts the machines of instances that have come and stops those of
// instances that have gone.
func (c *Cloud) Follow() {
	ids := c.IDs()
	for _, id := range ids {
		c.Machine(id)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for id, m := range c.machines {
		if !slices.Contains(ids, id) {
			m.stop()
		}
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
		c.cfg.Report(fmt.Errorf("group %s: %w", name, err))
		return scaling.AutoScalingGroup{}
	}
	return out.AutoScalingGroups[0]
}

// Resize changes the desired capacity of a group.
func (c *Cloud) Resize(group string, desired int) {
	_, err := c.groups.SetDesiredCapacity(context.Background(), &autoscaling.SetDesiredCapacityInput{AutoScalingGroupName: &group, DesiredCapacity: aws.Int32(int32(desired))})
	if err != nil {
		c.cfg.Report(err)
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
		c.cfg.Report(err)
	}
	c.replace()
}

// replace has the groups replace what was terminated: it is only when a group
// changes that moto registers its new members.
func (c *Cloud) replace() {
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
		c.cfg.Report(err)
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
	for _, g := range []struct {
		name          string
		size, minimum int
	}{{c.Spot, size.Spot, min(MinSpot, size.Spot)}, {c.OnDemand, size.OnDemand, size.OnDemand}} {
		group := c.Group(g.name)
		if int(*group.DesiredCapacity) != g.size || int(*group.MinSize) != g.minimum {
			c.cfg.Report(fmt.Errorf("%s has desired capacity %d and minimum %d, want %d and %d", g.name, *group.DesiredCapacity, *group.MinSize, g.size, g.minimum))
		}
		for _, i := range group.Instances {
			if i.LifecycleState != scaling.LifecycleStateInService {
				c.cfg.Report(fmt.Errorf("%s is %s, want it in service", *i.InstanceId, i.LifecycleState))
			}
		}
	}
	out, err := c.targets.DescribeTargetHealth(context.Background(), &elb.DescribeTargetHealthInput{TargetGroupArn: &c.TargetGroup})
	if err != nil {
		c.cfg.Report(err)
		return
	}
	registered := map[string]bool{}
	for _, d := range out.TargetHealthDescriptions {
		registered[*d.Target.Id] = true
	}
	for _, id := range c.IDs() {
		if !registered[id] {
			c.cfg.Report(fmt.Errorf("%s is not registered", id))
		}
	}
}
