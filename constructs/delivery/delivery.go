// Package delivery builds the buckets of an environment: one for builds and
// setup scripts, one for the load balancers' access logs.
//
//	publish ──> build bucket ──> instances
//	load balancers ──> access-log bucket
package delivery

import (
	"cmp"
	"fmt"

	"github.com/aws/constructs-go/constructs/v10"

	"github.com/tandem-iac/tandem/constructs/account"
	"github.com/tandem-iac/tandem/internal/awsregion"
	"github.com/tandem-iac/tandem/internal/check"
	"github.com/tandem-iac/tandem/internal/iam"
	"github.com/tandem-iac/tandem/spec"
)

// Config configures New.
type Config struct {
	// Name prefixes the names of buckets that the description leaves open.
	// Required.
	Name string
	// Region is the AWS region to build in. Required.
	Region string
	// Account is the id of the account. Empty: asked of AWS at each plan.
	Account string
	// Delivery describes the buckets; unset fields have its defaults.
	Delivery spec.Delivery
}

// Delivery are an environment's buckets.
type Delivery struct {
	// Builds holds releases and setup scripts.
	Builds Bucket
	// AccessLogs holds a directory of logs for each load balancer. Whoever
	// takes its name waits for the policy that lets load balancers write.
	AccessLogs Bucket
}

// New builds the buckets under scope/id. If cfg is invalid it returns a
// check.Errors and adds nothing.
func New(scope constructs.Construct, id string, cfg Config) (Delivery, error) {
	cfg.Delivery = cfg.Delivery.WithDefaults()
	if err := cfg.Validate(); err != nil {
		return Delivery{}, fmt.Errorf("delivery %q: %w", id, err)
	}
	node := constructs.NewConstruct(scope, &id)
	account := account.ID(node, cfg.Account)
	name := func(given, purpose string) string {
		return cmp.Or(given, cfg.Name+"-"+cfg.Region+"-"+purpose+"-"+account)
	}
	return Delivery{
		Builds: newBucket(node, "builds", bucketConfig{
			name:           name(cfg.Delivery.BuildBucket, "builds"),
			noncurrentDays: cfg.Delivery.NoncurrentDays,
		}),
		AccessLogs: newBucket(node, "access-logs", bucketConfig{
			name:           name(cfg.Delivery.AccessLogBucket, "access-logs"),
			noncurrentDays: cfg.Delivery.NoncurrentDays,
			expireDays:     cfg.Delivery.AccessLogDays,
			grants:         logDelivery(cfg.Region, account),
		}),
	}, nil
}

// Validate reports every broken rule.
func (cfg Config) Validate() error {
	return check.Merge(spec.ValidateIdentity(cfg.Name, cfg.Region), cfg.Delivery.Validate())
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
