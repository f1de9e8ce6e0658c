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

// WithDefaults returns the delivery with every unset field that has a default
// filled in.
func (d Delivery) WithDefaults() Delivery {
	setDefault(&d.AccessLogDays, 90)
	setDefault(&d.NoncurrentDays, 30)
	return d
}

// Validate reports every broken rule of a delivery on its own as a
// check.Errors with paths below delivery.
func (d Delivery) Validate() error {
	var tags check.Errors
	var rules relations
	checkTags(&tags, "delivery", d)
	d.validate(&rules)
	return joined(tags, rules, nothingBroken).Err()
}

func (d Delivery) validate(faults *relations) {
	faults.Require(d.AccessLogBucket == "" || d.AccessLogBucket != d.BuildBucket, "delivery.access_log_bucket", quote(d.AccessLogBucket),
		"another bucket than build_bucket", "delivery.build_bucket")
}
