package spec

import "github.com/tandem-iac/tandem/internal/check"

// Delivery is the pair of buckets that every cluster of the environment uses:
// one for builds and setup scripts, one for the load balancers' access logs.
type Delivery struct {
	// BuildBucket names the bucket of builds.
	// Default: <environment>-<region>-builds-<account id>.
	BuildBucket string `yaml:"build_bucket,omitempty" format:"bucket"`
	// AccessLogBucket names the bucket of access logs.
	// Default: <environment>-<region>-access-logs-<account id>.
	AccessLogBucket string `yaml:"access_log_bucket,omitempty" format:"bucket"`
	// AccessLogDays is how long access logs are kept, in days. Default: 90.
	AccessLogDays int `yaml:"access_log_days,omitempty" range:"1..3650"`
	// NoncurrentDays is how long overwritten or deleted objects of both
	// buckets can still be brought back, in days. Default: 30.
	NoncurrentDays int `yaml:"noncurrent_days,omitempty" range:"1..3650"`
}

func (d Delivery) withDefaults() Delivery {
	setDefault(&d.AccessLogDays, 90)
	setDefault(&d.NoncurrentDays, 30)
	return d
}

// validate keeps the buckets that tandem makes apart from each other and from
// the one of the state, which exists already.
func (d Delivery) validate(faults *check.Errors, state State) {
	const path = "delivery.access_log_bucket"
	faults.Require(d.AccessLogBucket == "" || d.AccessLogBucket != d.BuildBucket, path, quote(d.AccessLogBucket),
		"another bucket than build_bucket")
	if state.S3 == nil {
		return
	}
	const want = "another bucket than state.s3.bucket, which exists already"
	taken := state.S3.Bucket
	faults.Require(d.BuildBucket == "" || d.BuildBucket != taken, "delivery.build_bucket", quote(d.BuildBucket), want)
	faults.Require(d.AccessLogBucket == "" || d.AccessLogBucket != taken, path, quote(d.AccessLogBucket), want)
}
