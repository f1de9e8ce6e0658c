package release

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strconv"

	"golang.org/x/sync/errgroup"

	"github.com/tandem-iac/tandem/internal/check"
	"github.com/tandem-iac/tandem/internal/object"
	"github.com/tandem-iac/tandem/internal/release/archive"
)

// PublishConfig configures Publish.
type PublishConfig struct {
	// File is the archive that a build made. Required.
	File string
	// Resume is the version whose upload is to be finished. Zero: the archive
	// becomes a new version.
	Resume int
	// PartSize is the size, in bytes, of the parts that are sent on their own,
	// 5 MiB to 5 GiB (https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html).
	// Zero: 8 MiB. Where that would make more than 10,000 parts, they are larger.
	PartSize int64
	// Workers is how many parts are under way at once, from 1. Zero: 8.
	Workers int
	// Progress is told how many bytes S3 has, from several goroutines at once.
	// Nil: nobody asks.
	Progress func(done, total int64)
}

func (c PublishConfig) withDefaults() PublishConfig {
	if c.PartSize == 0 {
		c.PartSize = object.DefaultPartSize
	}
	if c.Workers == 0 {
		c.Workers = object.DefaultWorkers
	}
	if c.Progress == nil {
		c.Progress = func(int64, int64) {}
	}
	return c
}

// Validate returns every fault as check.Errors.
func (c PublishConfig) Validate() error {
	c = c.withDefaults()
	var faults check.Errors
	faults.Require(c.File != "", "File", c.File, "the name of an archive")
	faults.Require(c.Resume >= 0, "Resume", strconv.Itoa(c.Resume), "a version from 1, or 0 for a new one")
	faults.Require(c.PartSize >= object.MinPartSize && c.PartSize <= object.MaxPartSize, "PartSize", strconv.FormatInt(c.PartSize, 10),
		fmt.Sprintf("%d..%d bytes, which S3 takes", object.MinPartSize, int64(object.MaxPartSize)))
	faults.Require(c.Workers >= 1, "Workers", strconv.Itoa(c.Workers), "1 or more")
	return faults.Err()
}

// UnfinishedError is a publication that stopped after it had a version.
type UnfinishedError struct {
	// Version can be given to PublishConfig.Resume.
	Version int
	Err     error
}

func (e *UnfinishedError) Error() string {
	return fmt.Sprintf("version %d is not complete, and no pointer names it: %v", e.Version, e.Err)
}

func (e *UnfinishedError) Unwrap() error { return e.Err }

// foreignTries is how many versions are tried whose archive is there already
// though nobody had claimed it.
const foreignTries = 3

// Publish makes an archive the next version. When it returns without error
// the version is complete and latest names it or a later one. If it fails
// after it has claimed a version, the error is an *UnfinishedError, or a
// *LostError where the version is not its own any more. A config or a file
// that cannot be published is check.Errors or a check.InputError.
func (l *Ledger) Publish(ctx context.Context, cfg PublishConfig) (m Manifest, err error) {
	if err := cfg.Validate(); err != nil {
		return Manifest{}, err
	}
	cfg = cfg.withDefaults()
	file, err := archive.Open(cfg.File)
	if err != nil {
		return Manifest{}, check.InputError{Err: err}
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	if file.Info.Version != 0 {
		return Manifest{}, check.InputErrorf("%s is version %d already: promote that, or build anew", cfg.File, file.Info.Version)
	}
	for range foreignTries {
		m, err = l.publish(ctx, file, cfg)
		if !errors.Is(err, object.ErrForeign) || cfg.Resume != 0 {
			return m, err
		}
	}
	return Manifest{}, fmt.Errorf("s3://%s/%s: something else writes archives there: %w", l.store.Bucket, l.prefix(), err)
}

// publish claims one version, or takes over the one to be resumed, and
// finishes it.
func (l *Ledger) publish(ctx context.Context, file *archive.File, cfg PublishConfig) (Manifest, error) {
	claimed := l.take
	if cfg.Resume != 0 {
		claimed = func(ctx context.Context, info archive.Info) (claim, error) { return l.resume(ctx, cfg, info) }
	}
	c, err := claimed(ctx, file.Info)
	if err != nil {
		return Manifest{}, err
	}
	m, err := l.finish(ctx, c, file, cfg)
	var lost *LostError
	switch {
	case err == nil:
		return m, nil
	case errors.Is(err, object.ErrForeign) || errors.As(err, &lost):
		return Manifest{}, err
	case ctx.Err() != nil:
		err = context.Cause(ctx) // rather than which request it ended
	}
	return Manifest{}, &UnfinishedError{Version: c.Version, Err: err}
}

// finish does the steps after the claim; those that a claim has behind it
// change nothing when done again.
func (l *Ledger) finish(ctx context.Context, c claim, file *archive.File, cfg PublishConfig) (Manifest, error) {
	if c.State == claimOpen {
		m, err := l.send(ctx, c, file, cfg)
		if errors.Is(err, object.ErrForeign) {
			c.State = claimAbandoned
			_, giveUp := l.update(ctx, c)
			return Manifest{}, errors.Join(err, giveUp)
		} else if err != nil {
			return Manifest{}, err
		}
		if c, err = l.commit(ctx, c, m); err != nil {
			return Manifest{}, err
		}
	}
	m, err := l.decided(c)
	if err != nil {
		return Manifest{}, err
	}
	return m, l.complete(ctx, m)
}

// complete makes a committed version visible.
func (l *Ledger) complete(ctx context.Context, m Manifest) error {
	_, err := l.store.CreateJSON(ctx, l.manifestKey(m.Version), m)
	if errors.Is(err, object.ErrRefused) {
		return fmt.Errorf("s3://%s/%s was written by something else", l.store.Bucket, l.manifestKey(m.Version))
	} else if err != nil {
		return err
	}
	return l.advance(ctx, m)
}

// send uploads the archive under its version and describes it.
func (l *Ledger) send(ctx context.Context, c claim, file *archive.File, cfg PublishConfig) (Manifest, error) {
	content, size, err := file.Stamp(c.Version)
	if err != nil {
		return Manifest{}, err
	}
	whole := sha256.New()
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		_, err := io.CopyBuffer(whole, archive.WithContext(ctx, io.NewSectionReader(content, 0, size)), make([]byte, 256<<10))
		return err
	})
	group.Go(func() error {
		u := object.Upload{
			Store: l.store, Key: l.archiveKey(c.Version), ContentType: contentZip, Owner: c.ID, Resume: cfg.Resume != 0,
			Content: content, Size: size, PartSize: cfg.PartSize, Workers: cfg.Workers, Progress: cfg.Progress,
		}
		return u.Run(ctx)
	})
	if err := group.Wait(); err != nil {
		return Manifest{}, err
	}
	return Manifest{
		Artifact: l.artifact, Environment: l.environment, Version: c.Version,
		SHA256: hex.EncodeToString(whole.Sum(nil)), Size: size, Tree: file.Info.Tree,
		Commit: file.Info.Commit, Branch: file.Info.Branch, Modified: file.Info.Modified,
		BuiltAt: file.Info.BuiltAt, PublishedAt: l.now().UTC(), Builder: l.by,
	}, nil
}
