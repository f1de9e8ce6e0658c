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

// Journal is what a rollout has changed and not changed back yet. It is
// written before the change is made, so that whoever finds the journal of a
// rollout that died can undo it.
type Journal struct {
	// ID is one that no other journal has or had.
	ID string `json:"id"`
	// By is who deploys.
	By string `json:"by"`
	// Until is how long nobody else may, unless it is put off. Zero: the
	// rollout has ended, and left what the journal lists.
	Until time.Time `json:"until"`
	// Release is the one being deployed.
	Release fleet.Release `json:"release"`
	// Out are the instances on standby, with the names of their groups.
	Out map[string]string `json:"out,omitempty"`
	// Minimums are the sizes of the groups whose minimum has been lowered.
	Minimums map[string]int `json:"minimums,omitempty"`
}

// Abandoned says that its rollout has died, or has lost the right to go on.
func (j Journal) Abandoned(now time.Time) bool { return now.After(j.Until) }

// left says what the journal lists. Empty: nothing.
func (j Journal) left() string {
	text := ""
	if ids := slices.Sorted(maps.Keys(j.Out)); len(ids) > 0 {
		text = fmt.Sprintf("on standby and out of service: %v", ids)
	}
	for _, group := range slices.Sorted(maps.Keys(j.Minimums)) {
		if text != "" {
			text += "; "
		}
		text += fmt.Sprintf("group %s with its minimum lowered from %d", group, j.Minimums[group])
	}
	return text
}

// JournalName is the parameter that holds the first journal of a cluster.
func JournalName(c fleet.Cluster) string {
	return "/tandem/" + c.Environment + "/" + c.Name + "/deploy"
}

// ReadJournal returns the journal of a cluster, or nil while none is deployed.
func ReadJournal(ctx context.Context, store Store, c fleet.Cluster) (*Journal, error) {
	chain, err := readChain(ctx, store, JournalName(c))
	if err != nil || len(chain) == 0 {
		return nil, err
	}
	return &chain.last().Journal, nil
}

// chain are the journals of a cluster: the first, and after each that was
// abandoned the one of the rollout that took the cluster over. The last counts.
type chain []entry

// entry is a journal and the parameter that holds it.
type entry struct {
	name string
	Journal
}

func readChain(ctx context.Context, store Store, first string) (chain, error) {
	var c chain
	for {
		name := c.next(first)
		document, found, err := store.Read(ctx, name)
		if err != nil || !found {
			return c, err
		}
		e := entry{name: name}
		if err := json.Unmarshal([]byte(document), &e.Journal); err != nil || e.ID == "" {
			return nil, fmt.Errorf("parameter %s is not the journal of a deploy: it is %.40q, want JSON with an id; delete it once no deploy is running", name, document)
		}
		c = append(c, e)
	}
}

func (c chain) last() *entry { return &c[len(c)-1] }

// next is the parameter for the journal after the last.
func (c chain) next(first string) string {
	if len(c) == 0 {
		return first
	}
	return successor(first, c.last().ID)
}

// successor is the parameter for the journal of whoever takes over from the
// journal of an id. Nobody who has seen an older one can take it for another's.
func successor(first, id string) string { return first + "/" + id }
