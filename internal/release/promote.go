package release

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tandem-iac/tandem/internal/check"
	"github.com/tandem-iac/tandem/internal/git"
	"github.com/tandem-iac/tandem/internal/object"
)

// PromoteConfig configures Promote and Rollback.
type PromoteConfig struct {
	// Version is a number or latest. Required; Rollback ignores it.
	Version string
	// Tag is the tag to be moved to the version's commit. Nil: none.
	Tag *git.Tag
	// Repository is the work tree that the tag is moved and pushed from.
	Repository git.Dir
}

// Promotion is what Promote and Rollback did.
type Promotion struct {
	Manifest
	// From is the version that was stable before. Zero: none.
	From int `json:"from"`
	// Moved is false where the version was stable already.
	Moved bool `json:"moved"`
	// Tag is the tag that has followed. Nil: none was to.
	Tag *TagMove `json:"tag,omitempty"`
}

// TagMove is a tag that was set and pushed.
type TagMove struct {
	// Name and Remote are those of the git.Tag.
	Name   string `json:"name"`
	Remote string `json:"remote"`
	// From is the commit that the remote's tag was at. Empty: there was no tag.
	From string `json:"from"`
	// Commit is where it is now.
	Commit string `json:"git_commit"`
}

// MovedError says that somebody else has moved latest-stable since it was
// looked at.
type MovedError struct {
	Artifact string
	// From is what was stable at first, Now what somebody has made stable and
	// Wanted what was to become so.
	From, Now, Wanted int
}

func (e *MovedError) Error() string {
	return fmt.Sprintf("latest-stable of %s was moved from %s to %s by somebody else while %d was being promoted: see 'tandem release history', then promote again if %d is still right",
		e.Artifact, versionOrNone(e.From), versionOrNone(e.Now), e.Wanted, e.Wanted)
}

func versionOrNone(n int) string {
	if n == 0 {
		return "none"
	}
	return fmt.Sprint(n)
}

// TagError says that latest-stable has moved and the tag has not.
type TagError struct {
	Version int
	Err     error
}

func (e *TagError) Error() string {
	return fmt.Sprintf("%d is stable now, but its tag was not moved (promote %d again for that): %v", e.Version, e.Version, e.Err)
}

func (e *TagError) Unwrap() error { return e.Err }

// Promote makes a complete version the stable one after it has read and
// checked its archive. If it fails, latest-stable is where it was, unless the
// error is a *TagError; a *MovedError says that somebody else was faster. A
// version that is stable already is checked too, and only its tag is moved.
func (l *Ledger) Promote(ctx context.Context, cfg PromoteConfig) (Promotion, error) {
	number, err := ParsePromotable(cfg.Version)
	if err != nil {
		return Promotion{}, err
	}
	r, err := l.record(ctx)
	if err == nil && number == 0 {
		number, err = l.latest(ctx)
	}
	if err != nil {
		return Promotion{}, notMoved(ctx, err)
	}
	return l.promote(ctx, r, number, ActionPromote, cfg)
}

// ParsePromotable reads what a user wants to promote: a number from 1, or
// latest, for which number is zero. Anything else is an InputError.
func ParsePromotable(text string) (number int, err error) {
	number, name, err := ParseVersion(text)
	if err != nil || name == Stable {
		return 0, check.InputErrorf("version %q: want a number from 1, or latest", text)
	}
	return number, nil
}

// notMoved says of an interruption before the pointer's turn that nothing has
// changed.
func notMoved(ctx context.Context, err error) error {
	if err == nil || ctx.Err() == nil {
		return err
	}
	return fmt.Errorf("%w: %s was not moved", context.Cause(ctx), Stable)
}

// Rollback makes the version stable that was so before the present one. It
// fails as Promote does, and with a *StrayError where latest-stable is not
// what the history says.
func (l *Ledger) Rollback(ctx context.Context, cfg PromoteConfig) (Promotion, error) {
	r, err := l.record(ctx)
	if err != nil {
		return Promotion{}, notMoved(ctx, err)
	}
	if err := l.checkStray(ctx, r.stable); err != nil {
		return Promotion{}, notMoved(ctx, err)
	}
	number, err := r.previous(ctx)
	if err != nil {
		return Promotion{}, notMoved(ctx, err)
	}
	if number == 0 {
		return Promotion{}, check.InputErrorf("there is no stable version of %s before %s to go back to: see 'tandem release history'",
			l.artifact, versionOrNone(r.stable.Version))
	}
	return l.promote(ctx, r, number, ActionRollback, cfg)
}

// latest is the highest complete version, to which it moves the pointer where
// its publisher did not.
func (l *Ledger) latest(ctx context.Context) (int, error) {
	versions, err := l.versions(ctx)
	if err != nil {
		return 0, err
	}
	if err := l.catchUp(ctx, versions); err != nil {
		return 0, err
	}
	p, err := l.pointer(ctx, latestName)
	return p.Version, err
}

func (l *Ledger) promote(ctx context.Context, r *record, number int, action string, cfg PromoteConfig) (Promotion, error) {
	m, err := l.manifest(ctx, number)
	if err == nil {
		err = l.verify(ctx, m)
	}
	var tag git.Tag
	if err == nil && cfg.Tag != nil {
		tag, err = cfg.prepareTag(ctx, m)
	}
	if err != nil {
		return Promotion{}, notMoved(ctx, err)
	}
	p := Promotion{Manifest: m, From: r.stable.Version, Moved: r.stable.Version != number || r.stable.SHA256 != m.SHA256}
	if p.Moved {
		if err := l.moveStable(ctx, r, m, action); err != nil {
			return Promotion{}, err
		}
	}
	if cfg.Tag == nil {
		return p, nil
	}
	message := fmt.Sprintf("%s %d is stable in %s", l.artifact, number, l.environment)
	if m.Modified {
		message += "\n\nIt was built from a modified work tree."
	}
	if err := cfg.Repository.Move(ctx, tag, m.Commit, message); err != nil {
		return p, &TagError{number, err}
	}
	p.Tag = &TagMove{Name: tag.Name, Remote: tag.Remote, From: tag.Commit(), Commit: m.Commit}
	return p, nil
}

func (c PromoteConfig) prepareTag(ctx context.Context, m Manifest) (git.Tag, error) {
	if m.Commit == "" {
		return git.Tag{}, check.InputErrorf("version %d was not built from a repository: promote it without a tag", m.Version)
	}
	return c.Repository.Prepare(ctx, *c.Tag, m.Commit)
}

// moveStable announces the change and carries it out.
func (l *Ledger) moveStable(ctx context.Context, r *record, m Manifest, action string) error {
	change, err := l.announce(ctx, Change{
		Previous: r.head(), Action: action, From: r.stable.Version,
		Version: m.Version, Commit: m.Commit, SHA256: m.SHA256, By: l.by, At: l.now().UTC(),
	}, r.last())
	if err != nil {
		return notMoved(ctx, err)
	}
	// Announced first: see the package comment.
	c, err := l.readClaim(ctx, m.Version)
	if err == nil && c.State == claimPruned {
		return check.InputErrorf("version %d of %s is being pruned: promote another", m.Version, l.artifact)
	} else if err != nil && !errors.Is(err, object.ErrNotFound) {
		return notMoved(ctx, err)
	}
	// Prune may have finished before the announcement.
	if _, err := l.manifest(ctx, m.Version); err != nil {
		return notMoved(ctx, err)
	}
	err = l.move(ctx, stableName, r.stable, m, change.Number)
	if err != nil && ctx.Err() != nil {
		return l.interruptedMove(ctx, r.stable)
	}
	if !errors.Is(err, object.ErrRefused) {
		return err
	}
	now, err := l.pointer(ctx, stableName)
	if err != nil {
		return err
	}
	return &MovedError{l.artifact, r.stable.Version, now.Version, m.Version}
}

// lookBack is how long an interrupted promotion may take to find out what has
// become of it.
const lookBack = 5 * time.Second

// interruptedMove says whether the pointer has moved though its writer was
// interrupted: S3 may have carried out a request whose answer nobody awaited.
func (l *Ledger) interruptedMove(ctx context.Context, before Pointer) error {
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), lookBack)
	defer cancel()
	now, err := l.pointer(last, stableName)
	switch {
	case err != nil:
		return fmt.Errorf("%w: %s may have been moved: see 'tandem release history'", context.Cause(ctx), Stable)
	case now.etag == before.etag:
		return notMoved(ctx, context.Cause(ctx))
	}
	return fmt.Errorf("%w: %s was moved, to %d", context.Cause(ctx), Stable, now.Version)
}
