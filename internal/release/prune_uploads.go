package release

import (
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/tandem-iac/tandem/internal/awsclient"
	"github.com/tandem-iac/tandem/internal/object"
)

// unfinishedUpload is a multipart upload that nobody has completed yet; S3
// charges for its parts.
type unfinishedUpload struct {
	version int
	key, id string
	// size is that of the parts that S3 has, in bytes.
	size int64
}

// unfinishedUploads lists the uploads that are old enough to be given up.
func (p *pruner) unfinishedUploads(ctx context.Context) ([]unfinishedUpload, error) {
	prefix := p.key(p.artifact + "-")
	all, err := p.store.Uploads(ctx, prefix)
	if err != nil {
		return nil, err
	}
	var uploads []unfinishedUpload
	for _, m := range all {
		u := unfinishedUpload{key: aws.ToString(m.Key), id: aws.ToString(m.UploadId)}
		var ours bool
		if u.version, ours = numberOf(u.key, prefix, archiveExt); !ours || !p.old(aws.ToTime(m.Initiated)) {
			continue
		}
		parts, err := p.store.Parts(ctx, u.key, u.id)
		if err != nil && !awsclient.HasCode(err, "NoSuchUpload") {
			return nil, err
		}
		for _, part := range parts {
			u.size += aws.ToInt64(part.Size)
		}
		uploads = append(uploads, u)
	}
	return uploads, nil
}

// pruneUploads ends the uploads that nobody is going to finish.
func (p *pruner) pruneUploads(ctx context.Context) error {
	for _, u := range p.uploads {
		// A claim that was resumed lately may be at it.
		if c, err := p.readClaim(ctx, u.version); err == nil && c.State == claimOpen && !p.old(c.modified) {
			continue
		} else if err != nil && !errors.Is(err, object.ErrNotFound) {
			return err
		}
		if !p.cfg.DryRun {
			_, err := p.store.Client.AbortMultipartUpload(ctx, &s3.AbortMultipartUploadInput{Bucket: &p.store.Bucket, Key: &u.key, UploadId: &u.id})
			if err != nil && !awsclient.HasCode(err, "NoSuchUpload") {
				return err
			}
		}
		// Beside a complete archive an upload is no version of its own.
		if !p.byNumber[u.version].complete() {
			p.add(u.version, PrunedLeftover)
		}
	}
	return nil
}
