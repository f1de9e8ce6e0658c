// Package object writes and reads the objects of an S3 bucket whose writers
// exclude each other by S3's conditional writes: small ones in one request, on
// conditions, and large ones in parts, which can be resumed.
// See https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html.
package object

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/tandem-iac/tandem/internal/awsclient"
)

var (
	// ErrNotFound says that there is no such object.
	ErrNotFound = errors.New("no such object")
	// ErrRefused says that a conditional write lost against another writer.
	ErrRefused = errors.New("another writer was faster")
)

const (
	// maxStalls is how often a transfer may stop without any byte in between.
	maxStalls = 8
	// stallPause is how long a stopped transfer rests at first; it doubles.
	stallPause = 50 * time.Millisecond
)

// ContentJSON is the content type of JSON documents.
const ContentJSON = "application/json"

// defaultLimit bounds the objects that are read whole, in bytes; most have a
// few hundred.
const defaultLimit = 1 << 20

// Store is a bucket of small objects that are written on conditions. Large
// ones are in upload.go and download.go, lists in list.go.
type Store struct {
	// Client reaches S3. Required.
	Client *s3.Client
	// Bucket is the bucket's name. Required.
	Bucket string
	// Sleep waits, and returns early with ctx's cause when ctx ends. Required.
	Sleep func(ctx context.Context, d time.Duration) error
	// Limit bounds the objects that Get reads, in bytes. Zero: 1 MiB.
	Limit int64
}

// Restore is what to do about a damaged record.
const Restore = "put its former content back, or use another version"

// Object is a small object.
type Object struct {
	Body []byte
	// ETag names this content. Empty: there is no object.
	ETag     string
	Modified time.Time
	// Metadata is what its writer has put beside it.
	Metadata map[string]string
}

// DamagedError is a record that is not what tandem writes.
type DamagedError struct{ Err error }

func (e *DamagedError) Error() string { return e.Err.Error() }
func (e *DamagedError) Unwrap() error { return e.Err }

// Get reads an object whole; ErrNotFound where there is none, a *DamagedError
// where it is larger than any record.
func (s Store) Get(ctx context.Context, key string) (Object, error) {
	limit := cmp.Or(s.Limit, defaultLimit)
	for attempt := 0; ; attempt++ {
		out, err := s.Client.GetObject(ctx, &s3.GetObjectInput{Bucket: &s.Bucket, Key: &key})
		if awsclient.HasStatus(err, http.StatusNotFound) && !awsclient.HasCode(err, "NoSuchBucket") {
			return Object{}, ErrNotFound
		} else if err != nil {
			return Object{}, err
		}
		body, err := io.ReadAll(io.LimitReader(out.Body, limit+1))
		err = errors.Join(err, out.Body.Close())
		if int64(len(body)) > limit {
			return Object{}, &DamagedError{fmt.Errorf("s3://%s/%s has more than %d bytes, which nothing has that tandem writes there; %s", s.Bucket, key, limit, Restore)}
		}
		if err == nil {
			return Object{Body: body, ETag: aws.ToString(out.ETag), Modified: aws.ToTime(out.LastModified), Metadata: out.Metadata}, nil
		}
		// The SDK repeats requests, not the reading of their answers.
		if attempt == maxStalls {
			return Object{}, fmt.Errorf("read s3://%s/%s: %w", s.Bucket, key, err)
		}
		if err := s.Sleep(ctx, stallPause<<attempt); err != nil {
			return Object{}, err
		}
	}
}

// Create writes an object that does not exist; else ErrRefused.
func (s Store) Create(ctx context.Context, key, contentType string, body []byte) (etag string, err error) {
	return s.Replace(ctx, key, contentType, body, "")
}

// Replace writes an object that still has the ETag; else ErrRefused. An empty
// ETag stands for an object that does not exist.
func (s Store) Replace(ctx context.Context, key, contentType string, body []byte, etag string) (newETag string, err error) {
	return s.ReplaceWith(ctx, key, contentType, body, nil, etag)
}

// ReplaceWith is Replace that puts metadata beside the object, in the same step.
// Names are in lower case.
func (s Store) ReplaceWith(ctx context.Context, key, contentType string, body []byte, metadata map[string]string, etag string) (newETag string, err error) {
	in := &s3.PutObjectInput{Key: &key, ContentType: &contentType, Metadata: metadata, IfNoneMatch: aws.String("*")}
	if etag != "" {
		in.IfNoneMatch, in.IfMatch = nil, &etag
	}
	return s.put(ctx, in, body)
}

func (s Store) put(ctx context.Context, in *s3.PutObjectInput, body []byte) (etag string, err error) {
	in.Bucket, in.Body = &s.Bucket, bytes.NewReader(body)
	out, err := s.Client.PutObject(ctx, in)
	switch {
	case err == nil:
		return aws.ToString(out.ETag), nil
	case awsclient.HasCode(err, "NoSuchBucket") || !awsclient.HasStatus(err, http.StatusPreconditionFailed, http.StatusNotFound, http.StatusConflict):
		return "", err
	}
	// Either somebody else has written the object, or this very call has, and
	// was repeated because its answer was lost.
	have, getErr := s.Get(ctx, *in.Key)
	switch {
	case getErr == nil && bytes.Equal(have.Body, body) && maps.Equal(have.Metadata, in.Metadata):
		return have.ETag, nil
	case getErr == nil || errors.Is(getErr, ErrNotFound):
		return "", ErrRefused
	}
	return "", getErr
}

// CreateJSON is Create of a JSON document.
func (s Store) CreateJSON(ctx context.Context, key string, v any) (etag string, err error) {
	return s.ReplaceJSON(ctx, key, v, "")
}

// ReplaceJSON is Replace with a JSON document.
func (s Store) ReplaceJSON(ctx context.Context, key string, v any, etag string) (newETag string, err error) {
	body, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return "", err
	}
	return s.Replace(ctx, key, ContentJSON, append(body, '\n'), etag)
}

// GetJSON is Get of a JSON document, which it reads into v; a *DamagedError
// where it is none.
func (s Store) GetJSON(ctx context.Context, key string, v any) (Object, error) {
	o, err := s.Get(ctx, key)
	if err != nil {
		return Object{}, err
	}
	if err := json.Unmarshal(o.Body, v); err != nil {
		return Object{}, &DamagedError{fmt.Errorf("s3://%s/%s is not what tandem writes there: %w; %s", s.Bucket, key, err, Restore)}
	}
	return o, nil
}

// Remove deletes objects; those that do not exist are none the less removed.
func (s Store) Remove(ctx context.Context, keys ...string) error {
	for _, key := range keys {
		if _, err := s.Client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &s.Bucket, Key: &key}); err != nil {
			return err
		}
	}
	return nil
}
