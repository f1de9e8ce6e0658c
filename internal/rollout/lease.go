package rollout

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"
)

// lease is how long a journal that nobody writes keeps others away.
const lease = 3 * time.Minute

// log is the open journal of this rollout.
//
// Parameter Store has no conditional write, and what it reads may be a moment
// old. One thing it does once only: create a parameter. So that alone decides
// who has the cluster. A journal is written by the rollout that has created it;
// whoever takes over creates the next one, in a parameter named after the one
// that was abandoned.
// https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_PutParameter.html
type log struct {
	store Store
	clock Clock
	newID func() string
	first string // the parameter of the chain's first journal
	name  string // that of this one
	// version counts the writes of name.
	version int64
	// lost says that the cluster is somebody else's by now: both the journal
	// and what it lists are left alone.
	lost bool
	Journal
}

// openLog takes the cluster for this rollout. Of several that try at once one
// goes on; a journal that was abandoned is inherited with what it lists.
func openLog(ctx context.Context, cfg Config) (*log, error) {
	l := &log{store: cfg.Services.Store, clock: cfg.Clock, newID: cfg.NewID, first: JournalName(cfg.Cluster)}
	l.Journal = Journal{By: cfg.By, Release: cfg.Release, Out: map[string]string{}, Minimums: map[string]int{}}
	found, err := readChain(ctx, l.store, l.first)
	if err != nil {
		return nil, err
	}
	if len(found) > 0 {
		old := found.last()
		if !old.Abandoned(l.clock.Now()) {
			return nil, errBusy(cfg, old.Journal)
		}
		maps.Copy(l.Out, old.Out)
		maps.Copy(l.Minimums, old.Minimums)
	}
	var won bool
	if len(found) == 0 {
		won, err = l.create(ctx, l.first)
	} else {
		won, err = l.succeed(ctx, found.next(l.first), found.last().ID)
	}
	if err != nil {
		return nil, err
	}
	if !won {
		winner, err := ReadJournal(ctx, l.store, cfg.Cluster)
		if err == nil && winner != nil && !winner.Abandoned(l.clock.Now()) {
			return nil, errBusy(cfg, *winner)
		}
		return nil, fmt.Errorf("somebody else has begun to deploy to %s at the same moment: nothing was changed; wait for it", cfg.Cluster.Name)
	}
	return l, nil
}

func errBusy(cfg Config, j Journal) error {
	return fmt.Errorf("%s is deploying to %s: wait for it; if it has died, try again after %s", j.By, cfg.Cluster.Name, j.Until.Local().Format(time.TimeOnly))
}

// create begins a journal in a parameter, unless there is one.
func (l *log) create(ctx context.Context, name string) (bool, error) {
	j := l.Journal
	j.ID, j.Until = l.newID(), l.term()
	document, err := json.Marshal(j)
	if err != nil {
		return false, err
	}
	created, err := l.store.Create(ctx, name, string(document))
	if err != nil {
		return false, err
	}
	if !created {
		// It may be ours: a call whose answer was lost has been repeated.
		there, _, err := l.store.Read(ctx, name)
		if err != nil || there != string(document) {
			return false, err
		}
	}
	l.name, l.version, l.Journal = name, 1, j
	return true, nil
}

// succeed begins the journal after that of the predecessor. It does not if
// everything up to there has come to its end in the meantime.
func (l *log) succeed(ctx context.Context, name, predecessor string) (bool, error) {
	won, err := l.create(ctx, name)
	if err != nil || !won {
		return false, err
	}
	now, err := readChain(ctx, l.store, l.first)
	if err != nil {
		return false, err
	}
	if len(now) > 0 && (now.last().ID == l.ID || now.last().ID == predecessor) {
		return true, nil
	}
	return false, l.store.Delete(ctx, l.name)
}

// term is the end of a lease that begins now.
func (l *log) term() time.Time { return l.clock.Now().Add(lease).UTC().Truncate(time.Second) }

// write stores the journal and prolongs the lease, unless somebody else has
// taken over.
func (l *log) write(ctx context.Context) error {
	if l.lost {
		return l.errLost()
	}
	after := successor(l.first, l.ID)
	if l.Abandoned(l.clock.Now()) {
		// Anybody may be taking over at this moment. So does this rollout.
		won, err := l.succeed(ctx, after, l.ID)
		return l.hold(won, err)
	}
	_, taken, err := l.store.Read(ctx, after)
	if err != nil || taken {
		return l.hold(!taken, err)
	}
	return l.replace(ctx, l.term())
}

func (l *log) replace(ctx context.Context, until time.Time) error {
	l.Until = until
	document, err := json.Marshal(l.Journal)
	if err != nil {
		return err
	}
	version, err := l.store.Replace(ctx, l.name, string(document))
	if err != nil {
		return err
	}
	// A version that does not follow is that of a parameter which somebody has
	// deleted. One that leaves some out is a call that has been repeated.
	follows := version > l.version
	l.version = version
	return l.hold(follows, nil)
}

func (l *log) hold(held bool, err error) error {
	if err != nil || held {
		return err
	}
	l.lost = true
	return l.errLost()
}

func (l *log) errLost() error {
	return fmt.Errorf("somebody else has taken over the deploy to the same cluster (parameter %s): this one stops and leaves all as it is", l.name)
}

// keep prolongs the lease when half of it is over.
func (l *log) keep(ctx context.Context) error {
	if l.Until.Sub(l.clock.Now()) > lease/2 {
		return nil
	}
	return l.write(ctx)
}

// close removes the journals, unless this one still lists something to undo.
func (l *log) close(ctx context.Context) error {
	if l.lost {
		return nil // said when it was found out
	}
	if err := l.write(ctx); err != nil {
		return err
	}
	if l.left() != "" {
		return l.replace(ctx, time.Time{}) // the next one need not wait
	}
	all, err := readChain(ctx, l.store, l.first)
	if err != nil {
		return err
	}
	// Without the first, nobody finds the others, whatever comes next.
	names := []string{l.first}
	for _, e := range all {
		names = append(names, e.name)
	}
	for _, name := range slices.Compact(append(names, l.name)) {
		if err := l.store.Delete(ctx, name); err != nil {
			return err
		}
	}
	return nil
}
