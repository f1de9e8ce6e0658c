// Package delivery builds the buckets of an environment: one for builds and
// setup scripts, one for the load balancers' access logs and, where it is
// described, one for packages.
//
//	publish ──> build bucket ──> instances
//	load balancers ──> access-log bucket
//	writers' roles ──> package bucket ── S3 endpoint ──> instances
package delivery

import (
	"cmp"
	"fmt"

	"github.com/aws/constructs-go/constructs/v10"

	"github.com/tandem-iac/tandem/constructs/account"
	"github.com/tandem-iac/tandem/constructs/network"
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
	// S3Endpoint is the only way to the packages. Required where Delivery
	// describes a bucket of packages.
	S3Endpoint network.EndpointID
}

// Delivery are an environment's buckets.
type Delivery struct {
	// Builds holds releases and setup scripts.
	Builds Bucket
	// AccessLogs holds a directory of logs for each load balancer. Whoever
	// takes its name waits for the policy that lets load balancers write.
	AccessLogs Bucket
	// Packages holds what machines install. Nil: that comes from elsewhere.
	Packages *PackageBucket
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
	made := Delivery{
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
	}
	if packages := cfg.Delivery.Packages; packages != nil {
		made.Packages = cfg.packageBucket(node, name(packages.Bucket, "packages"))
	}
	return made, nil
}

// Validate reports every broken rule.
func (cfg Config) Validate() error {
	var faults check.Errors
	faults.Require(cfg.Delivery.Packages == nil || cfg.S3Endpoint != "", "s3_endpoint", "", "the network's S3 endpoint, because delivery.packages is set")
	return check.Merge(spec.ValidateIdentity(cfg.Name, cfg.Region), cfg.Delivery.Validate(), faults.Err())
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
