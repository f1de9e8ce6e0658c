// Package delivery builds the buckets of an environment: one for builds and
// setup scripts, one for the load balancers' access logs.
//
//	publish ──> build bucket ──> instances
//	load balancers ──> access-log bucket
package delivery

import (
	"fmt"

	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/dataawscalleridentity"

	"github.com/tandem-iac/tandem/internal/awsregion"
	"github.com/tandem-iac/tandem/internal/iam"
	"github.com/tandem-iac/tandem/spec"
)

// Config configures New.
type Config struct {
	// Environment describes the buckets in its field Delivery. Required.
	Environment spec.Environment
}

// Delivery are an environment's buckets.
type Delivery struct {
	// Builds holds releases and setup scripts.
	Builds Bucket
	// AccessLogs holds a directory of logs for each load balancer. Whoever
	// takes its name waits for the policy that lets load balancers write.
	AccessLogs Bucket
}

// New builds the buckets under scope/id. If the environment is invalid it
// returns a check.Errors and adds nothing.
func New(scope constructs.Construct, id string, cfg Config) (Delivery, error) {
	env := cfg.Environment.WithDefaults()
	if err := env.Validate(); err != nil {
		return Delivery{}, fmt.Errorf("delivery %q: %w", id, err)
	}
	node := constructs.NewConstruct(scope, &id)
	account := Account(node, env)
	nameOf := func(given, purpose string) string {
		if given != "" {
			return given
		}
		return env.Name + "-" + env.Region + "-" + purpose + "-" + account
	}
	return Delivery{
		Builds: newBucket(node, "builds", bucketConfig{
			name:           nameOf(env.Delivery.BuildBucket, "builds"),
			noncurrentDays: env.Delivery.NoncurrentDays,
		}),
		AccessLogs: newBucket(node, "access-logs", bucketConfig{
			name:           nameOf(env.Delivery.AccessLogBucket, "access-logs"),
			noncurrentDays: env.Delivery.NoncurrentDays,
			expireDays:     env.Delivery.AccessLogDays,
			grants:         logDelivery(env.Region, account),
		}),
	}, nil
}

// Account returns the id of the environment's account: the one that is written
// there, or a data source under scope that asks whose the credentials are.
func Account(scope constructs.Construct, env spec.Environment) string {
	if env.Account != "" {
		return env.Account
	}
	return *dataawscalleridentity.NewDataAwsCallerIdentity(scope, jsii.String("account"), nil).AccountId()
}

// logDelivery lets the load balancers of a region write access logs for an account:
// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/enable-access-logging.html
func logDelivery(region, account string) func(BucketARN) iam.Policy {
	var principal any = iam.Service("logdelivery.elasticloadbalancing.amazonaws.com")
	if id, ok := awsregion.LoadBalancerAccount(region); ok {
		principal = iam.Account(awsregion.Partition(region), id)
	}
	return func(bucket BucketARN) iam.Policy {
		return iam.Policy{{
			Sid:       "LoadBalancersWriteLogs",
			Effect:    iam.Allow,
			Principal: principal,
			Action:    []string{"s3:PutObject"},
			Resource:  []string{string(bucket) + "/*/AWSLogs/" + account + "/*"},
		}}
	}
}
