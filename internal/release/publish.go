package release

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/tandem-iac/tandem/internal/check"
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
	// from 5 MiB (https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html).
	// Zero: 8 MiB, or more where that would make too many of them.
	PartSize int64
	// Workers is how many parts are under way at once. Zero: 8.
	Workers int
	// Progress is told how many bytes S3 has, from several goroutines at once.
	// Nil: nobody asks.
	Progress func(done, total int64)
}

// UnfinishedError is a publication that stopped after it had a version.
type UnfinishedError struct {
	// Version can be given to PublishConfig.Resume.
	Version int
	// Artifact and File are what was being published.
	Artifact, File string
	Err            error
}

func (e *UnfinishedError) Error() string {
	return fmt.Sprintf("version %d is not complete, and no pointer names it: %v; finish it with: tandem release publish --artifact %s --resume %d %s",
		e.Version, e.Err, e.Artifact, e.Version, shellWord(e.File))
}

func (e *UnfinishedError) Unwrap() error { return e.Err }

// shellWord quotes a file name for a shell, where it has to be.
func shellWord(name string) string {
	plain := func(r rune) bool {
		return strings.ContainsRune("/._-+=:@%,", r) || '0' <= r && r <= '9' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z'
	}
	if strings.IndexFunc(name, func(r rune) bool { return !plain(r) }) < 0 {
		return name
	}
	return "'" + strings.ReplaceAll(name, "'", `'\''`) + "'"
}

// foreignTries is how many versions are tried whose archive is there already
// though nobody had claimed it.
const foreignTries = 3

// Publish makes an archive the next version. When it returns without error
// the version is complete and latest names it or a later one. If it fails
// after it has claimed a version, the error is an *UnfinishedError, or a
// *LostError where the version is not its own any more.
func (l *Ledger) Publish(ctx context.Context, cfg PublishConfig) (m Manifest, err error) {
	file, err := archive.Open(cfg.File)
	if err != nil {
		return Manifest{}, check.InputError{Err: err}
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	if file.Info.Version != 0 {
		return Manifest{}, check.InputErrorf("%s is version %d already: promote that, or build anew", cfg.File, file.Info.Version)
	}
	for range foreignTries {
		var c claim
		if cfg.Resume != 0 {
			c, err = l.resume(ctx, cfg, file.Info)
		} else {
			c, err = l.take(ctx, file.Info)
		}
		if err != nil {
			return Manifest{}, err
		}
		m, err = l.finish(ctx, c, file, cfg)
		var lost *LostError
		switch {
		case err == nil:
			return m, nil
		case errors.Is(err, errForeign) && cfg.Resume == 0:
			continue
		case errors.Is(err, errForeign) || errors.As(err, &lost):
			return Manifest{}, err
		}
		if ctx.Err() != nil {
			err = context.Cause(ctx) // rather than which request it ended
		}
		return Manifest{}, &UnfinishedError{Version: c.Version, Artifact: l.artifact, File: cfg.File, Err: err}
	}
	return Manifest{}, fmt.Errorf("s3://%s/%s: something else writes archives there: %w", l.store.bucket, l.prefix(), err)
}

// finish does the steps after the claim; those that a claim has behind it
// change nothing when done again.
func (l *Ledger) finish(ctx context.Context, c claim, file *archive.File, cfg PublishConfig) (Manifest, error) {
	if c.State == claimOpen {
		m, err := l.send(ctx, c, file, cfg)
		if errors.Is(err, errForeign) {
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
	return *c.Manifest, l.complete(ctx, *c.Manifest)
}

// complete makes a committed version visible.
func (l *Ledger) complete(ctx context.Context, m Manifest) error {
	_, err := l.store.createJSON(ctx, l.manifestKey(m.Version), m)
	if errors.Is(err, errRefused) {
		return fmt.Errorf("s3://%s/%s was written by something else", l.store.bucket, l.manifestKey(m.Version))
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
		u := newUpload(l, c, cfg)
		u.content, u.size = content, size
		return u.run(ctx)
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
