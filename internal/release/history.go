package release

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"golang.org/x/sync/errgroup"

	"github.com/tandem-iac/tandem/internal/object"
)

// The actions of changes.
const (
	ActionPromote  = "promote"
	ActionRollback = "rollback"
)

// historyPage is how many changes are read at a time.
const historyPage = 64

// Change is a move of latest-stable.
type Change struct {
	// Number counts changes from 1. Numbers are missing where a change was
	// refused after it had been announced.
	Number int `json:"change"`
	// Previous is the change that this one replaced. Zero: none.
	Previous int `json:"previous"`
	// Action is promote or rollback.
	Action string `json:"action"`
	// From is the version that was stable before. Zero: none.
	From int `json:"from"`
	// Version became the stable one.
	Version int `json:"version"`
	// Commit is what the version was built from. Empty: unknown.
	Commit string `json:"git_commit"`
	// SHA256 is that of the version's archive, in hex.
	SHA256 string `json:"sha256"`
	// By is who asked for the change, At when.
	By string    `json:"by"`
	At time.Time `json:"at"`
	// ID tells an announcement from any other of the same number.
	ID string `json:"id"`
}

// record is the history as it stands. Its numbers are known from the start;
// what the changes say is read from the newest back, as far as somebody asks.
type record struct {
	ledger *Ledger
	stable Pointer
	// numbers are those of all announced changes, the newest first, and read
	// the changes of the first of them.
	numbers []int
	read    []Change
}

// record takes stock of the history. The pointer is read first: a move in
// between can only add changes that are not carried out.
func (l *Ledger) record(ctx context.Context) (*record, error) {
	r := &record{ledger: l}
	var err error
	if r.stable, err = l.pointer(ctx, stableName); err != nil {
		return nil, err
	}
	for o, err := range l.store.List(ctx, l.key(historyDir), "") {
		if err != nil {
			return nil, err
		}
		if n, ok := numberOf(aws.ToString(o.Key), l.key(historyDir), recordExt); ok {
			r.numbers = append(r.numbers, n)
		}
	}
	slices.Reverse(r.numbers)
	return r, nil
}

// last is the number of the newest change that was announced. Zero: none.
func (r *record) last() int {
	if len(r.numbers) == 0 {
		return 0
	}
	return r.numbers[0]
}

// head is the change that made the stable version so; zero: none has. Where
// the pointer names none that there is, and so was not written by tandem, the
// newest one stands for it.
func (r *record) head() int {
	if r.stable.Version > 0 && !slices.Contains(r.numbers, r.stable.Change) {
		return r.last()
	}
	return r.stable.Change
}

// readPage reads the changes behind those that were read.
func (r *record) readPage(ctx context.Context) error {
	numbers := r.numbers[len(r.read):]
	page := make([]Change, min(historyPage, len(numbers)))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(readers)
	for i := range page {
		group.Go(func() (err error) {
			page[i], err = r.ledger.change(ctx, numbers[i])
			return err
		})
	}
	err := group.Wait()
	if err == nil {
		r.read = append(r.read, page...)
	}
	return err
}

// change reads one that was announced.
func (l *Ledger) change(ctx context.Context, number int) (Change, error) {
	var c Change
	_, err := l.store.GetJSON(ctx, l.numbered(historyDir, number), &c)
	if errors.Is(err, object.ErrNotFound) {
		err = fmt.Errorf("s3://%s/%s: %w", l.store.Bucket, l.numbered(historyDir, number), err)
	}
	return c, err
}

// announced yields all changes, the newest first.
func (r *record) announced(ctx context.Context) iter.Seq2[Change, error] {
	return func(yield func(Change, error) bool) {
		for i := range r.numbers {
			if i == len(r.read) {
				if err := r.readPage(ctx); err != nil {
					yield(Change{}, err)
					return
				}
			}
			if !yield(r.read[i], nil) {
				return
			}
		}
	}
}

// applied yields the changes that were carried out, the newest first.
func (r *record) applied(ctx context.Context) iter.Seq2[Change, error] {
	return func(yield func(Change, error) bool) {
		current := r.head()
		for c, err := range r.announced(ctx) {
			if err != nil {
				yield(Change{}, err)
				return
			}
			if c.Number != current {
				continue
			}
			if !yield(c, nil) || c.Previous == 0 {
				return
			}
			current = c.Previous
		}
	}
}

// History returns the moves of latest-stable, the newest first; limit bounds
// their number, zero does not. What it returns is right even where the error
// is a *StrayError.
func (l *Ledger) History(ctx context.Context, limit int) ([]Change, error) {
	r, err := l.record(ctx)
	if err != nil {
		return nil, err
	}
	changes := []Change{}
	for c, err := range r.applied(ctx) {
		if err != nil {
			return nil, err
		}
		changes = append(changes, c)
		if len(changes) == limit {
			break
		}
	}
	return changes, l.checkStray(ctx, r.stable)
}

// previous is the version that a rollback goes back to; zero: there is none.
// Each rollback undoes a promotion, so another one goes further back rather
// than to the version that was bad: it undoes the newest promotion that no
// rollback has undone.
func (r *record) previous(ctx context.Context) (int, error) {
	undone := 0
	for c, err := range r.applied(ctx) {
		switch {
		case err != nil:
			return 0, err
		case c.Action == ActionRollback:
			undone++
		case c.From == c.Version: // recorded what somebody had done by hand
		case undone == 0:
			return c.From, nil
		default:
			undone--
		}
	}
	return 0, nil
}

// oldest is the number of the change that is the last of count when they are
// counted from the newest that was carried out. Zero: there are fewer.
func (r *record) oldest(ctx context.Context, count int) (int, error) {
	for c, err := range r.applied(ctx) {
		if err != nil {
			return 0, err
		}
		if count--; count == 0 {
			return c.Number, nil
		}
	}
	return 0, nil
}

// announce writes a change under the next free number behind last.
func (l *Ledger) announce(ctx context.Context, c Change, last int) (Change, error) {
	c.ID = l.newID()
	for c.Number = last + 1; ; c.Number++ {
		_, err := l.store.CreateJSON(ctx, l.numbered(historyDir, c.Number), c)
		if !errors.Is(err, object.ErrRefused) {
			return c, err
		}
	}
}
