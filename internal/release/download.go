package release

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/tandem-iac/tandem/internal/awsclient"
	"github.com/tandem-iac/tandem/internal/release/archive"
)

// download reads an object to its end and goes on where it was when the
// connection breaks. An object that changes underneath is an error.
type download struct {
	ctx    context.Context
	store  store
	key    string
	etag   string
	body   io.ReadCloser
	offset int64
	size   int64
	stalls int
}

func (s store) download(ctx context.Context, key string) (*download, error) {
	d := &download{ctx: ctx, store: s, key: key, size: -1}
	return d, d.open()
}

func (d *download) open() error {
	in := &s3.GetObjectInput{Bucket: &d.store.bucket, Key: &d.key}
	if d.etag != "" {
		in.IfMatch = &d.etag
		in.Range = aws.String(fmt.Sprintf("bytes=%d-", d.offset))
	}
	out, err := d.store.client.GetObject(d.ctx, in)
	switch {
	case awsclient.HasStatus(err, http.StatusNotFound) && !awsclient.HasCode(err, "NoSuchBucket"):
		return errNotFound
	case awsclient.HasStatus(err, http.StatusPreconditionFailed):
		return fmt.Errorf("s3://%s/%s changed while it was being read", d.store.bucket, d.key)
	case err != nil:
		return err
	}
	if d.size < 0 {
		d.size, d.etag = aws.ToInt64(out.ContentLength), aws.ToString(out.ETag)
	}
	d.body = out.Body
	return nil
}

func (d *download) Read(p []byte) (int, error) {
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
			return 0, fmt.Errorf("read s3://%s/%s: broke off %d times at byte %d: %w", d.store.bucket, d.key, d.stalls, d.offset, err)
		}
		if err := errors.Join(d.Close(), d.store.sleep(d.ctx, stallPause<<(d.stalls-1))); err != nil {
			return 0, err
		}
		if err := d.open(); err != nil {
			return 0, err
		}
	}
}

func (d *download) Close() error { return d.body.Close() }

// CorruptError is an archive in S3 that is not what its manifest says.
type CorruptError struct {
	Artifact string
	Version  int
	Err      error
}

func (e *CorruptError) Error() string {
	return fmt.Sprintf("the archive of %s %d cannot be trusted: %v; use another version, or publish the build anew", e.Artifact, e.Version, e.Err)
}

func (e *CorruptError) Unwrap() error { return e.Err }

// verify reads the whole archive and compares it with its manifest.
func (l *Ledger) verify(ctx context.Context, m Manifest) (err error) {
	d, err := l.store.download(ctx, l.archiveKey(m.Version))
	if errors.Is(err, errNotFound) {
		return &CorruptError{l.artifact, m.Version, errors.New("it is missing")}
	} else if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	info, err := archive.Inspect(ctx, d, archive.Want{SHA256: m.SHA256, Version: m.Version})
	var invalid *archive.InvalidError
	switch {
	case errors.As(err, &invalid):
		return &CorruptError{l.artifact, m.Version, invalid}
	case err != nil:
		return err
	case info.Tree != m.Tree || info.Commit != m.Commit:
		return &CorruptError{l.artifact, m.Version, errors.New("its RELEASE and its manifest disagree about the commit or the tree")}
	}
	return nil
}
