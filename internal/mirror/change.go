package mirror

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/tandem-iac/tandem/internal/object"
)

// The actions of changes.
const (
	ActionSync     = "sync"
	ActionRollback = "rollback"
)

// Change is a move of the pointer.
type Change struct {
	// Number counts changes from 1. Numbers are missing where a change was
	// announced and not carried out.
	Number int `json:"change"`
	// Previous is the change that this one replaced. Zero: none.
	Previous int `json:"previous"`
	// Action is sync or rollback.
	Action string `json:"action"`
	// Snapshot is the sync that has made what readers see from this change on:
	// the change itself, unless it is a rollback.
	Snapshot int `json:"snapshot"`
	// By is who asked for the change, At when.
	By string    `json:"by"`
	At time.Time `json:"at"`
	// ID tells an announcement from any other of the same number.
	ID string `json:"id"`
	// Asked are the packages that were asked for. Empty for a rollback, as is
	// all that follows.
	Asked []string `json:"asked,omitempty"`
	// Packages are all of the snapshot's.
	Packages []Package `json:"packages,omitempty"`
	// Metadata are the names of what the pointer names.
	Metadata []string `json:"metadata,omitempty"`
	// Pointer is the content of the pointer.
	Pointer string `json:"pointer,omitempty"`
}

// head is where the pointer is.
type head struct {
	// change has moved it there. Zero: there is no pointer.
	change int
	etag   string
}

// head reads the pointer. One that names no change was written by something
// else; the newest change stands for the one that did.
func (r *Repository) head(ctx context.Context) (head, error) {
	name, _ := r.kind.pointer()
	o, err := r.store.Get(ctx, r.key(name))
	if errors.Is(err, object.ErrNotFound) {
		return head{}, nil
	} else if err != nil {
		return head{}, err
	}
	h := head{etag: o.ETag}
	if h.change, err = strconv.Atoi(o.Metadata[changeMetadata]); err != nil || h.change < 1 {
		h.change, err = r.last(ctx)
	} else {
		err = nil
	}
	return h, err
}

// last is the number of the newest change that was announced. Zero: none.
func (r *Repository) last(ctx context.Context) (last int, err error) {
	for o, err := range r.store.List(ctx, r.key(changesDir), "") {
		if err != nil {
			return 0, err
		}
		last = max(last, r.numberOf(aws.ToString(o.Key)))
	}
	return last, nil
}

// numberOf is the number of the change with a key. Zero: it is none.
func (r *Repository) numberOf(key string) int {
	digits := strings.TrimSuffix(strings.TrimPrefix(key, r.key(changesDir)), recordExt)
	n, err := strconv.Atoi(digits)
	if err != nil || n < 1 || r.numbered(n) != key {
		return 0
	}
	return n
}

// change reads one that was announced.
func (r *Repository) change(ctx context.Context, number int) (Change, error) {
	var c Change
	key := r.numbered(number)
	_, err := r.store.GetJSON(ctx, key, &c)
	if errors.Is(err, object.ErrNotFound) {
		err = fmt.Errorf("s3://%s/%s: %w", r.store.Bucket, key, err)
	}
	if err == nil && c.Number != number {
		err = &object.DamagedError{Err: fmt.Errorf("s3://%s/%s is change %d; %s", r.store.Bucket, key, c.Number, object.Restore)}
	}
	return c, err
}

// applied yields the changes that were carried out, the newest first.
func (r *Repository) applied(ctx context.Context, h head) iter.Seq2[Change, error] {
	return func(yield func(Change, error) bool) {
		for number := h.change; number > 0; {
			c, err := r.change(ctx, number)
			if err == nil && c.Previous >= number {
				err = &object.DamagedError{Err: fmt.Errorf("s3://%s/%s has replaced a later one; %s", r.store.Bucket, r.numbered(number), object.Restore)}
			}
			if !yield(c, err) || err != nil {
				return
			}
			number = c.Previous
		}
	}
}

// History returns the moves of the pointer, the newest first; limit bounds
// their number, zero does not.
func (r *Repository) History(ctx context.Context, limit int) ([]Change, error) {
	h, err := r.head(ctx)
	if err != nil {
		return nil, err
	}
	changes := []Change{}
	for c, err := range r.applied(ctx, h) {
		if err != nil {
			return nil, err
		}
		if changes = append(changes, c); len(changes) == limit {
			break
		}
	}
	return changes, nil
}

// Current returns the sync that has made what readers see. Its number is zero
// where nothing was synced yet.
func (r *Repository) Current(ctx context.Context) (Change, error) {
	h, err := r.head(ctx)
	if err != nil {
		return Change{}, err
	}
	return r.snapshot(ctx, h.change)
}

// snapshot is the sync whose content a change has made current.
func (r *Repository) snapshot(ctx context.Context, change int) (Change, error) {
	if change == 0 {
		return Change{}, nil
	}
	c, err := r.change(ctx, change)
	if err != nil || c.Snapshot == c.Number {
		return c, err
	}
	return r.change(ctx, c.Snapshot)
}

// announce writes a change under the next free number, and then looks for a
// prune, which sees the change, or is seen: see the package comment.
func (r *Repository) announce(ctx context.Context, c Change) (Change, error) {
	last, err := r.last(ctx)
	if err != nil {
		return Change{}, err
	}
	c.By, c.At, c.ID = r.by, r.now().UTC(), r.newID()
	for c.Number = last + 1; ; c.Number++ {
		if c.Action == ActionSync {
			c.Snapshot = c.Number
		}
		_, err := r.store.CreateJSON(ctx, r.numbered(c.Number), c)
		if err == nil {
			return c, r.refusePruned(ctx)
		} else if !errors.Is(err, object.ErrRefused) {
			return Change{}, err
		}
	}
}

// MovedError says that somebody else has moved the pointer since it was looked at.
type MovedError struct{ Repository string }

func (e *MovedError) Error() string {
	return fmt.Sprintf("%s was changed by somebody else meanwhile, and was left at that: see 'tandem packages history', then do it again if it is still right", e.Repository)
}

// move carries a change out, with the pointer that its snapshot has.
func (r *Repository) move(ctx context.Context, h head, c, snapshot Change) error {
	name, contentType := r.kind.pointer()
	_, err := r.store.ReplaceWith(ctx, r.key(name), contentType, []byte(snapshot.Pointer), map[string]string{changeMetadata: strconv.Itoa(c.Number)}, h.etag)
	if errors.Is(err, object.ErrRefused) {
		return &MovedError{r.Name()}
	}
	return err
}
