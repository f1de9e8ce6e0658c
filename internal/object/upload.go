package object

import (
	"cmp"
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

// The defaults of Upload, and S3's limits:
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html
const (
	DefaultPartSize = 8 << 20
	DefaultWorkers  = 8
	MinPartSize     = 5 << 20
	MaxPartSize     = 5 << 30
	maxParts        = 10_000
)

// ownerMetadata is the metadata of an object that names its owner.
const ownerMetadata = "tandem-claim"

// ErrForeign says that the object's key holds something from elsewhere.
var ErrForeign = errors.New("an object of somebody else's is there already")

// Upload creates one large object. It holds no part in memory: parts are read
// from the content as the network takes them.
type Upload struct {
	// Store and Key say where. Required.
	Store Store
	Key   string
	// ContentType is the object's. Required.
	ContentType string
	// Owner tells this object from any other that could come under its key,
	// and is kept beside it. Required.
	Owner string
	// Resume looks for what an earlier try with this owner has left, and goes
	// on with it.
	Resume bool
	// Content is what to send, Size its length in bytes. Required.
	Content io.ReaderAt
	Size    int64
	// PartSize is the size of the parts that are sent on their own, in bytes;
	// they are larger where there would be too many. Zero: DefaultPartSize.
	PartSize int64
	// Workers is how many parts are under way at once. Zero: DefaultWorkers.
	Workers int
	// Progress is told how many bytes S3 has, from several goroutines at once.
	// Nil: nobody asks.
	Progress func(done, total int64)

	done atomic.Int64
}

// Run creates the object. Whatever is under its key already is either what its
// owner has uploaded before or ErrForeign.
func (u *Upload) Run(ctx context.Context) error {
	u.PartSize, u.Workers = cmp.Or(u.PartSize, DefaultPartSize), cmp.Or(u.Workers, DefaultWorkers)
	if u.Progress == nil {
		u.Progress = func(int64, int64) {}
	}
	u.Progress(0, u.Size)
	if u.Resume {
		if err := u.own(ctx); !errors.Is(err, ErrNotFound) {
			return err
		}
	}
	// Room for every part, in whole MiB.
	if least := (u.Size + maxParts - 1) / maxParts; u.PartSize < least {
		u.PartSize = (least + 1<<20 - 1) &^ (1<<20 - 1)
	}
	var err error
	if u.Size <= u.PartSize {
		err = u.whole(ctx)
	} else {
		err = u.parts(ctx)
	}
	if awsclient.HasCode(err, "NoSuchUpload") || awsclient.HasStatus(err, http.StatusPreconditionFailed) {
		if owned := u.own(ctx); !errors.Is(owned, ErrNotFound) {
			return owned
		}
	}
	return err
}

// own returns nil if the object is there and is its owner's.
func (u *Upload) own(ctx context.Context) error {
	head, err := u.Store.Client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &u.Store.Bucket, Key: &u.Key})
	switch {
	case awsclient.HasStatus(err, http.StatusNotFound):
		return ErrNotFound
	case err != nil:
		return err
	case head.Metadata[ownerMetadata] != u.Owner || aws.ToInt64(head.ContentLength) != u.Size:
		return ErrForeign
	}
	u.sent(u.Size)
	return nil
}

func (u *Upload) sent(bytes int64) { u.Progress(u.done.Add(bytes), u.Size) }

func (u *Upload) metadata() map[string]string { return map[string]string{ownerMetadata: u.Owner} }

// section is a part of the content, counted from 0.
func (u *Upload) section(i int64) *io.SectionReader {
	start := i * u.PartSize
	return io.NewSectionReader(u.Content, start, min(u.PartSize, u.Size-start))
}

// whole sends a small object in one request.
func (u *Upload) whole(ctx context.Context) error {
	body := io.NewSectionReader(u.Content, 0, u.Size)
	sum, err := hashSection(body)
	if err != nil {
		return err
	}
	_, err = u.Store.Client.PutObject(ctx, &s3.PutObjectInput{
		Bucket: &u.Store.Bucket, Key: &u.Key, Body: body, ContentLength: &u.Size,
		ContentType: &u.ContentType, Metadata: u.metadata(),
		IfNoneMatch: aws.String("*"), ChecksumSHA256: encode(sum),
	}, withPayloadHash(sum))
	if err == nil {
		u.sent(u.Size)
	}
	return err
}

// parts sends a large object in parts, and only those that S3 does not have.
func (u *Upload) parts(ctx context.Context) error {
	uploadID, have, err := u.begin(ctx)
	if err != nil {
		return err
	}
	count := (u.Size + u.PartSize - 1) / u.PartSize
	completed := make([]types.CompletedPart, count)
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(u.Workers)
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
	_, err = u.Store.Client.CompleteMultipartUpload(ctx, &s3.CompleteMultipartUploadInput{
		Bucket: &u.Store.Bucket, Key: &u.Key, UploadId: &uploadID, IfNoneMatch: aws.String("*"),
		MultipartUpload: &types.CompletedMultipartUpload{Parts: completed},
	})
	return err
}

func (u *Upload) part(ctx context.Context, uploadID string, i int64, have map[int32]types.Part) (types.CompletedPart, error) {
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
	out, err := u.Store.Client.UploadPart(ctx, &s3.UploadPartInput{
		Bucket: &u.Store.Bucket, Key: &u.Key, UploadId: &uploadID, PartNumber: &number,
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
func (u *Upload) begin(ctx context.Context) (uploadID string, have map[int32]types.Part, err error) {
	if u.Resume {
		uploads, err := u.Store.Uploads(ctx, u.Key)
		if err != nil {
			return "", nil, err
		}
		uploads = slices.DeleteFunc(uploads, func(m types.MultipartUpload) bool { return aws.ToString(m.Key) != u.Key })
		if len(uploads) > 0 {
			newest := slices.MaxFunc(uploads, func(a, b types.MultipartUpload) int {
				return aws.ToTime(a.Initiated).Compare(aws.ToTime(b.Initiated))
			})
			have, err := u.Store.Parts(ctx, u.Key, *newest.UploadId)
			return *newest.UploadId, have, err
		}
	}
	out, err := u.Store.Client.CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{
		Bucket: &u.Store.Bucket, Key: &u.Key, ContentType: &u.ContentType, Metadata: u.metadata(),
		ChecksumAlgorithm: types.ChecksumAlgorithmSha256,
	})
	if err != nil {
		return "", nil, err
	}
	return aws.ToString(out.UploadId), nil, nil
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
