package release

import (
	"context"
	"errors"
	"fmt"

	"github.com/tandem-iac/tandem/internal/object"
)

// StrayError says that latest-stable names a version that no change in the
// history has made stable: something other than tandem has written the pointer.
type StrayError struct {
	Artifact string
	// Version is what latest-stable names.
	Version int
	// Recorded is what the change that it goes by has made stable. Zero: it
	// goes by none.
	Recorded int
}

func (e *StrayError) Error() string {
	recorded := "the history does not say so"
	if e.Recorded > 0 {
		recorded = fmt.Sprintf("the history says %d", e.Recorded)
	}
	return fmt.Sprintf("latest-stable of %s names %d, but %s: something other than tandem has moved it; promote the version that is wanted",
		e.Artifact, e.Version, recorded)
}

// CheckStable returns a *StrayError if latest-stable was moved behind the
// history's back.
func (l *Ledger) CheckStable(ctx context.Context) error {
	stable, err := l.pointer(ctx, stableName)
	if err != nil {
		return err
	}
	return l.checkStray(ctx, stable)
}

func (l *Ledger) checkStray(ctx context.Context, stable Pointer) error {
	if stable.Version == 0 {
		return nil
	}
	if stable.Change == 0 {
		return &StrayError{Artifact: l.artifact, Version: stable.Version}
	}
	c, err := l.change(ctx, stable.Change)
	switch {
	case errors.Is(err, object.ErrNotFound):
		return &StrayError{Artifact: l.artifact, Version: stable.Version}
	case err != nil:
		return err
	case c.Version != stable.Version:
		return &StrayError{Artifact: l.artifact, Version: stable.Version, Recorded: c.Version}
	}
	return nil
}
