package delivery

import (
	"github.com/aws/constructs-go/constructs/v10"

	"github.com/tandem-iac/tandem/internal/awsregion"
	"github.com/tandem-iac/tandem/internal/iam"
)

// PackageBucket is a bucket that machines install from.
type PackageBucket struct {
	Bucket
	// URL is where dnf and apt find it, without a slash behind it.
	URL string
}

// packageBucket adds the bucket of packages.
func (cfg Config) packageBucket(node constructs.Construct, name string) *PackageBucket {
	bucket := newBucket(node, "packages", bucketConfig{
		name:           name,
		noncurrentDays: cfg.Delivery.NoncurrentDays,
		grants:         packageAccess(string(cfg.S3Endpoint), cfg.Delivery.Packages.Writers),
	})
	return &PackageBucket{
		Bucket: bucket,
		URL:    "https://" + string(bucket.Name) + ".s3." + cfg.Region + "." + awsregion.DNSSuffix(cfg.Region),
	}
}

// packageAccess lets anybody behind the endpoint read, as dnf and apt sign no
// requests, lets the writers write, and refuses everybody else whatever their
// own policies allow. S3 does not call a policy public that is bound to one
// endpoint, so that the public access block stands:
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-control-block-public-access.html#access-control-block-public-access-policy-status
//
// Only what is done with objects is refused. Who manages the bucket, such as
// Terraform, manages it as any other, and can change this policy.
func packageAccess(endpoint string, writers []string) func(BucketARN) iam.Policy {
	// Where a request has no such key, as one without credentials has no
	// principal, these hold:
	// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
	elsewhere := map[string]any{"aws:SourceVpce": endpoint}
	others := map[string]any{"aws:PrincipalArn": writers}
	return func(bucket BucketARN) iam.Policy {
		whole, objects := []string{string(bucket)}, []string{string(bucket) + "/*"}
		return iam.Policy{
			{
				Sid:       "MachinesRead",
				Effect:    iam.Allow,
				Principal: "*",
				Action:    []string{"s3:GetObject"},
				Resource:  objects,
				Condition: map[string]map[string]any{"StringEquals": elsewhere},
			},
			{
				Sid:       "WritersSync",
				Effect:    iam.Allow,
				Principal: map[string][]string{"AWS": writers},
				Action: []string{
					"s3:GetObject", "s3:PutObject", "s3:DeleteObject",
					"s3:AbortMultipartUpload", "s3:ListMultipartUploadParts",
				},
				Resource: objects,
			},
			{
				Sid:       "WritersList",
				Effect:    iam.Allow,
				Principal: map[string][]string{"AWS": writers},
				Action:    []string{"s3:ListBucket", "s3:ListBucketMultipartUploads"},
				Resource:  whole,
			},
			{
				Sid:       "RefuseReadersElsewhere",
				Effect:    iam.Deny,
				Principal: "*",
				Action:    []string{"s3:GetObject*"},
				Resource:  objects,
				Condition: map[string]map[string]any{"StringNotEquals": elsewhere, "ArnNotEquals": others},
			},
			{
				Sid:       "RefuseOtherWriters",
				Effect:    iam.Deny,
				Principal: "*",
				Action:    []string{"s3:PutObject*", "s3:DeleteObject*", "s3:RestoreObject", "s3:AbortMultipartUpload"},
				Resource:  objects,
				Condition: map[string]map[string]any{"ArnNotEquals": others},
			},
		}
	}
}
