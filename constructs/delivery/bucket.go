package delivery

import (
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/s3bucket"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/s3bucketlifecycleconfiguration"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/s3bucketpolicy"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/s3bucketpublicaccessblock"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/s3bucketserversideencryptionconfiguration"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/s3bucketversioning"
	"github.com/hashicorp/terraform-cdk-go/cdktf"

	"github.com/tandem-iac/tandem/internal/iam"
)

// BucketName is the name of an S3 bucket. It may be a token.
type BucketName string

// BucketARN is the ARN of an S3 bucket. It may be a token.
type BucketARN string

// Bucket is a private, versioned, encrypted bucket.
type Bucket struct {
	// Name is read from the bucket's policy, so that whatever uses the bucket
	// waits for the policy too.
	Name BucketName
	// ARN names the bucket in policies.
	ARN BucketARN
}

// bucketConfig configures newBucket.
type bucketConfig struct {
	name string
	// noncurrentDays is how long overwritten objects are kept.
	noncurrentDays int
	// expireDays is how long objects are kept. 0: for ever.
	expireDays int
	// grants are statements beside the one that refuses plain HTTP. Nil: none.
	grants func(BucketARN) iam.Policy
}

// abandonedUploadDays is how long the parts of an upload that never ended stay.
const abandonedUploadDays = 7

// newBucket adds a bucket with all that it takes to be private and recoverable.
func newBucket(scope constructs.Construct, id string, cfg bucketConfig) Bucket {
	node := constructs.NewConstruct(scope, &id)
	bucket := s3bucket.NewS3Bucket(node, jsii.String("bucket"), &s3bucket.S3BucketConfig{Bucket: &cfg.name})
	name, arn := bucket.Id(), BucketARN(*bucket.Arn())

	versioning := s3bucketversioning.NewS3BucketVersioningA(node, jsii.String("versioning"), &s3bucketversioning.S3BucketVersioningAConfig{
		Bucket:                  name,
		VersioningConfiguration: &s3bucketversioning.S3BucketVersioningVersioningConfiguration{Status: jsii.String("Enabled")},
	})
	// S3's own keys: load balancers cannot write logs under a KMS key.
	s3bucketserversideencryptionconfiguration.NewS3BucketServerSideEncryptionConfigurationA(node, jsii.String("encryption"), encryptionArgs(name))
	block := s3bucketpublicaccessblock.NewS3BucketPublicAccessBlock(node, jsii.String("public-access"), &s3bucketpublicaccessblock.S3BucketPublicAccessBlockConfig{
		Bucket:                name,
		BlockPublicAcls:       true,
		BlockPublicPolicy:     true,
		IgnorePublicAcls:      true,
		RestrictPublicBuckets: true,
	})
	lifecycle := cfg.lifecycleArgs(name)
	lifecycle.DependsOn = &[]cdktf.ITerraformDependable{versioning} // noncurrent versions exist from then on
	s3bucketlifecycleconfiguration.NewS3BucketLifecycleConfiguration(node, jsii.String("lifecycle"), lifecycle)

	policy := s3bucketpolicy.NewS3BucketPolicy(node, jsii.String("policy"), &s3bucketpolicy.S3BucketPolicyConfig{
		Bucket: name,
		Policy: jsii.String(cfg.policy(arn).JSON()),
		// S3 refuses to change both at once.
		DependsOn: &[]cdktf.ITerraformDependable{block},
	})
	return Bucket{Name: BucketName(*policy.Bucket()), ARN: arn}
}

func (cfg bucketConfig) policy(arn BucketARN) iam.Policy {
	policy := iam.Policy{{
		Sid:       "RefusePlainHTTP",
		Effect:    iam.Deny,
		Principal: "*",
		Action:    []string{"s3:*"},
		Resource:  []string{string(arn), string(arn) + "/*"},
		Condition: map[string]map[string]any{"Bool": {"aws:SecureTransport": "false"}},
	}}
	if cfg.grants != nil {
		policy = append(policy, cfg.grants(arn)...)
	}
	return policy
}

func (cfg bucketConfig) lifecycleArgs(bucket *string) *s3bucketlifecycleconfiguration.S3BucketLifecycleConfigurationConfig {
	rule := s3bucketlifecycleconfiguration.S3BucketLifecycleConfigurationRule{
		Id:     jsii.String("expire"),
		Status: jsii.String("Enabled"),
		Filter: []*s3bucketlifecycleconfiguration.S3BucketLifecycleConfigurationRuleFilter{{Prefix: jsii.String("")}},
		AbortIncompleteMultipartUpload: []*s3bucketlifecycleconfiguration.S3BucketLifecycleConfigurationRuleAbortIncompleteMultipartUpload{
			{DaysAfterInitiation: jsii.Number(abandonedUploadDays)},
		},
		NoncurrentVersionExpiration: []*s3bucketlifecycleconfiguration.S3BucketLifecycleConfigurationRuleNoncurrentVersionExpiration{
			{NoncurrentDays: jsii.Number(cfg.noncurrentDays)},
		},
	}
	if cfg.expireDays > 0 {
		rule.Expiration = []*s3bucketlifecycleconfiguration.S3BucketLifecycleConfigurationRuleExpiration{{Days: jsii.Number(cfg.expireDays)}}
	}
	return &s3bucketlifecycleconfiguration.S3BucketLifecycleConfigurationConfig{
		Bucket: bucket,
		Rule:   []*s3bucketlifecycleconfiguration.S3BucketLifecycleConfigurationRule{&rule},
	}
}

func encryptionArgs(bucket *string) *s3bucketserversideencryptionconfiguration.S3BucketServerSideEncryptionConfigurationAConfig {
	return &s3bucketserversideencryptionconfiguration.S3BucketServerSideEncryptionConfigurationAConfig{
		Bucket: bucket,
		Rule: []*s3bucketserversideencryptionconfiguration.S3BucketServerSideEncryptionConfigurationRuleA{{
			ApplyServerSideEncryptionByDefault: &s3bucketserversideencryptionconfiguration.S3BucketServerSideEncryptionConfigurationRuleApplyServerSideEncryptionByDefaultA{
				SseAlgorithm: jsii.String("AES256"),
			},
		}},
	}
}
