package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	scaling "github.com/aws/aws-sdk-go-v2/service/autoscaling/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	compute "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	balancing "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/tandem-iac/tandem/internal/awsclient"
	"github.com/tandem-iac/tandem/internal/fleet"
	"github.com/tandem-iac/tandem/internal/mototest"
)

// front makes a load balancer before a group, as the stacks do, and returns
// their ARNs.
func front(t *testing.T, cfg aws.Config, environment, cluster string) (balancer, target string) {
	t.Helper()
	machines, balancers := ec2.NewFromConfig(cfg), elasticloadbalancingv2.NewFromConfig(cfg)
	subnets, err := machines.DescribeSubnets(t.Context(), &ec2.DescribeSubnetsInput{})
	if err != nil || len(subnets.Subnets) < 2 {
		t.Fatalf("%d subnets, %v", len(subnets.Subnets), err)
	}
	name := environment + "-" + cluster
	lb, err := balancers.CreateLoadBalancer(t.Context(), &elasticloadbalancingv2.CreateLoadBalancerInput{
		Name: &name, Subnets: []string{*subnets.Subnets[0].SubnetId, *subnets.Subnets[1].SubnetId},
	})
	if err != nil {
		t.Fatal(err)
	}
	group, err := balancers.CreateTargetGroup(t.Context(), &elasticloadbalancingv2.CreateTargetGroupInput{
		Name: aws.String(name + "-0"), Protocol: balancing.ProtocolEnumHttp, Port: aws.Int32(80), VpcId: subnets.Subnets[0].VpcId,
	})
	if err != nil {
		t.Fatal(err)
	}
	balancer, target = *lb.LoadBalancers[0].LoadBalancerArn, *group.TargetGroups[0].TargetGroupArn
	_, err = balancers.CreateListener(t.Context(), &elasticloadbalancingv2.CreateListenerInput{
		LoadBalancerArn: &balancer, Protocol: balancing.ProtocolEnumHttp, Port: aws.Int32(80),
		DefaultActions: []balancing.Action{{Type: balancing.ActionTypeEnumForward, TargetGroupArn: &target}},
	})
	if err != nil {
		t.Fatal(err)
	}
	_, err = machines.CreateLaunchTemplate(t.Context(), &ec2.CreateLaunchTemplateInput{
		LaunchTemplateName: &name,
		LaunchTemplateData: &compute.RequestLaunchTemplateData{ImageId: aws.String("ami-12c6146b"), InstanceType: compute.InstanceTypeM4Large},
	})
	if err != nil {
		t.Fatal(err)
	}
	tag := func(key, value string) scaling.Tag {
		return scaling.Tag{Key: &key, Value: &value, PropagateAtLaunch: aws.Bool(true), ResourceId: aws.String(name + "-spot"), ResourceType: aws.String("auto-scaling-group")}
	}
	_, err = autoscaling.NewFromConfig(cfg).CreateAutoScalingGroup(t.Context(), &autoscaling.CreateAutoScalingGroupInput{
		AutoScalingGroupName: aws.String(name + "-spot"), MinSize: aws.Int32(0), MaxSize: aws.Int32(1),
		LaunchTemplate:    &scaling.LaunchTemplateSpecification{LaunchTemplateName: &name, Version: aws.String("1")},
		VPCZoneIdentifier: subnets.Subnets[0].SubnetId, TargetGroupARNs: []string{target},
		Tags: []scaling.Tag{tag(fleet.EnvironmentTag, environment), tag(fleet.ClusterTag, cluster), tag(fleet.LifecycleTag, fleet.Spot)},
	})
	if err != nil {
		t.Fatal(err)
	}
	return balancer, target
}

// TestDashboardLooksUp finds what AWS has named, and has CloudWatch take what
// comes of it.
func TestDashboardLooksUp(t *testing.T) {
	cfg, err := awsclient.Connect(t.Context(), awsclient.Config{Region: mototest.Region})
	if err != nil {
		t.Fatal(err)
	}
	balancer, target := front(t, cfg, "boards", "web")
	file := filepath.Join(t.TempDir(), "tandem.yaml")
	describe := func(environment string) {
		description := fmt.Sprintf("environment: %s\nregion: %[2]s\nclusters: {web: {certificate_arn: 'arn:aws:acm:%[2]s:%[3]s:certificate/web'}}\n",
			environment, mototest.Region, mototest.Account)
		if err := os.WriteFile(file, []byte(description), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	describe("boards")
	draw := func(file string) (stdout, stderr string, code int) {
		var out, errs strings.Builder
		code = run(t.Context(), []string{"dashboard", "web", "--cloudwatch", "--file", file}, app{stdin: strings.NewReader(""), stdout: &out, stderr: &errs, now: time.Now})
		return out.String(), errs.String(), code
	}
	body, stderr, code := draw(file)
	if code != exitOK {
		t.Fatal(stderr)
	}
	_, balancerEnd, _ := strings.Cut(balancer, ":loadbalancer/")
	_, targetEnd, _ := strings.Cut(target, mototest.Account+":")
	if want := fmt.Sprintf(`"HealthyHostCount","LoadBalancer",%q,"TargetGroup",%q,`, balancerEnd, targetEnd); !strings.Contains(body, want) {
		t.Errorf("no %s in %s", want, body)
	}
	boards := cloudwatch.NewFromConfig(cfg)
	if _, err := boards.PutDashboard(t.Context(), &cloudwatch.PutDashboardInput{DashboardName: aws.String("boards-web"), DashboardBody: &body}); err != nil {
		t.Error(err)
	}
	describe("bords")
	if _, stderr, code := draw(file); code != exitInput || !strings.Contains(stderr, "there is no cluster of bords") {
		t.Errorf("exit code %d, %s", code, stderr)
	}
}
