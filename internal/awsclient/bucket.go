package awsclient

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/tandem-iac/tandem/internal/check"
)

// NewS3 returns a client for S3, or for a server that stands in for it
// where AWS_ENDPOINT_URL names one.
func NewS3(cfg aws.Config) *s3.Client {
	return s3.NewFromConfig(cfg, func(o *s3.Options) {
		// Such a server rarely has a host name for every bucket.
		o.UsePathStyle = o.BaseEndpoint != nil
		// Archives have checksums of parts, which no download can check.
		o.DisableLogOutputChecksumValidationSkipped = true
	})
}

// CheckBucket returns a check.InputError if the bucket does not exist or is in
// another region. Without the right to look at the bucket it finds no fault.
func CheckBucket(ctx context.Context, client *s3.Client, bucket, region string) error {
	out, err := client.HeadBucket(ctx, &s3.HeadBucketInput{Bucket: &bucket})
	actual, status := "", 0
	if out != nil {
		actual = aws.ToString(out.BucketRegion)
	}
	var response *smithyhttp.ResponseError
	if errors.As(err, &response) {
		status = response.HTTPStatusCode()
		actual = response.Response.Header.Get("X-Amz-Bucket-Region")
	}
	switch {
	case actual != "" && actual != region:
		return check.InputErrorf("bucket %s is in %s, not in %s: set the region in the description, or --region", bucket, actual, region)
	case status == http.StatusNotFound:
		return check.InputErrorf("bucket %s does not exist: deploy the delivery stack first, or name another with --bucket", bucket)
	case status == http.StatusForbidden, status == http.StatusBadRequest:
		// The answer to HEAD has no body that says why; the next request's has.
		return nil
	}
	return err
}

// AccountID returns the account that the credentials belong to.
func AccountID(ctx context.Context, cfg aws.Config) (string, error) {
	out, err := sts.NewFromConfig(cfg).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		return "", fmt.Errorf("look up the account of the credentials: %w", err)
	}
	return aws.ToString(out.Account), nil
}
