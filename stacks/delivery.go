package stacks

import (
	"github.com/hashicorp/terraform-cdk-go/cdktf"

	"github.com/tandem-iac/tandem/constructs/delivery"
	"github.com/tandem-iac/tandem/constructs/network"
	"github.com/tandem-iac/tandem/spec"
)

// newDeliveryStack adds <environment>-delivery.
func newDeliveryStack(app cdktf.App, env spec.Environment, net network.Network) (delivery.Delivery, error) {
	stack := newStack(app, env, "delivery")
	buckets, err := delivery.New(stack, "delivery", delivery.Config{
		Name:       env.Name,
		Region:     env.Region,
		Account:    env.Account,
		Delivery:   env.Delivery,
		S3Endpoint: net.S3Endpoint,
	})
	if err != nil {
		return delivery.Delivery{}, wrap(stack, err)
	}
	addOutputs(stack,
		output{"build_bucket", "Bucket of builds and setup scripts", string(buckets.Builds.Name)},
		output{"access_log_bucket", "Bucket of the load balancers' access logs", string(buckets.AccessLogs.Name)},
	)
	if packages := buckets.Packages; packages != nil {
		addOutputs(stack,
			output{"package_bucket", "Bucket of what machines install", string(packages.Name)},
			output{"package_url", "Where machines find it, within the VPC", packages.URL},
		)
	}
	return buckets, nil
}
