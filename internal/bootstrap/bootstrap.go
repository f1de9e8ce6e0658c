// Package bootstrap puts setup scripts where user data fetches them from: the
// build bucket, under names that never come to mean another script.
package bootstrap

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/tandem-iac/tandem/instance"
	"github.com/tandem-iac/tandem/internal/check"
)

// MaxScript is the size, in bytes, above which a script is refused as a
// mistake: 1 MiB.
const MaxScript = 1 << 20

// Script is a setup script in a bucket.
type Script struct {
	Bucket string `json:"bucket"`
	// Key is the object's, SHA256 that of the script in hex.
	Key    string `json:"setup_key"`
	SHA256 string `json:"setup_sha256"`
	// Created is false where the script was there already.
	Created bool `json:"created"`
}

// Check returns a check.InputError for what could not run as a script or is
// larger than MaxScript.
func Check(script []byte) error {
	switch {
	case !bytes.HasPrefix(script, []byte("#!")):
		return check.InputErrorf("it does not begin with #!, want a script that names its interpreter")
	case len(script) > MaxScript:
		return check.InputErrorf("it has %d bytes, want at most %d", len(script), MaxScript)
	}
	return nil
}

// Publish creates the script's object unless it is there, and reads it back:
// a nil error means that instances will get these very bytes. It never
// overwrites anything. It fails as Check does.
func Publish(ctx context.Context, client *s3.Client, bucket string, script []byte) (Script, error) {
	if err := Check(script); err != nil {
		return Script{}, fmt.Errorf("the setup script: %w", err)
	}
	sum := sha256.Sum256(script)
	s := Script{Bucket: bucket, SHA256: hex.EncodeToString(sum[:])}
	s.Key = instance.SetupKey(s.SHA256)
	_, err := client.PutObject(ctx, &s3.PutObjectInput{
		Bucket: &s.Bucket, Key: &s.Key, Body: bytes.NewReader(script),
		ContentType: aws.String("text/x-shellscript"), IfNoneMatch: aws.String("*"),
	})
	var refused *awshttp.ResponseError
	switch {
	case err == nil:
		s.Created = true
	case !errors.As(err, &refused) || refused.HTTPStatusCode() != http.StatusPreconditionFailed:
		return Script{}, err
	}
	return s, s.verify(ctx, client, script)
}

func (s Script) verify(ctx context.Context, client *s3.Client, script []byte) (err error) {
	out, err := client.GetObject(ctx, &s3.GetObjectInput{Bucket: &s.Bucket, Key: &s.Key})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Body.Close()) }()
	have, err := io.ReadAll(io.LimitReader(out.Body, MaxScript+1))
	if err != nil {
		return fmt.Errorf("read s3://%s/%s: %w", s.Bucket, s.Key, err)
	}
	if !bytes.Equal(have, script) {
		return fmt.Errorf("s3://%s/%s holds something else than its name says, which instances refuse to run: find out who wrote it, delete it and publish again", s.Bucket, s.Key)
	}
	return nil
}
