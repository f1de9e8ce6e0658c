package stacks

import (
	"github.com/hashicorp/terraform-cdk-go/cdktf"

	"github.com/tandem-iac/tandem/constructs/network"
	"github.com/tandem-iac/tandem/spec"
)

// newNetworkStack adds <environment>-network. A network that exists already
// needs no stack.
func newNetworkStack(app cdktf.App, env spec.Environment) (network.Network, error) {
	cfg := network.Config{Name: env.Name, Region: env.Region, Network: env.Network}
	if env.Network.Existing != nil {
		return network.New(app, "network", cfg)
	}
	stack := newStack(app, env, "network")
	net, err := network.New(stack, "network", cfg)
	if err != nil {
		return network.Network{}, wrap(stack, err)
	}
	addOutputs(stack, output{"vpc_id", "VPC of the environment", string(net.VPC)})
	return net, nil
}
