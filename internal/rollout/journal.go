package rollout

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/tandem-iac/tandem/internal/fleet"
)

// lease is how long a journal that nobody writes keeps others away.
const lease = 3 * time.Minute

// Journal is what a rollout has changed and not changed back yet. It is
// written before the change is made, so that whoever finds the journal of a
// rollout that died can undo it.
type Journal struct {
	// By is who, Until how long nobody else may.
	By    string    `json:"by"`
	Until time.Time `json:"until"`
	// Release is the one being deployed.
	Release fleet.Release `json:"release"`
	// Out are the instances on standby, with their groups.
	Out map[string]string `json:"out,omitempty"`
	// Minimums are the sizes of the groups whose minimum has been lowered.
	Minimums map[string]int `json:"minimums,omitempty"`
}

// Abandoned says that its rollout has died, or has lost the right to go on.
func (j Journal) Abandoned(now time.Time) bool { return now.After(j.Until) }

// JournalName is the parameter that holds the journal of a cluster.
func JournalName(c fleet.Cluster) string {
	return "/tandem/" + c.Environment + "/" + c.Name + "/deploy"
}

// ReadJournal returns the journal of a cluster, or nil while none is deployed.
func ReadJournal(ctx context.Context, store Store, c fleet.Cluster) (*Journal, error) {
	j, _, err := readJournal(ctx, store, JournalName(c))
	return j, err
}

func readJournal(ctx context.Context, store Store, name string) (*Journal, int64, error) {
	document, version, err := store.Read(ctx, name)
	if err != nil || version == 0 {
		return nil, 0, err
	}
	var j Journal
	if err := json.Unmarshal([]byte(document), &j); err != nil {
		return nil, 0, fmt.Errorf("parameter %s is not the journal of a deploy (%w): delete it once no deploy is running", name, err)
	}
	return &j, version, nil
}

// log is the open journal of this rollout.
type log struct {
	store   Store
	clock   Clock
	name    string
	version int64
	// lost says that the journal is somebody else's by now: it is left alone.
	lost bool
	Journal
}

// openLog takes the cluster for this rollout. Of several that try at once one at
// most goes on; a journal that was abandoned is inherited with what it lists.
func openLog(ctx context.Context, store Store, clock Clock, c fleet.Cluster, by string, release fleet.Release) (*log, error) {
	l := &log{store: store, clock: clock, name: JournalName(c), Journal: Journal{By: by, Release: release}}
	l.Out, l.Minimums = map[string]string{}, map[string]int{}
	if err := l.write(ctx, true); err != nil {
		return nil, err
	}
	if l.version != 0 {
		return l, nil
	}
	old, version, err := readJournal(ctx, store, l.name)
	if err != nil {
		return nil, err
	}
	if old != nil {
		if !old.Abandoned(clock.Now()) {
			return nil, fmt.Errorf("%s is deploying to %s: wait for it; if it has died, try again after %s", old.By, c.Name, old.Until.Local().Format(time.TimeOnly))
		}
		maps.Copy(l.Out, old.Out)
		maps.Copy(l.Minimums, old.Minimums)
	}
	l.version = version
	return l, l.write(ctx, false)
}

// write also prolongs the lease. A version that does not follow the last one
// is somebody else's.
func (l *log) write(ctx context.Context, create bool) error {
	if l.lost {
		return l.errLost()
	}
	l.Until = l.clock.Now().Add(lease).UTC().Truncate(time.Second)
	document, err := json.Marshal(l.Journal)
	if err != nil {
		return err
	}
	version, err := l.store.Write(ctx, l.name, string(document), create)
	if err != nil {
		return err
	}
	if !create && version != l.version+1 {
		l.lost = true
		return l.errLost()
	}
	l.version = version
	return nil
}

func (l *log) errLost() error {
	return fmt.Errorf("somebody else has started to deploy to the same cluster (parameter %s); this deploy stops", l.name)
}

// keep prolongs the lease when half of it is over.
func (l *log) keep(ctx context.Context) error {
	if l.Until.Sub(l.clock.Now()) > lease/2 {
		return nil
	}
	return l.write(ctx, false)
}

// close removes the journal, unless it still lists something to undo.
func (l *log) close(ctx context.Context) error {
	if l.lost {
		return nil // said when it was found out
	}
	if len(l.Out) > 0 || len(l.Minimums) > 0 {
		l.Until = time.Time{} // the next one need not wait
		document, err := json.Marshal(l.Journal)
		if err != nil {
			return err
		}
		_, err = l.store.Write(ctx, l.name, string(document), false)
		return err
	}
	return l.store.Delete(ctx, l.name)
}

// left says what the journal lists.
func (l *log) left() string {
	text := ""
	if ids := slices.Sorted(maps.Keys(l.Out)); len(ids) > 0 {
		text = fmt.Sprintf("on standby and out of service: %v", ids)
	}
	for _, group := range slices.Sorted(maps.Keys(l.Minimums)) {
		if text != "" {
			text += "; "
		}
		text += fmt.Sprintf("group %s with its minimum lowered from %d", group, l.Minimums[group])
	}
	return text
}
