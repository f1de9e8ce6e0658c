package stacks

import (
	"github.com/hashicorp/terraform-cdk-go/cdktf"

	"github.com/tandem-iac/tandem/constructs/delivery"
	"github.com/tandem-iac/tandem/constructs/logging"
	"github.com/tandem-iac/tandem/constructs/network"
	"github.com/tandem-iac/tandem/spec"
)

// newLoggingStack adds <environment>-logging. Where no logging is described it
// adds nothing and returns nil.
//
// The stack comes before the clusters', which read the brokers from it and add
// the rules that let their machines in, so that it need not know them.
func newLoggingStack(app cdktf.App, env spec.Environment, net network.Network, buckets delivery.Delivery) (*logging.Logging, error) {
	if env.Logging == nil {
		return nil, nil
	}
	stack := newStack(app, env, logging.Name)
	made, err := logging.New(stack, "logging", logging.Config{
		Environment: env.Name,
		Region:      env.Region,
		Account:     env.Account,
		Tags:        env.Tags,
		Logging:     *env.Logging,
		Network:     net,
		Delivery:    buckets,
	})
	if err != nil {
		return nil, wrap(stack, err)
	}
	addOutputs(stack,
		output{"brokers", "Kafka's brokers, host:port", made.Logs.Brokers},
		output{"index_url", "Where logs are searched", made.IndexURL},
		output{"indexer_group", "Auto Scaling group of the indexers", string(made.Indexers)},
	)
	if secret := made.IndexSecret.ARN; secret != "" {
		addOutputs(stack, output{"index_secret_arn", "Secret with the index's user and password", string(secret)})
	}
	return &made, nil
}
