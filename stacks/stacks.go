// Package stacks turns the description of an environment into Terraform
// stacks: <environment>-network, <environment>-delivery, <environment>-logging
// where logging is described, <environment>-<cluster> for each cluster, and
// <environment>-monitoring.
package stacks

import (
	"fmt"
	"maps"
	"slices"

	"github.com/aws/jsii-runtime-go"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/provider"
	"github.com/hashicorp/terraform-cdk-go/cdktf"

	"github.com/tandem-iac/tandem/constructs/cluster"
	"github.com/tandem-iac/tandem/spec"
)

// Build adds every stack of the environment to app. If the environment is
// invalid it returns a check.Errors and adds nothing.
//
// Building starts a Node process through jsii, whose failures are panics; see
// Synth for a way to receive them as errors.
func Build(app cdktf.App, env spec.Environment) error {
	env = env.WithDefaults()
	if err := env.Validate(); err != nil {
		return err
	}
	net, err := newNetworkStack(app, env)
	if err != nil {
		return err
	}
	buckets, err := newDeliveryStack(app, env, net)
	if err != nil {
		return err
	}
	logs, err := newLoggingStack(app, env, net, buckets)
	if err != nil {
		return err
	}
	clusters := map[string]cluster.Cluster{}
	for _, name := range slices.Sorted(maps.Keys(env.Clusters)) {
		if clusters[name], err = newClusterStack(app, env, name, net, buckets, logs); err != nil {
			return err
		}
	}
	return newMonitoringStack(app, env, clusters, logs)
}

// newStack adds an empty stack with its provider and state.
func newStack(app cdktf.App, env spec.Environment, part string) cdktf.TerraformStack {
	name := env.Name + "-" + part
	stack := cdktf.NewTerraformStack(app, &name)
	tags := map[string]*string{"tandem:environment": &env.Name}
	for key, value := range env.Tags {
		tags[key] = &value
	}
	args := &provider.AwsProviderConfig{
		Region:      &env.Region,
		DefaultTags: []*provider.AwsProviderDefaultTags{{Tags: &tags}},
	}
	if env.Account != "" {
		args.AllowedAccountIds = jsii.Strings(env.Account)
	}
	provider.NewAwsProvider(stack, jsii.String("aws"), args)
	setBackend(stack, name, env.State)
	return stack
}

// setBackend keeps the stack's state where the description says, and asks for a
// Terraform that can. The lock file is an override: the bindings are older.
func setBackend(stack cdktf.TerraformStack, name string, state spec.State) {
	required := ">= 1.5"
	if state.S3 != nil {
		required = ">= 1.10" // for the lock file
	}
	stack.AddOverride(jsii.String("terraform.required_version"), required)
	if s3 := state.S3; s3 != nil {
		cdktf.NewS3Backend(stack, &cdktf.S3BackendConfig{
			Bucket:  &s3.Bucket,
			Region:  &s3.Region,
			Key:     jsii.String(s3.Prefix + name + ".tfstate"),
			Encrypt: jsii.Bool(true),
		})
		stack.AddOverride(jsii.String("terraform.backend.s3.use_lockfile"), true)
		return
	}
	cdktf.NewLocalBackend(stack, &cdktf.LocalBackendConfig{
		Path: jsii.String(state.Local + "/" + name + ".tfstate"),
	})
}

// output is a value an operator reads with `terraform output`.
type output struct{ name, description, value string }

func addOutputs(stack cdktf.TerraformStack, outputs ...output) {
	for _, o := range outputs {
		cdktf.NewTerraformOutput(stack, &o.name, &cdktf.TerraformOutputConfig{Value: o.value, Description: &o.description})
	}
}

// wrap says in which stack an error arose.
func wrap(stack cdktf.TerraformStack, err error) error {
	return fmt.Errorf("stack %s: %w", *stack.Node().Id(), err)
}
