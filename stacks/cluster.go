package stacks

import (
	"github.com/hashicorp/terraform-cdk-go/cdktf"

	"github.com/tandem-iac/tandem/constructs/cluster"
	"github.com/tandem-iac/tandem/constructs/delivery"
	"github.com/tandem-iac/tandem/constructs/logging"
	"github.com/tandem-iac/tandem/constructs/network"
	"github.com/tandem-iac/tandem/spec"
)

// newClusterStack adds <environment>-<cluster>; where there is no logging, its
// machines keep their logs.
func newClusterStack(app cdktf.App, env spec.Environment, name string, net network.Network, buckets delivery.Delivery, logs *logging.Logging) (cluster.Cluster, error) {
	stack := newStack(app, env, name)
	made, err := cluster.New(stack, "cluster", cluster.Config{
		Environment: env,
		Name:        name,
		Network:     net,
		Delivery:    buckets,
		Logs:        logs.Shipping(),
	})
	if err != nil {
		return cluster.Cluster{}, wrap(stack, err)
	}
	addOutputs(stack,
		output{"alb_dns_name", "Name to point the service's CNAME or alias at", made.DNSName},
		output{"alb_zone_id", "Hosted zone of alb_dns_name, for alias records", made.ZoneID},
		output{"target_group_arn", "Target group of both groups", string(made.TargetGroup)},
		output{"on_demand_group", "Auto Scaling group of the anchor", string(made.OnDemand)},
		output{"spot_group", "Auto Scaling group that carries the load", string(made.Spot)},
		output{"rescue_policy_arn", "Policy that adds one on-demand instance", string(made.Rescue)},
	)
	return made, nil
}
