package fleet

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	scaling "github.com/aws/aws-sdk-go-v2/service/autoscaling/types"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"

	"github.com/tandem-iac/tandem/internal/check"
)

// Finder looks for clusters in one region.
type Finder struct {
	region  string
	groups  *autoscaling.Client
	compute *ec2.Client
	targets *elasticloadbalancingv2.Client
}

// NewFinder returns a Finder. It does not speak to AWS.
func NewFinder(cfg aws.Config) *Finder {
	return &Finder{
		region:  cfg.Region,
		groups:  autoscaling.NewFromConfig(cfg),
		compute: ec2.NewFromConfig(cfg),
		targets: elasticloadbalancingv2.NewFromConfig(cfg),
	}
}

// Clusters returns all clusters of an environment, ordered by environment and
// name. An empty environment means all of them.
func (f *Finder) Clusters(ctx context.Context, environment string) ([]Cluster, error) {
	found, err := f.outlines(ctx, environment)
	if err != nil {
		return nil, err
	}
	var clusters []Cluster
	for _, o := range found {
		c, err := f.fill(ctx, o)
		if err != nil {
			return nil, err
		}
		clusters = append(clusters, c)
	}
	return clusters, nil
}

// Cluster returns the cluster of a name. An empty environment means the only
// one that has such a cluster. It is an InputError if there is none, or more
// than one.
func (f *Finder) Cluster(ctx context.Context, environment, name string) (Cluster, error) {
	found, err := f.outlines(ctx, environment)
	if err != nil {
		return Cluster{}, err
	}
	var matches []outline
	names := map[string]bool{}
	for _, o := range found {
		names[o.cluster.Name] = true
		if o.cluster.Name == name {
			matches = append(matches, o)
		}
	}
	switch len(matches) {
	case 1:
		return f.fill(ctx, matches[0])
	case 0:
		return Cluster{}, f.unknown(name, environment, slices.Sorted(maps.Keys(names)))
	}
	var environments []string
	for _, o := range matches {
		environments = append(environments, o.cluster.Environment)
	}
	return Cluster{}, check.InputErrorf("cluster %s is in several environments: choose one with --environment %s", name, strings.Join(environments, " or "))
}

// ClusterOf returns the cluster that all the instances belong to. It is an
// InputError if one is unknown, or if they belong to several clusters.
func (f *Finder) ClusterOf(ctx context.Context, environment string, ids []string) (Cluster, error) {
	clusters, err := f.Clusters(ctx, environment)
	if err != nil {
		return Cluster{}, err
	}
	var of *Cluster
	for _, id := range ids {
		at := slices.IndexFunc(clusters, func(c Cluster) bool { _, ok := c.Instance(id); return ok })
		switch {
		case at < 0:
			return Cluster{}, check.InputErrorf("no cluster%s in %s has an instance %s: 'tandem status CLUSTER' lists those there are", in(environment), f.region, id)
		case of != nil && of != &clusters[at]:
			return Cluster{}, check.InputErrorf("%s is in %s and %s in %s: deploy one cluster at a time", ids[0], of.Name, id, clusters[at].Name)
		}
		of = &clusters[at]
	}
	return *of, nil
}

func (f *Finder) unknown(name, environment string, names []string) error {
	if len(names) == 0 {
		return check.InputErrorf("there is no cluster%s in %s: check --region, --environment and the account of your credentials", in(environment), f.region)
	}
	return check.InputErrorf("there is no cluster %s%s in %s: %s", name, in(environment), f.region, check.Suggest(name, names))
}

func in(environment string) string {
	if environment == "" {
		return ""
	}
	return " of " + environment
}

// outline is a cluster as its groups tell it.
type outline struct {
	cluster Cluster // without instances
	members map[string]member
}

// member is what a group knows of an instance.
type member struct{ group, lifecycle, state string }

func (f *Finder) outlines(ctx context.Context, environment string) ([]outline, error) {
	found := map[string]*outline{}
	filters := []scaling.Filter{{Name: aws.String("tag-key"), Values: []string{ClusterTag}}}
	if environment != "" {
		filters = append(filters, scaling.Filter{Name: aws.String("tag:" + EnvironmentTag), Values: []string{environment}})
	}
	pages := autoscaling.NewDescribeAutoScalingGroupsPaginator(f.groups, &autoscaling.DescribeAutoScalingGroupsInput{
		Filters:    filters,
		MaxRecords: aws.Int32(100),
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, group := range page.AutoScalingGroups {
			tags := map[string]string{}
			for _, t := range group.Tags {
				tags[aws.ToString(t.Key)] = aws.ToString(t.Value)
			}
			key := tags[EnvironmentTag] + "/" + tags[ClusterTag]
			if found[key] == nil {
				found[key] = &outline{
					cluster: Cluster{Environment: tags[EnvironmentTag], Name: tags[ClusterTag], Service: tags[ServiceTag]},
					members: map[string]member{},
				}
			}
			found[key].add(group, tags)
		}
	}
	var list []outline
	for _, key := range slices.Sorted(maps.Keys(found)) {
		o := *found[key]
		slices.SortFunc(o.cluster.Groups, func(a, b Group) int { return strings.Compare(a.Name, b.Name) })
		list = append(list, o)
	}
	return list, nil
}

func (o *outline) add(group scaling.AutoScalingGroup, tags map[string]string) {
	g := Group{
		Name:      aws.ToString(group.AutoScalingGroupName),
		Lifecycle: tags[LifecycleTag],
		Min:       int(aws.ToInt32(group.MinSize)),
		Max:       int(aws.ToInt32(group.MaxSize)),
		Desired:   int(aws.ToInt32(group.DesiredCapacity)),
	}
	if len(group.TargetGroupARNs) > 0 {
		g.TargetGroup = group.TargetGroupARNs[0]
	}
	o.cluster.Groups = append(o.cluster.Groups, g)
	for _, i := range group.Instances {
		o.members[aws.ToString(i.InstanceId)] = member{group: g.Name, lifecycle: g.Lifecycle, state: string(i.LifecycleState)}
	}
}
