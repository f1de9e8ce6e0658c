package spec

import "github.com/tandem-iac/tandem/internal/check"

// Delivery is the buckets that every cluster of the environment uses: one for
// builds and setup scripts, one for the load balancers' access logs, and one for
// packages where that is described.
type Delivery struct {
	// BuildBucket names the bucket of builds.
	// Default: <environment>-<region>-builds-<account id>.
	BuildBucket string `yaml:"build_bucket,omitempty" format:"bucket"`
	// AccessLogBucket names the bucket of access logs.
	// Default: <environment>-<region>-access-logs-<account id>.
	AccessLogBucket string `yaml:"access_log_bucket,omitempty" format:"bucket"`
	// AccessLogDays is how long access logs are kept, in days. Default: 90.
	AccessLogDays int `yaml:"access_log_days,omitempty" range:"1..3650"`
	// NoncurrentDays is how long overwritten or deleted objects of the
	// buckets can still be brought back, in days. Default: 30.
	NoncurrentDays int `yaml:"noncurrent_days,omitempty" range:"1..3650"`
	// Packages is a bucket with what machines install, so that a distribution's
	// mirrors may be down; see docs/packages.md. Set: machines install from it
	// and from nowhere else. Default: none, machines install from the
	// distribution's mirrors.
	Packages *Packages `yaml:"packages,omitempty"`
}

// Packages is a bucket that mirrors packages of the machines' distribution. It
// is read through the network's S3 endpoint only, without credentials, and
// written by `tandem packages sync`.
type Packages struct {
	// Bucket names the bucket.
	// Default: <environment>-<region>-packages-<account id>.
	Bucket string `yaml:"bucket,omitempty" format:"bucket"`
	// Writers are the ARNs of the roles that `tandem packages` runs as, of which
	// each exists already. Nobody else writes to the bucket. Required.
	Writers []string `yaml:"writers" required:"true" items:"1..20" each:"role" why:"a bucket that nobody writes to stays empty"`
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
	if d.Packages == nil {
		return
	}
	const path = "delivery.packages.bucket"
	for _, other := range []struct{ key, name string }{{"build_bucket", d.BuildBucket}, {"access_log_bucket", d.AccessLogBucket}} {
		faults.Require(d.Packages.Bucket == "" || d.Packages.Bucket != other.name, path, quote(d.Packages.Bucket),
			"another bucket than "+other.key, "delivery."+other.key)
	}
	checkDistinct(faults, "delivery.packages.writers", d.Packages.Writers)
}

// packageBucket is the name of the bucket of packages. Empty: it is left open,
// or there is none.
func (d Delivery) packageBucket() string {
	if d.Packages == nil {
		return ""
	}
	return d.Packages.Bucket
}
