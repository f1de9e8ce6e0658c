package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"

	"github.com/tandem-iac/tandem/internal/fleet"
)

// stableVersion is the version of a service that latest-stable points at.
func stableVersion(ctx context.Context, s site, c fleet.Cluster, bucket string) (int, error) {
	if bucket == "" {
		bucket = s.description.Delivery.BuildBucket
	}
	if bucket == "" {
		who, err := sts.NewFromConfig(s.aws).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
		if err != nil {
			return 0, err
		}
		bucket = fmt.Sprintf("%s-%s-builds-%s", c.Environment, s.aws.Region, aws.ToString(who.Account))
	}
	key := c.Service + "/" + c.Environment + "/latest-stable.txt"
	client := s3.NewFromConfig(s.aws, func(o *s3.Options) {
		o.UsePathStyle = o.BaseEndpoint != nil // few stand-ins have a host name for every bucket
	})
	out, err := client.GetObject(ctx, &s3.GetObjectInput{Bucket: &bucket, Key: &key})
	var api smithy.APIError
	switch {
	case errors.As(err, &api) && api.ErrorCode() == "NoSuchKey":
		return 0, fleet.InputError{Err: fmt.Errorf("no release of %s has been promoted in %s yet: promote one, or name one with --version", c.Service, c.Environment)}
	case errors.As(err, &api) && api.ErrorCode() == "NoSuchBucket":
		return 0, fleet.InputError{Err: fmt.Errorf("bucket %s does not exist: name the bucket of builds with --bucket, or a version with --version", bucket)}
	case err != nil:
		return 0, err
	}
	defer out.Body.Close()
	text, err := io.ReadAll(out.Body)
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(strings.TrimSpace(line), "VERSION="); ok {
			if n, err := strconv.Atoi(value); err == nil && n > 0 {
				return n, nil
			}
		}
	}
	return 0, fmt.Errorf("s3://%s/%s names no VERSION from 1", bucket, key)
}
