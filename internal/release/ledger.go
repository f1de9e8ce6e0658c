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

	"github.com/tandem-iac/tandem/internal/object"
	"github.com/tandem-iac/tandem/internal/pause"
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
	// Sleep waits, and returns early with ctx's cause when ctx ends. Nil:
	// pause.For.
	Sleep func(ctx context.Context, d time.Duration) error
	// Spread returns a random duration from 0 to below its argument, by which
	// writers that have collided part. Nil: math/rand.
	Spread func(time.Duration) time.Duration
}

// Ledger is the releases of one artifact in one environment. Any number of
// them, in any number of processes, may work on the same releases.
type Ledger struct {
	store       object.Store
	artifact    string
	environment string
	by          string
	now         func() time.Time
	newID       func() string
	spread      func(time.Duration) time.Duration
}

// New returns the ledger of an artifact. It does not speak to S3.
func New(cfg Config) *Ledger {
	cfg = cfg.withDefaults()
	return &Ledger{
		store:       object.Store{Client: cfg.Client, Bucket: cfg.Bucket, Sleep: cfg.Sleep},
		artifact:    cfg.Artifact,
		environment: cfg.Environment,
		by:          cfg.By,
		now:         cfg.Now,
		newID:       cfg.NewID,
		spread:      cfg.Spread,
	}
}

func (c Config) withDefaults() Config {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.NewID == nil {
		c.NewID = rand.Text
	}
	if c.Sleep == nil {
		c.Sleep = pause.For
	}
	if c.Spread == nil {
		c.Spread = mathrand.N[time.Duration]
	}
	return c
}

const (
	latestName = "latest.txt"
	stableName = "latest-stable.txt"
	claimsDir  = "claims/"
	historyDir = "history/"
	archiveExt = ".tar.gz"
	recordExt  = ".json"
	contentZip = "application/gzip"
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
type backoff struct {
	ledger  *Ledger
	window  time.Duration
	started time.Time
}

const (
	leastWindow = 10 * time.Millisecond
	mostWindow  = 3 * time.Second
)

// start notes when an attempt begins.
func (b *backoff) start() { b.started = b.ledger.now() }

// wait waits for the next attempt after one that has collided.
func (b *backoff) wait(ctx context.Context) error {
	took := b.ledger.now().Sub(b.started)
	b.window = min(max(leastWindow, 2*took, b.window*3/2), mostWindow)
	return b.ledger.store.Sleep(ctx, b.ledger.spread(b.window))
}

// TagName is the git tag that follows the stable version unless another one
// is chosen.
func (l *Ledger) TagName() string { return l.artifact + "-" + l.environment + "-stable" }
