// Package spec is the description of one environment that a user writes: its
// types, their defaults, the YAML they are read from and the rules they keep.
// It is pure Go and starts nothing.
//
// Fields carry their rules as tags, which both validation and the JSON Schema
// read, so that the two cannot disagree:
//
//	required:"true"     must be set
//	range:"1..4000"     number or duration, both ends included
//	enum:"a,b"          one of these
//	format:"cidr"       one of the named formats in formats.go
//	items:"2..6"        length of a list or map
//	each:"cidr"         format or range of a list's or map's values
//	keys:"name"         format of a map's keys
//	why:"…"             reason, added to what a fault wants
//
// Rules that involve two fields are Go code beside their types.
package spec

import (
	"strings"

	"maps"
	"path"

	"github.com/tandem-iac/tandem/internal/check"
)

// Environment is everything tandem builds in one region under one name: a
// network, the buckets and any number of web clusters.
type Environment struct {
	// Name prefixes every stack and resource name. Required.
	Name string `yaml:"environment" required:"true" format:"environment"`
	// Region is the AWS region of everything here, such as ap-southeast-1. Required.
	Region string `yaml:"region" required:"true" format:"region"`
	// Account is the id of the AWS account. Set: Terraform refuses to touch
	// any other account. Unset: whatever account the credentials belong to.
	Account string `yaml:"account,omitempty" format:"account"`
	// State is where Terraform keeps its state. Default: a local directory.
	State State `yaml:"state,omitempty"`
	// Tags are put on every resource, instances and volumes included. Default: none.
	Tags map[string]string `yaml:"tags,omitempty" items:"0..40" keys:"tag_key" each:"tag_value" why:"AWS takes 50, of which tandem keeps 10"`
	// OnDemandPrices are Linux on-demand prices, in USD per hour and in this
	// region, that go before those of the price file that is built in, which
	// `tandem price` prints. A type that the file does not have, in this region
	// or at all, has to be here. Bids are computed from the prices and checked
	// against them. See https://aws.amazon.com/ec2/pricing/on-demand/.
	// Default: none, the price file's hold.
	OnDemandPrices map[string]float64 `yaml:"on_demand_prices,omitempty" keys:"instance_type" each:"0.0001..1000"`
	// Network is the VPC. Default: 10.0.0.0/16 over two availability zones.
	Network Network `yaml:"network,omitempty"`
	// Delivery is the buckets for builds, access logs and packages.
	Delivery Delivery `yaml:"delivery,omitempty"`
	// Clusters are the web clusters by name; <environment>-<name> has 32
	// characters at most. At least one. Required.
	Clusters map[string]Cluster `yaml:"clusters" required:"true" keys:"name"`
	// Logging ships the logs of all machines to one place. Default: they stay
	// on the machines.
	Logging *Logging `yaml:"logging,omitempty"`
	// Monitoring is who is told of what goes wrong. Default: nobody, by alarms and
	// dashboards for every cluster.
	Monitoring Monitoring `yaml:"monitoring,omitempty"`
	// Review is what `tandem review` leaves out, and on what load it simulates.
	Review Review `yaml:"review,omitempty"`
}

// State is where Terraform keeps its state: a directory or an S3 bucket.
type State struct {
	// Local is a directory for one state file a stack, relative to the
	// directory Terraform runs in, <output>/stacks/<stack>. Default:
	// ../../../state/<region>, beside the output directory, unless s3 is set.
	Local string `yaml:"local,omitempty" format:"directory"`
	// S3 keeps the state in a bucket that exists already, with a lock file
	// beside it (https://developer.hashicorp.com/terraform/language/backend/s3).
	S3 *S3State `yaml:"s3,omitempty"`
}

// S3State is a bucket for Terraform's state.
type S3State struct {
	// Bucket is the bucket's name. Required.
	Bucket string `yaml:"bucket" required:"true" format:"bucket"`
	// Region is the bucket's region. Default: the environment's.
	Region string `yaml:"region,omitempty" format:"region"`
	// Prefix is put before <stack>.tfstate, whose name has no region. Default:
	// tandem/<environment's region>/.
	Prefix string `yaml:"prefix,omitempty" format:"key"`
}

// DefaultLocalState is State.Local where nothing is set: a directory of the
// region's own, as stacks of one name in two regions are two.
func DefaultLocalState(region string) string { return path.Join("../../../state", region) }

// WithDefaults returns the environment with every unset field that has a
// default filled in. The receiver and what it points to stay as they are.
func (e Environment) WithDefaults() Environment {
	e.State = e.State.withDefaults(e.Region)
	e.Network = e.Network.WithDefaults(e.Region)
	e.Delivery = e.Delivery.WithDefaults()
	if e.Logging != nil {
		logging := e.Logging.WithDefaults(e.Network.zones())
		e.Logging = &logging
	}
	e.Monitoring = e.Monitoring.WithDefaults()
	e.Clusters = maps.Clone(e.Clusters)
	prices := e.pricing()
	for name, c := range e.Clusters {
		e.Clusters[name] = c.withDefaults(name, prices)
	}
	return e
}

func (s State) withDefaults(region string) State {
	if !isRegion(region) { // or else its fault would be told twice
		region = ""
	}
	if s.S3 != nil {
		s3 := *s.S3
		setDefault(&s3.Region, region)
		setDefault(&s3.Prefix, path.Join("tandem", region)+"/")
		s.S3 = &s3
		return s
	}
	setDefault(&s.Local, DefaultLocalState(region))
	return s
}

// validate keeps the state in one place, and that apart from the buckets that
// tandem makes.
func (s State) validate(faults *relations, d Delivery) {
	if s.S3 == nil {
		return
	}
	faults.Require(s.Local == "", "state.local", quote(s.Local), "unset, because state.s3 is set", "state.s3")
	for _, made := range []struct{ path, name string }{
		{"delivery.build_bucket", d.BuildBucket},
		{"delivery.access_log_bucket", d.AccessLogBucket},
		{"delivery.packages.bucket", d.packageBucket()},
	} {
		faults.Require(made.name == "" || made.name != s.S3.Bucket, made.path, quote(made.name),
			"another bucket than state.s3.bucket, which exists already", "state.s3.bucket")
	}
}

// Validate reports every broken rule as one check.Errors, or nil. It looks at
// the fields as they are: call WithDefaults before it.
func (e Environment) Validate() error { return e.faults(nothingBroken).Err() }

// faults are those of Validate, but for what broken tells of already.
func (e Environment) faults(broken func(path string) bool) check.Errors {
	var tags check.Errors
	var rules relations
	checkTags(&tags, "", e)
	e.validate(&rules)
	return joined(tags, rules, broken)
}

// ValidateIdentity reports a name and a region that no environment may have,
// as a check.Errors with the paths environment and region.
func ValidateIdentity(name, region string) error {
	var faults check.Errors
	for _, field := range []struct{ path, value string }{{"environment", name}, {"region", region}} {
		rule := formats[field.path] // each has a format of its own
		faults.Require(rule.matches(field.value), field.path, quote(field.value), rule.want)
	}
	return faults.Err()
}

func (e Environment) validate(faults *relations) {
	e.State.validate(faults, e.Delivery)
	e.Network.validate(faults, e.Region)
	e.Delivery.validate(faults)
	e.Monitoring.validate(faults)
	existing := e.Network.Existing
	faults.Require(e.Delivery.Packages == nil || existing == nil || existing.S3Endpoint != "", "network.existing.s3_endpoint_id", "",
		"the private subnets' S3 gateway endpoint, because delivery.packages is set", "delivery.packages", "network.existing")
	e.Review.validate(faults)
	if e.Logging != nil {
		e.Logging.validate(faults, loggingContext{e.Region, e.Account, e.Network.zones()})
		e.Logging.validateClusters(faults, e.Clusters)
	}
	validateTags(faults, e.Tags)
	for _, name := range sortedKeys(e.Clusters) {
		e.Clusters[name].validate(faults, clusterContext{
			path:        check.Join("clusters", name),
			name:        name,
			environment: e,
		})
	}
}

// validateTags refuses keys that differ in case alone, which IAM takes for the
// same: https://docs.aws.amazon.com/IAM/latest/UserGuide/id_tags.html
func validateTags(faults *relations, tags map[string]string) {
	keys := sortedKeys(tags)
	for i, key := range keys {
		for _, earlier := range keys[:i] {
			faults.Require(!strings.EqualFold(key, earlier), check.Join("tags", key), quoted(key),
				"something other than tags."+earlier+": IAM knows no case", check.Join("tags", earlier))
		}
	}
}
