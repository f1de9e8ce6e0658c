package fleet

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"

	"github.com/tandem-iac/tandem/internal/check"
)

// Front is what stands before a cluster's instances, by the names that CloudWatch
// has for it: the ends of ARNs.
type Front struct {
	// LoadBalancer is app/<name>/<id>, TargetGroup targetgroup/<name>/<id>.
	LoadBalancer, TargetGroup string
}

// Front finds what stands before a cluster. It is an InputError if its groups
// are behind no load balancer.
func (f *Finder) Front(ctx context.Context, c Cluster) (Front, error) {
	var arns []string
	for _, g := range c.Groups {
		if g.TargetGroup != "" {
			arns = append(arns, g.TargetGroup)
			break // both groups are in one
		}
	}
	if len(arns) == 0 {
		return Front{}, check.InputErrorf("the groups of cluster %s are in no target group", c.Name)
	}
	out, err := f.targets.DescribeTargetGroups(ctx, &elasticloadbalancingv2.DescribeTargetGroupsInput{TargetGroupArns: arns})
	if err != nil {
		return Front{}, err
	}
	for _, g := range out.TargetGroups {
		for _, balancer := range g.LoadBalancerArns {
			return Front{
				LoadBalancer: end(balancer, "loadbalancer/"),
				TargetGroup:  "targetgroup/" + end(aws.ToString(g.TargetGroupArn), "targetgroup/"),
			}, nil
		}
	}
	return Front{}, check.InputErrorf("the target group of cluster %s is behind no load balancer: name both, with --load-balancer and --target-group", c.Name)
}

// end is what follows kind in an ARN:
// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-cloudwatch-metrics.html#load-balancer-metric-dimensions-alb
func end(arn, kind string) string {
	_, rest, _ := strings.Cut(arn, ":"+kind)
	return rest
}
