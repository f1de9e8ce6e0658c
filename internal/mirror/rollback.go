package mirror

import (
	"context"
	"fmt"

	"github.com/tandem-iac/tandem/internal/check"
)

// Rollback makes readers see what the present snapshot has replaced when it was
// synced; once more goes further back. It returns the snapshot that they see
// then, and the change. If it fails, nothing has changed. It is a
// check.InputError where there is nothing to go back to.
func (r *Repository) Rollback(ctx context.Context) (snapshot, c Change, err error) {
	h, err := r.head(ctx)
	if err != nil {
		return Change{}, Change{}, err
	}
	present, err := r.snapshot(ctx, h.change)
	if err != nil {
		return Change{}, Change{}, err
	}
	if present.Previous == 0 {
		return Change{}, Change{}, check.InputErrorf("%s has nothing to go back to: see 'tandem packages history'", r.Name())
	}
	if snapshot, err = r.snapshot(ctx, present.Previous); err != nil {
		return Change{}, Change{}, err
	}
	c, err = r.announce(ctx, Change{Previous: h.change, Action: ActionRollback, Snapshot: snapshot.Number})
	if err != nil {
		return Change{}, Change{}, err
	}
	// Prune may have finished before the announcement.
	if err := r.complete(ctx, snapshot); err != nil {
		return Change{}, Change{}, err
	}
	return snapshot, c, r.move(ctx, h, c, snapshot)
}

// complete is a check.InputError if something of a snapshot was pruned.
func (r *Repository) complete(ctx context.Context, snapshot Change) error {
	wanted := append([]string{}, snapshot.Metadata...)
	for _, p := range snapshot.Packages {
		wanted = append(wanted, r.packageFile(p))
	}
	have := map[string]bool{}
	for _, dir := range r.dirs() {
		sizes, err := r.sizes(ctx, dir)
		if err != nil {
			return err
		}
		for name := range sizes {
			have[name] = true
		}
	}
	for _, name := range wanted {
		if !have[name] {
			return check.InputError{Err: fmt.Errorf("snapshot %d of %s is not whole any more: it was pruned, s3://%s/%s among it; sync again instead", snapshot.Number, r.Name(), r.store.Bucket, r.key(name))}
		}
	}
	return nil
}

// dirs are those of all that is named by its content.
func (r *Repository) dirs() []string {
	return append([]string{packagesDir}, r.kind.metadata(r.arch)...)
}
