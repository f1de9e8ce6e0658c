// Package machine builds what every group of machines has, whatever they are
// for: an image, a role and, for each group, a launch template whose user data
// sets the machine up and a hook that holds it while it drains.
//
//	build bucket ── setup script, releases ──> machine
//	image, role ──> launch template ──> Auto Scaling group ──> drain hook
package machine

import (
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/hashicorp/terraform-cdk-go/cdktf"

	"github.com/tandem-iac/tandem/constructs/delivery"
	"github.com/tandem-iac/tandem/constructs/network"
	"github.com/tandem-iac/tandem/spec"
)

// Config is what all groups of one kind of machine share. Every field that
// does not say otherwise is required, and valid: whoever builds machines has
// checked the description before.
type Config struct {
	// Environment gives machines its name, region, account and tags.
	Environment spec.Environment
	// Name is that of the cluster that the machines make up.
	Name string
	// Service and Playbook are the artifacts that they run and are configured by.
	Service, Playbook string
	// Architecture is that of their processors, as EC2 names it.
	Architecture string
	// Instance is what they are launched with.
	Instance spec.Instance
	// Bootstrap is how they set themselves up.
	Bootstrap spec.Bootstrap
	// Heartbeat is how long the hook holds a machine that has to go.
	Heartbeat spec.Duration
	// Refresh is what becomes of running machines when a launch template changes.
	Refresh string
	// Network is where they live.
	Network network.Network
	// Builds is the bucket that they fetch releases from.
	Builds delivery.Bucket
	// Packages is what they install from. Nil: the image's own sources.
	Packages *delivery.PackageBucket
	// Logs is where they ship their logs. Nil: logs stay on the machines.
	Logs *Logs
}

// Kind is a kind of machine, ready to be launched in groups.
type Kind struct {
	cfg   Config
	node  constructs.Construct
	role  role
	image *string
}

// New adds the role and looks up the image. It adds them to scope itself,
// whose path is part of their addresses.
func New(scope constructs.Construct, cfg Config) Kind {
	k := Kind{cfg: cfg, node: scope}
	k.role = k.newRole()
	k.image = k.findImage()
	return k
}

// Stem is what all names of the kind begin with: environment-cluster.
func (cfg Config) Stem() string { return cfg.Environment.Name + "-" + cfg.Name }

// Tags are those by which the operator's tools find what belongs to a cluster;
// lifecycle is empty on what several groups share.
func (cfg Config) Tags(name, lifecycle string) map[string]string {
	tags := map[string]string{
		"Name":           name,
		"tandem:cluster": cfg.Name,
		"tandem:service": cfg.Service,
	}
	if lifecycle != "" {
		tags["tandem:lifecycle"] = lifecycle
	}
	return tags
}

// instanceTags are all tags of a machine, the environment's among them: default
// tags do not reach machines.
func (cfg Config) instanceTags(group GroupConfig) map[string]string {
	tags := cfg.Tags(cfg.groupName(group.Lifecycle), group.Lifecycle)
	tags["tandem:environment"] = cfg.Environment.Name
	for key, value := range cfg.Environment.Tags {
		if _, own := tags[key]; !own {
			tags[key] = value
		}
	}
	return tags
}

// dependables is a list as the bindings take it.
func dependables(list ...cdktf.ITerraformDependable) *[]cdktf.ITerraformDependable { return &list }
