package watch

// Lifecycles of a cluster's groups, and parts of their names.
const (
	OnDemand = "on-demand"
	Spot     = "spot"
)

// Group is one of a cluster's Auto Scaling groups.
type Group struct {
	// Lifecycle is OnDemand or Spot.
	Lifecycle string
	// Name is the group's.
	Name string
	// id begins the ids of its queries, which know no hyphen.
	id string
}

// Groups are the pair of groups, on-demand first.
func (c Cluster) Groups() []Group {
	return []Group{
		{OnDemand, c.FullName() + "-" + OnDemand, "ondemand"},
		{Spot, c.FullName() + "-" + Spot, "spot"},
	}
}

// Sizes of a group, in instances: those metrics of it that the cluster construct
// enables (https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-metrics.html).
const (
	Min         = "GroupMinSize"
	Max         = "GroupMaxSize"
	Desired     = "GroupDesiredCapacity"
	InService   = "GroupInServiceInstances"
	Pending     = "GroupPendingInstances"
	Standby     = "GroupStandbyInstances"
	Terminating = "GroupTerminatingInstances"
	Total       = "GroupTotalInstances"
)

// Size is a metric of the group's size; suffix ends its id.
func (g Group) Size(suffix, label, name string) Query {
	return Query{ID: g.id + "_" + suffix, Label: label, Metric: Metric{
		Namespace:  "AWS/AutoScaling",
		Name:       name,
		Dimensions: []Dimension{{"AutoScalingGroupName", g.Name}},
		Stat:       "Maximum",
	}}
}

// CPU is the average use of the group's processors, in percent: what its
// alarms scale by.
func (g Group) CPU() Query {
	return Query{ID: g.id + "_cpu", Label: "CPU of " + g.Lifecycle, Metric: Metric{
		Namespace:  "AWS/EC2",
		Name:       "CPUUtilization",
		Dimensions: []Dimension{{"AutoScalingGroupName", g.Name}},
		Stat:       "Average",
	}}
}

// OutOfStep is 1 while the group has other than its desired capacity in
// service, and what it is computed of.
func (g Group) OutOfStep() []Query {
	desired, inService := g.Size("desired", "desired", Desired), g.Size("in_service", "in service", InService)
	return append(hide(desired, inService), Query{
		ID: g.id + "_out_of_step", Label: g.Lifecycle + " out of step",
		Expression: "IF(" + desired.ID + " != " + inService.ID + ", 1, 0)",
	})
}

// AtMax is 1 while the group's desired capacity is its maximum, and what it is
// computed of.
func (g Group) AtMax() []Query {
	desired, most := g.Size("desired", "desired", Desired), g.Size("max", "maximum", Max)
	return append(hide(desired, most), Query{
		ID: g.id + "_at_max", Label: g.Lifecycle + " at maximum",
		Expression: "IF(" + desired.ID + " >= " + most.ID + ", 1, 0)",
	})
}
