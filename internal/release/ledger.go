package release

import (
	"context"
	"crypto/rand"
	"fmt"
	"strconv"
	"strings"
	"time"

	mathrand "math/rand/v2"

	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// Config configures New.
type Config struct {
	// Client reaches S3. Required; awsclient makes one that waits out faults.
	Client *s3.Client
	// Bucket is the bucket of builds. Required.
	Bucket string
	// Artifact and Environment choose the ledger in it. Required.
	Artifact, Environment string
	// By names who publishes and promotes, for the record. Required.
	By string
	// Now is the clock. Nil: time.Now.
	Now func() time.Time
	// NewID returns a string that was never returned before. Nil: random.
	NewID func() string
}

// Ledger is the releases of one artifact in one environment. Any number of
// them, in any number of processes, may work on the same releases.
type Ledger struct {
	store       store
	artifact    string
	environment string
	by          string
	now         func() time.Time
	newID       func() string
}

// New returns the ledger of an artifact. It does not speak to S3.
func New(cfg Config) *Ledger {
	l := &Ledger{
		store:       store{client: cfg.Client, bucket: cfg.Bucket},
		artifact:    cfg.Artifact,
		environment: cfg.Environment,
		by:          cfg.By,
		now:         cfg.Now,
		newID:       cfg.NewID,
	}
	if l.now == nil {
		l.now = time.Now
	}
	if l.newID == nil {
		l.newID = rand.Text
	}
	return l
}

const (
	latestName = "latest.txt"
	stableName = "latest-stable.txt"
	claimsDir  = "claims/"
	historyDir = "history/"
	archiveExt = ".tar.gz"
	recordExt  = ".json"
	contentZip = "application/gzip"
	contentDoc = "application/json"
	contentTxt = "text/plain; charset=utf-8"
)

func (l *Ledger) prefix() string         { return l.artifact + "/" + l.environment + "/" }
func (l *Ledger) key(name string) string { return l.prefix() + name }

func (l *Ledger) archiveKey(version int) string {
	return l.key(fmt.Sprintf("%s-%d%s", l.artifact, version, archiveExt))
}

func (l *Ledger) manifestKey(version int) string {
	return l.key(fmt.Sprintf("%s-%d%s", l.artifact, version, recordExt))
}

// numbered are the keys of claims and changes. S3 lists keys as text; leading
// zeros make that the order of the numbers, so that a listing can begin in the
// middle.
func (l *Ledger) numbered(dir string, n int) string {
	return l.key(fmt.Sprintf("%s%08d%s", dir, n, recordExt))
}

func numberOf(key, prefix, ext string) (n int, ok bool) {
	digits, hasPrefix := strings.CutPrefix(key, prefix)
	digits, hasExt := strings.CutSuffix(digits, ext)
	n, err := strconv.Atoi(digits)
	return n, hasPrefix && hasExt && err == nil && n > 0
}

// backoff spreads writers that have collided. The time that the attempt took
// tells how busy S3 is with the others; to try again much sooner is to collide
// again.
type backoff struct{ window time.Duration }

const (
	leastWindow = 10 * time.Millisecond
	mostWindow  = 3 * time.Second
)

func (b *backoff) wait(ctx context.Context, took time.Duration) error {
	b.window = min(max(leastWindow, 2*took, b.window*3/2), mostWindow)
	return sleep(ctx, mathrand.N(b.window))
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// TagName is the git tag that follows the stable version unless another one
// is chosen.
func (l *Ledger) TagName() string { return l.artifact + "-" + l.environment + "-stable" }
