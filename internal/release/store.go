package release

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/tandem-iac/tandem/internal/awsclient"
)

var (
	// errNotFound says that there is no such object.
	errNotFound = errors.New("no such object")
	// errRefused says that a conditional write lost against another writer.
	errRefused = errors.New("another writer was faster")
)

const (
	// maxStalls is how often a transfer may stop without any byte in between.
	maxStalls = 8
	// stallPause is how long a stopped transfer rests at first; it doubles.
	stallPause = 50 * time.Millisecond
)

// maxRecord bounds claims, manifests, pointers and changes, in bytes; tandem
// writes a few hundred.
const maxRecord = 1 << 20

// store is a bucket of small objects that are written on conditions. Large
// ones are in upload.go and download.go.
type store struct {
	client *s3.Client
	bucket string
	sleep  func(ctx context.Context, d time.Duration) error
}

// restore is what to do about a damaged record.
const restore = "put its former content back, or use another version"

type object struct {
	body []byte
	// etag names this content. Empty: there is no object.
	etag     string
	modified time.Time
}

func (s store) get(ctx context.Context, key string) (object, error) {
	for attempt := 0; ; attempt++ {
		out, err := s.client.GetObject(ctx, &s3.GetObjectInput{Bucket: &s.bucket, Key: &key})
		if awsclient.HasStatus(err, http.StatusNotFound) && !awsclient.HasCode(err, "NoSuchBucket") {
			return object{}, errNotFound
		} else if err != nil {
			return object{}, err
		}
		body, err := io.ReadAll(io.LimitReader(out.Body, maxRecord+1))
		err = errors.Join(err, out.Body.Close())
		if len(body) > maxRecord {
			return object{}, &DamagedError{fmt.Errorf("s3://%s/%s has more than %d bytes, which nothing has that tandem writes there; %s", s.bucket, key, maxRecord, restore)}
		}
		if err == nil {
			return object{body: body, etag: aws.ToString(out.ETag), modified: aws.ToTime(out.LastModified)}, nil
		}
		// The SDK repeats requests, not the reading of their answers.
		if attempt == maxStalls {
			return object{}, fmt.Errorf("read s3://%s/%s: %w", s.bucket, key, err)
		}
		if err := s.sleep(ctx, stallPause<<attempt); err != nil {
			return object{}, err
		}
	}
}

// create writes an object that does not exist; else errRefused.
func (s store) create(ctx context.Context, key, contentType string, body []byte) (etag string, err error) {
	return s.put(ctx, &s3.PutObjectInput{Key: &key, ContentType: &contentType, IfNoneMatch: aws.String("*")}, body)
}

// replace writes an object that still has the ETag; else errRefused. An empty
// ETag stands for an object that does not exist.
func (s store) replace(ctx context.Context, key, contentType string, body []byte, etag string) (newETag string, err error) {
	if etag == "" {
		return s.create(ctx, key, contentType, body)
	}
	return s.put(ctx, &s3.PutObjectInput{Key: &key, ContentType: &contentType, IfMatch: &etag}, body)
}

func (s store) put(ctx context.Context, in *s3.PutObjectInput, body []byte) (etag string, err error) {
	in.Bucket, in.Body = &s.bucket, bytes.NewReader(body)
	out, err := s.client.PutObject(ctx, in)
	switch {
	case err == nil:
		return aws.ToString(out.ETag), nil
	case awsclient.HasCode(err, "NoSuchBucket") || !awsclient.HasStatus(err, http.StatusPreconditionFailed, http.StatusNotFound, http.StatusConflict):
		return "", err
	}
	// Either somebody else has written the object, or this very call has, and
	// was repeated because its answer was lost.
	have, getErr := s.get(ctx, *in.Key)
	switch {
	case getErr == nil && bytes.Equal(have.body, body):
		return have.etag, nil
	case getErr == nil || errors.Is(getErr, errNotFound):
		return "", errRefused
	}
	return "", getErr
}

func (s store) createJSON(ctx context.Context, key string, v any) (etag string, err error) {
	return s.replaceJSON(ctx, key, v, "")
}

func (s store) replaceJSON(ctx context.Context, key string, v any, etag string) (newETag string, err error) {
	body, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return "", err
	}
	return s.replace(ctx, key, contentDoc, append(body, '\n'), etag)
}

func (s store) getJSON(ctx context.Context, key string, v any) (object, error) {
	o, err := s.get(ctx, key)
	if err != nil {
		return object{}, err
	}
	if err := json.Unmarshal(o.body, v); err != nil {
		return object{}, &DamagedError{fmt.Errorf("s3://%s/%s is not what tandem writes there: %w; %s", s.bucket, key, err, restore)}
	}
	return o, nil
}

// remove deletes objects; those that do not exist are none the less removed.
func (s store) remove(ctx context.Context, keys ...string) error {
	for _, key := range keys {
		if _, err := s.client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &s.bucket, Key: &key}); err != nil {
			return err
		}
	}
	return nil
}

// list yields the objects under prefix whose keys sort behind after, but not
// those in directories below it.
func (s store) list(ctx context.Context, prefix, after string) iter.Seq2[types.Object, error] {
	return func(yield func(types.Object, error) bool) {
		in := &s3.ListObjectsV2Input{Bucket: &s.bucket, Prefix: &prefix, Delimiter: aws.String("/")}
		if after != "" {
			in.StartAfter = &after
		}
		pages := s3.NewListObjectsV2Paginator(s.client, in)
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				yield(types.Object{}, err)
				return
			}
			for _, o := range page.Contents {
				if !yield(o, nil) {
					return
				}
			}
		}
	}
}
