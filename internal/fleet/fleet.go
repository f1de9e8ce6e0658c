// Package fleet finds the clusters of a region, and what their machines run,
// by the tags that the cluster construct and the machines put there.
//
//	Auto Scaling groups ── tandem:environment, tandem:cluster, tandem:lifecycle ──> Cluster
//	  └─ members ── EC2: tandem:release, tandem:playbook-release ──> Instance
//	       └─ target group: health
package fleet

import (
	"cmp"
	"slices"
	"time"
)

// Tags of groups and, handed on at launch, of instances.
const (
	EnvironmentTag = "tandem:environment"
	ClusterTag     = "tandem:cluster"
	ServiceTag     = "tandem:service"
	LifecycleTag   = "tandem:lifecycle"
)

// Tags that a machine gives itself: the version of its service and of its
// playbook once both are in place, SettingUp while another release is brought
// and Broken after a failure.
const (
	ReleaseTag  = "tandem:release"
	PlaybookTag = "tandem:playbook-release"
	SettingUp   = "setting-up"
	Broken      = "broken"
)

// Values of LifecycleTag.
const (
	Spot     = "spot"
	OnDemand = "on-demand"
)

// Lifecycle states of an instance in its group:
// https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-lifecycle.html
const (
	InService       = "InService"
	Standby         = "Standby"
	EnteringStandby = "EnteringStandby"
)

// States of a target:
// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-health-checks.html#target-health-states
const (
	Healthy = "healthy"
	Unused  = "unused"
)

// Cluster is a pair of groups and the instances in them.
type Cluster struct {
	Environment string     `json:"environment"`
	Name        string     `json:"cluster"`
	Service     string     `json:"service"`
	Groups      []Group    `json:"groups"`
	Instances   []Instance `json:"instances"`
}

// Group is an Auto Scaling group of a cluster.
type Group struct {
	Name      string `json:"name"`
	Lifecycle string `json:"lifecycle"`
	Min       int    `json:"min"`
	Max       int    `json:"max"`
	Desired   int    `json:"desired"`
	// TargetGroup is the ARN of the one that the group registers with. Empty: none.
	TargetGroup string `json:"target_group"`
}

// Instance is a member of a group that has not been terminated.
type Instance struct {
	ID string `json:"id"`
	// Name is its Name tag. Empty: it has none.
	Name      string `json:"name,omitempty"`
	Group     string `json:"group"`
	Lifecycle string `json:"lifecycle"`
	Type      string `json:"type"`
	Zone      string `json:"zone"`
	PrivateIP string `json:"private_ip"`
	// State is its lifecycle state in the group.
	State string `json:"state"`
	// Health is its state in the target group.
	Health string `json:"health"`
	// HealthReason says why it is not healthy.
	HealthReason string    `json:"health_reason,omitempty"`
	Launched     time.Time `json:"launched"`
	// Release is what the machine has said it runs.
	Release Release `json:"release"`
}

// Group returns the group of a name.
func (c Cluster) Group(name string) Group {
	for _, g := range c.Groups {
		if g.Name == name {
			return g
		}
	}
	return Group{}
}

// Instance returns the instance of an id, and whether it is there.
func (c Cluster) Instance(id string) (Instance, bool) {
	for _, i := range c.Instances {
		if i.ID == id {
			return i, true
		}
	}
	return Instance{}, false
}

// HealthyIDs are the instances in service that pass the health check.
func (c Cluster) HealthyIDs() []string {
	var ids []string
	for _, i := range c.Instances {
		if i.Serving() {
			ids = append(ids, i.ID)
		}
	}
	return ids
}

// Serving says that the instance takes its share of the traffic.
func (i Instance) Serving() bool { return i.State == InService && i.Health == Healthy }

// Running is a release and how many instances run it.
type Running struct {
	Release Release `json:"release"`
	Count   int     `json:"count"`
}

// Releases are those that instances run, the most frequent first. More than
// one is a release skew.
func (c Cluster) Releases() []Running {
	count := map[Release]int{}
	for _, i := range c.Instances {
		count[i.Release]++
	}
	var list []Running
	for release, n := range count {
		list = append(list, Running{release, n})
	}
	slices.SortFunc(list, func(a, b Running) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(b.Release.Service, a.Release.Service),
			cmp.Compare(b.Release.Playbook, a.Release.Playbook), cmp.Compare(a.Release.String(), b.Release.String()))
	})
	return list
}
