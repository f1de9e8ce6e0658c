package object

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/tandem-iac/tandem/internal/awsclient"
)

// Download reads an object to its end and goes on where it was when the
// connection breaks. An object that changes underneath is an error.
type Download struct {
	ctx    context.Context
	store  Store
	key    string
	etag   string
	body   io.ReadCloser
	offset int64
	size   int64
	stalls int
}

// Download begins to read an object; ErrNotFound where there is none. The caller
// closes it.
func (s Store) Download(ctx context.Context, key string) (*Download, error) {
	d := &Download{ctx: ctx, store: s, key: key, size: -1}
	return d, d.open()
}

func (d *Download) open() error {
	in := &s3.GetObjectInput{Bucket: &d.store.Bucket, Key: &d.key}
	if d.etag != "" {
		in.IfMatch = &d.etag
		in.Range = aws.String(fmt.Sprintf("bytes=%d-", d.offset))
	}
	out, err := d.store.Client.GetObject(d.ctx, in)
	switch {
	case awsclient.HasStatus(err, http.StatusNotFound) && !awsclient.HasCode(err, "NoSuchBucket"):
		return ErrNotFound
	case awsclient.HasStatus(err, http.StatusPreconditionFailed):
		return fmt.Errorf("s3://%s/%s changed while it was being read", d.store.Bucket, d.key)
	case err != nil:
		return err
	}
	if d.size < 0 {
		d.size, d.etag = aws.ToInt64(out.ContentLength), aws.ToString(out.ETag)
	}
	d.body = out.Body
	return nil
}

// Read is io.Reader's.
func (d *Download) Read(p []byte) (int, error) {
	for {
		n, err := d.body.Read(p)
		d.offset += int64(n)
		if n > 0 {
			d.stalls = 0
			return n, nil
		}
		if err == nil {
			continue
		}
		if err == io.EOF && d.offset == d.size {
			return 0, io.EOF
		}
		if d.ctx.Err() != nil {
			return 0, context.Cause(d.ctx)
		}
		if d.stalls++; d.stalls > maxStalls {
			return 0, fmt.Errorf("read s3://%s/%s: broke off %d times at byte %d: %w", d.store.Bucket, d.key, d.stalls, d.offset, err)
		}
		if err := errors.Join(d.Close(), d.store.Sleep(d.ctx, stallPause<<(d.stalls-1))); err != nil {
			return 0, err
		}
		if err := d.open(); err != nil {
			return 0, err
		}
	}
}

// Close ends the reading, wherever it is.
func (d *Download) Close() error { return d.body.Close() }
