package release

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"golang.org/x/sync/errgroup"
)

// The actions of changes.
const (
	ActionPromote  = "promote"
	ActionRollback = "rollback"
)

// historyWindow bounds how far back the history is read.
const historyWindow = 500

// Change is a move of latest-stable.
type Change struct {
	// Number counts changes from 1. Numbers are missing where a change was
	// refused after it had been announced.
	Number int `json:"change"`
	// Previous is the change that this one replaced. Zero: none.
	Previous int    `json:"previous"`
	Action   string `json:"action"`
	// From is the version that was stable before. Zero: none.
	From    int       `json:"from"`
	Version int       `json:"version"`
	Commit  string    `json:"git_commit"`
	SHA256  string    `json:"sha256"`
	By      string    `json:"by"`
	At      time.Time `json:"at"`
	// ID tells an announcement from any other of the same number.
	ID string `json:"id"`
}

// record is the history as it stands.
type record struct {
	stable Pointer
	// announced are all changes, applied those that were carried out; both
	// begin with the newest.
	announced, applied []Change
	last               int
}

// record reads the newest part of the history. The pointer is read first: a
// move in between can only add changes that are not applied.
func (l *Ledger) record(ctx context.Context) (record, error) {
	var r record
	var err error
	if r.stable, err = l.pointer(ctx, stableName); err != nil {
		return record{}, err
	}
	var numbers []int
	for o, err := range l.store.list(ctx, l.key(historyDir), l.numbered(historyDir, max(0, r.stable.Change-historyWindow))) {
		if err != nil {
			return record{}, err
		}
		if n, ok := numberOf(aws.ToString(o.Key), l.key(historyDir), recordExt); ok {
			numbers = append(numbers, n)
			r.last = max(r.last, n)
		}
	}
	slices.Reverse(numbers)
	r.announced = make([]Change, len(numbers))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(readers)
	for i, n := range numbers {
		group.Go(func() error {
			_, err := l.store.getJSON(ctx, l.numbered(historyDir, n), &r.announced[i])
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return record{}, err
	}
	current := r.stable.Change
	for _, c := range r.announced {
		if c.Number == current {
			r.applied = append(r.applied, c)
			current = c.Previous
		}
	}
	return r, nil
}

// History returns the moves of latest-stable, the newest first; limit bounds
// their number, zero leaves it at the last 500.
func (l *Ledger) History(ctx context.Context, limit int) ([]Change, error) {
	r, err := l.record(ctx)
	if err != nil {
		return nil, err
	}
	if limit > 0 && len(r.applied) > limit {
		return r.applied[:limit], nil
	}
	return r.applied, nil
}

// previous is the version that a rollback goes back to. A promotion puts its
// version on top of those before; a rollback takes what it left off, so that
// another one goes further back rather than to the version that was bad.
func (r record) previous() (version int, ok bool) {
	var stack []int
	for i, c := range slices.Backward(r.applied) {
		if i == len(r.applied)-1 && c.From > 0 {
			stack = append(stack, c.From) // from before the history
		}
		if c.Action == ActionRollback {
			if at := slices.Index(stack, c.Version); at >= 0 {
				// The last of them, should it have been promoted twice.
				for i := len(stack) - 1; stack[i] != c.Version; i-- {
					stack = stack[:i]
				}
				continue
			}
			stack = nil
		}
		stack = append(stack, c.Version)
	}
	if len(stack) < 2 {
		return 0, false
	}
	return stack[len(stack)-2], true
}

// announce writes a change under the next free number.
func (l *Ledger) announce(ctx context.Context, c Change, last int) (Change, error) {
	c.ID = l.newID()
	for c.Number = last + 1; ; c.Number++ {
		_, err := l.store.createJSON(ctx, l.numbered(historyDir, c.Number), c)
		if !errors.Is(err, errRefused) {
			return c, err
		}
	}
}
