package release

import (
	"context"
	"errors"
	"fmt"

	"github.com/tandem-iac/tandem/internal/object"
	"github.com/tandem-iac/tandem/internal/release/archive"
)

// CorruptError is an archive in S3 that is not what its manifest says.
type CorruptError struct {
	Artifact string
	Version  int
	Err      error
}

func (e *CorruptError) Error() string {
	return fmt.Sprintf("the archive of %s %d cannot be trusted: %v; use another version, or publish the build anew", e.Artifact, e.Version, e.Err)
}

func (e *CorruptError) Unwrap() error { return e.Err }

// verify reads the whole archive and compares it with its manifest.
func (l *Ledger) verify(ctx context.Context, m Manifest) (err error) {
	d, err := l.store.Download(ctx, l.archiveKey(m.Version))
	if errors.Is(err, object.ErrNotFound) {
		return &CorruptError{l.artifact, m.Version, errors.New("it is missing")}
	} else if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	info, err := archive.Inspect(ctx, d, archive.Want{SHA256: m.SHA256, Version: m.Version})
	var invalid *archive.InvalidError
	switch {
	case errors.As(err, &invalid):
		return &CorruptError{l.artifact, m.Version, invalid}
	case err != nil:
		return err
	case info.Tree != m.Tree || info.Commit != m.Commit:
		return &CorruptError{l.artifact, m.Version, errors.New("its RELEASE and its manifest disagree about the commit or the tree")}
	}
	return nil
}
