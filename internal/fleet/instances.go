package fleet

import (
	"context"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	compute "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
)

// fill adds the instances. One that has just been terminated may still be in
// its group; it is left out.
func (f *Finder) fill(ctx context.Context, o outline) (Cluster, error) {
	c := o.cluster
	if len(o.members) == 0 {
		return c, nil
	}
	pages := ec2.NewDescribeInstancesPaginator(f.compute, &ec2.DescribeInstancesInput{
		Filters: []compute.Filter{
			{Name: aws.String("tag:" + ClusterTag), Values: []string{c.Name}},
			{Name: aws.String("tag:" + EnvironmentTag), Values: []string{c.Environment}},
			{Name: aws.String("instance-state-name"), Values: []string{"pending", "running", "stopping", "stopped"}},
		},
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return Cluster{}, err
		}
		for _, reservation := range page.Reservations {
			for _, i := range reservation.Instances {
				if m, ok := o.members[aws.ToString(i.InstanceId)]; ok {
					c.Instances = append(c.Instances, instanceOf(i, m))
				}
			}
		}
	}
	slices.SortFunc(c.Instances, func(a, b Instance) int {
		if n := strings.Compare(a.Group, b.Group); n != 0 {
			return n
		}
		return strings.Compare(a.ID, b.ID)
	})
	if err := f.addHealth(ctx, &c); err != nil {
		return Cluster{}, err
	}
	return c, nil
}

func instanceOf(i compute.Instance, m member) Instance {
	tags := map[string]string{}
	for _, t := range i.Tags {
		tags[aws.ToString(t.Key)] = aws.ToString(t.Value)
	}
	out := Instance{
		ID:        aws.ToString(i.InstanceId),
		Name:      tags["Name"],
		Group:     m.group,
		Lifecycle: m.lifecycle,
		State:     m.state,
		Health:    Unused,
		Type:      string(i.InstanceType),
		PrivateIP: aws.ToString(i.PrivateIpAddress),
		Launched:  aws.ToTime(i.LaunchTime).UTC(),
		Release:   ParseRelease(tags[ReleaseTag], tags[PlaybookTag]),
	}
	if i.Placement != nil {
		out.Zone = aws.ToString(i.Placement.AvailabilityZone)
	}
	return out
}

// addHealth asks each target group for all its targets. Instances that it does
// not name are not registered.
func (f *Finder) addHealth(ctx context.Context, c *Cluster) error {
	asked := map[string]bool{}
	for _, g := range c.Groups {
		if g.TargetGroup == "" || asked[g.TargetGroup] {
			continue
		}
		asked[g.TargetGroup] = true
		out, err := f.targets.DescribeTargetHealth(ctx, &elasticloadbalancingv2.DescribeTargetHealthInput{TargetGroupArn: &g.TargetGroup})
		if err != nil {
			return err
		}
		for _, d := range out.TargetHealthDescriptions {
			if d.Target == nil || d.TargetHealth == nil {
				continue
			}
			at := slices.IndexFunc(c.Instances, func(i Instance) bool { return i.ID == aws.ToString(d.Target.Id) })
			if at >= 0 {
				c.Instances[at].Health = string(d.TargetHealth.State)
				c.Instances[at].HealthReason = string(d.TargetHealth.Reason)
			}
		}
	}
	return nil
}
