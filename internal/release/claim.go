package release

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/tandem-iac/tandem/internal/check"
	"github.com/tandem-iac/tandem/internal/object"
	"github.com/tandem-iac/tandem/internal/release/archive"
)

// The states of a version, in claims/N.
const (
	// claimOpen: a publisher is uploading, or has died doing so.
	claimOpen = "open"
	// claimCommitted: the archive is there and the manifest decided.
	claimCommitted = "committed"
	// claimAbandoned: it will never be complete; what is left is being deleted.
	claimAbandoned = "abandoned"
	// claimPruned: it was complete and is being deleted.
	claimPruned = "pruned"
)

// claim is the state of a version and who may change it.
type claim struct {
	Version int    `json:"version"`
	State   string `json:"state"`
	// ID tells the claim, and the archive uploaded under it, from any other.
	ID string `json:"id"`
	// Owner is the publisher at work; another one resumes by replacing it.
	Owner string    `json:"owner"`
	By    string    `json:"by"`
	At    time.Time `json:"at"`
	// Tree is what is being published.
	Tree string `json:"tree_sha256"`
	// Manifest is what a committed claim becomes.
	Manifest *Manifest `json:"manifest,omitempty"`

	etag     string
	modified time.Time
}

// take claims the next version for an archive.
func (l *Ledger) take(ctx context.Context, info archive.Info) (claim, error) {
	id := l.newID()
	b := backoff{ledger: l}
	for {
		b.start()
		next, err := l.next(ctx)
		if err != nil {
			return claim{}, err
		}
		c := claim{Version: next, State: claimOpen, ID: id, Owner: id, By: l.by, At: l.now().UTC(), Tree: info.Tree}
		c.etag, err = l.store.CreateJSON(ctx, l.numbered(claimsDir, next), c)
		if !errors.Is(err, object.ErrRefused) {
			return c, err
		}
		if err := b.wait(ctx); err != nil {
			return claim{}, err
		}
	}
}

// next is one above the latest complete version and every claim.
func (l *Ledger) next(ctx context.Context) (int, error) {
	latest, err := l.pointer(ctx, latestName)
	if err != nil {
		return 0, err
	}
	highest := latest.Version
	for o, err := range l.store.List(ctx, l.key(claimsDir), l.numbered(claimsDir, highest)) {
		if err != nil {
			return 0, err
		}
		if n, ok := numberOf(aws.ToString(o.Key), l.key(claimsDir), recordExt); ok {
			highest = max(highest, n)
		}
	}
	return highest + 1, nil
}

// resume takes over an open claim, so that its former owner, should it be
// alive after all, can no longer commit.
func (l *Ledger) resume(ctx context.Context, cfg PublishConfig, info archive.Info) (claim, error) {
	version := cfg.Resume
	c, err := l.readClaim(ctx, version)
	switch {
	case errors.Is(err, object.ErrNotFound):
		return claim{}, check.InputErrorf("version %d of %s was never begun: publish without --resume", version, l.artifact)
	case err != nil:
		return claim{}, err
	case c.State == claimAbandoned || c.State == claimPruned:
		return claim{}, check.InputErrorf("version %d of %s was given up: publish without --resume", version, l.artifact)
	case c.Tree != info.Tree:
		return claim{}, check.InputErrorf("version %d of %s was begun with another build than that in %s: name the archive it was begun with, or publish without --resume", version, l.artifact, cfg.File)
	case c.State == claimCommitted:
		return c, nil
	}
	c.Owner, c.By = l.newID(), l.by
	return l.update(ctx, c)
}

func (l *Ledger) readClaim(ctx context.Context, version int) (claim, error) {
	var c claim
	key := l.numbered(claimsDir, version)
	o, err := l.store.GetJSON(ctx, key, &c)
	if err == nil && c.Version != version {
		err = &object.DamagedError{Err: fmt.Errorf("s3://%s/%s is the claim of version %d; %s", l.store.Bucket, key, c.Version, object.Restore)}
	}
	c.etag, c.modified = o.ETag, o.Modified
	return c, err
}

// decided is the manifest that a committed claim holds.
func (l *Ledger) decided(c claim) (Manifest, error) {
	if c.Manifest == nil {
		return Manifest{}, &object.DamagedError{Err: fmt.Errorf("s3://%s/%s is committed and holds no manifest; %s", l.store.Bucket, l.numbered(claimsDir, c.Version), object.Restore)}
	}
	return *c.Manifest, nil
}

// update replaces a claim unless somebody else has: then object.ErrRefused.
func (l *Ledger) update(ctx context.Context, c claim) (claim, error) {
	etag, err := l.store.ReplaceJSON(ctx, l.numbered(claimsDir, c.Version), c, c.etag)
	c.etag = etag
	return c, err
}

// commit decides that c's version is going to be complete.
func (l *Ledger) commit(ctx context.Context, c claim, m Manifest) (claim, error) {
	c.State, c.Manifest = claimCommitted, &m
	c, err := l.update(ctx, c)
	if errors.Is(err, object.ErrRefused) {
		err = &LostError{l.artifact, c.Version}
	}
	return c, err
}

// LostError says that a version was taken from its publisher, which has made
// nothing visible.
type LostError struct {
	Artifact string
	Version  int
}

func (e *LostError) Error() string {
	return fmt.Sprintf("version %d of %s was resumed by somebody else or given up by prune meanwhile: look at 'tandem release list' and publish again", e.Version, e.Artifact)
}
