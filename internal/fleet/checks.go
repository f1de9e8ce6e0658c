package fleet

import (
	"context"
	"slices"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	targets "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
)

// checksPerCall is how many target groups one call asks about.
const checksPerCall = 20

// HealthCheck is how a load balancer checks targets:
// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-health-checks.html
type HealthCheck struct {
	// Protocol is HTTP, HTTPS or one without paths.
	Protocol string
	// Port is where targets are checked.
	Port int
	// Path is requested, with its query.
	Path string
	// Matcher is the status that passes: 200, 200-299 or 200,204.
	Matcher string
}

// HealthChecks returns the check of every target group of the clusters, by ARN.
func (f *Finder) HealthChecks(ctx context.Context, clusters []Cluster) (map[string]HealthCheck, error) {
	var arns []string
	for _, c := range clusters {
		for _, g := range c.Groups {
			if g.TargetGroup != "" && !slices.Contains(arns, g.TargetGroup) {
				arns = append(arns, g.TargetGroup)
			}
		}
	}
	checks := map[string]HealthCheck{}
	for some := range slices.Chunk(arns, checksPerCall) {
		out, err := f.targets.DescribeTargetGroups(ctx, &elasticloadbalancingv2.DescribeTargetGroupsInput{TargetGroupArns: some})
		if err != nil {
			return nil, err
		}
		for _, g := range out.TargetGroups {
			checks[aws.ToString(g.TargetGroupArn)] = healthCheckOf(g)
		}
	}
	return checks, nil
}

func healthCheckOf(g targets.TargetGroup) HealthCheck {
	check := HealthCheck{Protocol: string(g.HealthCheckProtocol), Port: int(aws.ToInt32(g.Port)), Path: aws.ToString(g.HealthCheckPath)}
	if port, err := strconv.Atoi(aws.ToString(g.HealthCheckPort)); err == nil { // or traffic-port
		check.Port = port
	}
	if g.Matcher != nil {
		check.Matcher = aws.ToString(g.Matcher.HttpCode)
	}
	return check
}
