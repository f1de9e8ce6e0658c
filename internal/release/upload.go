package release

import (
	"context"
	"crypto/md5"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go/middleware"
	"golang.org/x/sync/errgroup"

	"github.com/tandem-iac/tandem/internal/awsclient"
)

const (
	defaultPartSize = 8 << 20
	defaultWorkers  = 8
	// S3's limits: https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html
	minPartSize = 5 << 20
	maxPartSize = 5 << 30
	maxParts    = 10_000
	// claimMetadata is the metadata of an archive that names the claim it was
	// uploaded under.
	claimMetadata = "tandem-claim"
)

// errForeign says that the archive's key holds something from elsewhere.
var errForeign = errors.New("an archive that nobody has claimed is there already")

// upload sends one archive. It holds no part in memory: parts are read from
// the file as the network takes them.
type upload struct {
	store    store
	key, id  string
	resume   bool
	content  io.ReaderAt
	size     int64
	partSize int64
	workers  int
	progress func(done, total int64)
	done     atomic.Int64
}

func newUpload(l *Ledger, c claim, cfg PublishConfig) *upload {
	return &upload{
		store: l.store, key: l.archiveKey(c.Version), id: c.ID, resume: cfg.Resume != 0,
		partSize: cfg.PartSize, workers: cfg.Workers, progress: cfg.Progress,
	}
}

// run creates the object. Whatever is under its key already is either what
// this claim has uploaded before or errForeign.
func (u *upload) run(ctx context.Context) error {
	u.progress(0, u.size)
	if u.resume {
		if err := u.own(ctx); !errors.Is(err, errNotFound) {
			return err
		}
	}
	// Room for every part, in whole MiB.
	if least := (u.size + maxParts - 1) / maxParts; u.partSize < least {
		u.partSize = (least + 1<<20 - 1) &^ (1<<20 - 1)
	}
	var err error
	if u.size <= u.partSize {
		err = u.whole(ctx)
	} else {
		err = u.parts(ctx)
	}
	if awsclient.HasCode(err, "NoSuchUpload") || awsclient.HasStatus(err, http.StatusPreconditionFailed) {
		if owned := u.own(ctx); !errors.Is(owned, errNotFound) {
			return owned
		}
	}
	return err
}

// own returns nil if the object is there and was uploaded under this claim.
func (u *upload) own(ctx context.Context) error {
	head, err := u.store.client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &u.store.bucket, Key: &u.key})
	switch {
	case awsclient.HasStatus(err, http.StatusNotFound):
		return errNotFound
	case err != nil:
		return err
	case head.Metadata[claimMetadata] != u.id || aws.ToInt64(head.ContentLength) != u.size:
		return errForeign
	}
	u.sent(u.size)
	return nil
}

func (u *upload) sent(bytes int64) { u.progress(u.done.Add(bytes), u.size) }

func (u *upload) metadata() map[string]string { return map[string]string{claimMetadata: u.id} }

// section is a part of the content, counted from 0.
func (u *upload) section(i int64) *io.SectionReader {
	start := i * u.partSize
	return io.NewSectionReader(u.content, start, min(u.partSize, u.size-start))
}

// whole sends a small archive in one request.
func (u *upload) whole(ctx context.Context) error {
	body := io.NewSectionReader(u.content, 0, u.size)
	sum, err := hashSection(body)
	if err != nil {
		return err
	}
	_, err = u.store.client.PutObject(ctx, &s3.PutObjectInput{
		Bucket: &u.store.bucket, Key: &u.key, Body: body, ContentLength: &u.size,
		ContentType: aws.String(contentZip), Metadata: u.metadata(),
		IfNoneMatch: aws.String("*"), ChecksumSHA256: encode(sum),
	}, withPayloadHash(sum))
	if err == nil {
		u.sent(u.size)
	}
	return err
}

// parts sends a large archive in parts, and only those that S3 does not have.
func (u *upload) parts(ctx context.Context) error {
	uploadID, have, err := u.begin(ctx)
	if err != nil {
		return err
	}
	count := (u.size + u.partSize - 1) / u.partSize
	completed := make([]types.CompletedPart, count)
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(u.workers)
	for i := range count {
		group.Go(func() error {
			if groupCtx.Err() != nil {
				return context.Cause(groupCtx)
			}
			var err error
			completed[i], err = u.part(groupCtx, uploadID, i, have)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	_, err = u.store.client.CompleteMultipartUpload(ctx, &s3.CompleteMultipartUploadInput{
		Bucket: &u.store.bucket, Key: &u.key, UploadId: &uploadID, IfNoneMatch: aws.String("*"),
		MultipartUpload: &types.CompletedMultipartUpload{Parts: completed},
	})
	return err
}

func (u *upload) part(ctx context.Context, uploadID string, i int64, have map[int32]types.Part) (types.CompletedPart, error) {
	number := int32(i + 1)
	body := u.section(i)
	size := body.Size()
	sum, err := hashSection(body)
	if err != nil {
		return types.CompletedPart{}, err
	}
	done := types.CompletedPart{PartNumber: &number, ChecksumSHA256: encode(sum)}
	if sent, ok := have[number]; ok {
		same, err := samePart(sent, body, sum)
		if err != nil {
			return types.CompletedPart{}, err
		}
		if same {
			done.ETag = sent.ETag
			u.sent(size)
			return done, nil
		}
	}
	out, err := u.store.client.UploadPart(ctx, &s3.UploadPartInput{
		Bucket: &u.store.bucket, Key: &u.key, UploadId: &uploadID, PartNumber: &number,
		Body: body, ContentLength: &size, ChecksumSHA256: done.ChecksumSHA256,
	}, withPayloadHash(sum))
	if err != nil {
		return types.CompletedPart{}, err
	}
	done.ETag = out.ETag
	u.sent(size)
	return done, nil
}

// samePart reports whether S3 has this part. Where it tells no SHA-256, the
// ETag is the MD5 of the content, unless it is encrypted with a KMS key; then
// the part does not match and is sent again.
func samePart(sent types.Part, body *io.SectionReader, sum []byte) (bool, error) {
	if aws.ToInt64(sent.Size) != body.Size() {
		return false, nil
	}
	if sent.ChecksumSHA256 != nil {
		return *sent.ChecksumSHA256 == *encode(sum), nil
	}
	hash := md5.New()
	if _, err := io.Copy(hash, body); err != nil {
		return false, err
	}
	if _, err := body.Seek(0, io.SeekStart); err != nil {
		return false, err
	}
	return strings.Trim(aws.ToString(sent.ETag), `"`) == hex.EncodeToString(hash.Sum(nil)), nil
}

// begin starts a multipart upload, or finds the one to be resumed with the
// parts that S3 has of it.
func (u *upload) begin(ctx context.Context) (uploadID string, have map[int32]types.Part, err error) {
	if u.resume {
		uploads, err := u.store.uploads(ctx, u.key)
		if err != nil {
			return "", nil, err
		}
		uploads = slices.DeleteFunc(uploads, func(m types.MultipartUpload) bool { return aws.ToString(m.Key) != u.key })
		if len(uploads) > 0 {
			newest := slices.MaxFunc(uploads, func(a, b types.MultipartUpload) int {
				return aws.ToTime(a.Initiated).Compare(aws.ToTime(b.Initiated))
			})
			have, err := u.store.parts(ctx, u.key, *newest.UploadId)
			return *newest.UploadId, have, err
		}
	}
	out, err := u.store.client.CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{
		Bucket: &u.store.bucket, Key: &u.key, ContentType: aws.String(contentZip), Metadata: u.metadata(),
		ChecksumAlgorithm: types.ChecksumAlgorithmSha256,
	})
	if err != nil {
		return "", nil, err
	}
	return aws.ToString(out.UploadId), nil, nil
}

// parts lists the parts that S3 has of a multipart upload, by number.
func (s store) parts(ctx context.Context, key, uploadID string) (map[int32]types.Part, error) {
	have := map[int32]types.Part{}
	pages := s3.NewListPartsPaginator(s.client, &s3.ListPartsInput{Bucket: &s.bucket, Key: &key, UploadId: &uploadID})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, part := range page.Parts {
			have[aws.ToInt32(part.PartNumber)] = part
		}
	}
	return have, nil
}

// uploads lists the multipart uploads under way for keys with a prefix.
func (s store) uploads(ctx context.Context, prefix string) ([]types.MultipartUpload, error) {
	var list []types.MultipartUpload
	pages := s3.NewListMultipartUploadsPaginator(s.client, &s3.ListMultipartUploadsInput{Bucket: &s.bucket, Prefix: &prefix})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		list = append(list, page.Uploads...)
	}
	return list, nil
}

// hashSection returns the SHA-256 and rewinds.
func hashSection(body *io.SectionReader) ([]byte, error) {
	hash := sha256.New()
	if _, err := io.CopyBuffer(hash, onlyReader{body}, make([]byte, 64<<10)); err != nil {
		return nil, err
	}
	_, err := body.Seek(0, io.SeekStart)
	return hash.Sum(nil), err
}

// onlyReader hides WriteTo, which would ignore the buffer for a smaller one.
type onlyReader struct{ io.Reader }

func encode(sum []byte) *string { return aws.String(base64.StdEncoding.EncodeToString(sum)) }

// withPayloadHash signs a request with a hash that is known already; the SDK
// would read the body once more to compute it.
func withPayloadHash(sum []byte) func(*s3.Options) {
	return s3.WithAPIOptions(func(stack *middleware.Stack) error {
		return stack.Finalize.Insert(middleware.FinalizeMiddlewareFunc("KnownPayloadHash",
			func(ctx context.Context, in middleware.FinalizeInput, next middleware.FinalizeHandler) (middleware.FinalizeOutput, middleware.Metadata, error) {
				return next.HandleFinalize(v4.SetPayloadHash(ctx, hex.EncodeToString(sum)), in)
			}), (&v4.ComputePayloadSHA256{}).ID(), middleware.Before)
	})
}
