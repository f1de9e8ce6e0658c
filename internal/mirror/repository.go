package mirror

import (
	"context"
	"crypto/rand"
	"fmt"
	"regexp"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/tandem-iac/tandem/internal/check"
	"github.com/tandem-iac/tandem/internal/object"
	"github.com/tandem-iac/tandem/internal/pause"
)

// Config configures New.
type Config struct {
	// Client reaches S3. Required; awsclient makes one that waits out faults.
	Client *s3.Client
	// Bucket is the bucket of packages. Required.
	Bucket string
	// Distribution is what os-release of the machines says, ID-VERSION_ID,
	// such as amzn-2023 or debian-12. Required.
	Distribution string
	// Architecture is the machines', in the distribution's own terms, such as
	// x86_64 or amd64. Required.
	Architecture string
	// By names who syncs, for the record. Required.
	By string
	// Now is the clock. Nil: time.Now.
	Now func() time.Time
	// NewID returns a string that was never returned before. Nil: random.
	NewID func() string
	// Sleep waits, and returns early with ctx's cause when ctx ends. Nil:
	// pause.For.
	Sleep func(ctx context.Context, d time.Duration) error
}

// Repository is what one distribution's machines of one architecture install
// from. Any number of them, in any number of processes, may work on the same.
type Repository struct {
	store  object.Store
	prefix string
	arch   string
	kind   kind
	by     string
	now    func() time.Time
	newID  func() string
}

// maxChange bounds a change, which lists packages with 200 bytes each.
const maxChange = 16 << 20

var (
	distributionName = regexp.MustCompile(`^([a-z][a-z0-9_]{0,30})-[a-z0-9][a-z0-9._]{0,30}$`)
	architectureName = regexp.MustCompile(`^[a-z][a-z0-9_]{1,15}$`)
)

// New returns a repository. It does not speak to S3. A distribution or
// architecture that is none is a check.InputError.
func New(cfg Config) (*Repository, error) {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.NewID == nil {
		cfg.NewID = rand.Text
	}
	if cfg.Sleep == nil {
		cfg.Sleep = pause.For
	}
	kind, err := kindOf(cfg.Distribution)
	if err != nil {
		return nil, err
	}
	if !architectureName.MatchString(cfg.Architecture) {
		return nil, check.InputErrorf("architecture %s: want the distribution's name of one, such as %s", strconv.Quote(cfg.Architecture), kind.architectures()["amd64"])
	}
	return &Repository{
		store:  object.Store{Client: cfg.Client, Bucket: cfg.Bucket, Sleep: cfg.Sleep, Limit: maxChange},
		prefix: cfg.Distribution + "/" + cfg.Architecture + "/",
		arch:   cfg.Architecture,
		kind:   kind,
		by:     cfg.By,
		now:    cfg.Now,
		newID:  cfg.NewID,
	}, nil
}

// key is that of a file of the repository.
func (r *Repository) key(name string) string { return r.prefix + name }

// Name is the repository's directory in the bucket, without a slash behind it.
func (r *Repository) Name() string { return r.prefix[:len(r.prefix)-1] }

const (
	packagesDir = "packages/"
	changesDir  = "changes/"
	recordExt   = ".json"
	markName    = "prune.json"
	// changeMetadata is the pointer's metadata that names the change by which
	// it came to be what it is.
	changeMetadata = "tandem-change"
)

// numbered is the key of a change. Leading zeros make S3's order that of the
// numbers.
func (r *Repository) numbered(n int) string {
	return r.key(fmt.Sprintf("%s%08d%s", changesDir, n, recordExt))
}
