package release

import (
	"context"
	"slices"
	"strconv"
	"time"

	"github.com/tandem-iac/tandem/internal/check"
)

// The defaults of PruneConfig.
const (
	DefaultKeep       = 20
	DefaultHistory    = 10
	DefaultUnfinished = 24 * time.Hour
)

// PruneConfig configures Prune.
type PruneConfig struct {
	// Keep is how many of the highest complete versions stay, from 1. Zero: 20.
	Keep int
	// History is how many of the last changes keep what they refer to, from
	// 1. Zero: 10.
	History int
	// Unfinished is how long a publisher may take before its version is given
	// up. Zero: a day.
	Unfinished time.Duration
	// DryRun reports and changes nothing.
	DryRun bool
}

func (c PruneConfig) withDefaults() PruneConfig {
	if c.Keep == 0 {
		c.Keep = DefaultKeep
	}
	if c.History == 0 {
		c.History = DefaultHistory
	}
	if c.Unfinished == 0 {
		c.Unfinished = DefaultUnfinished
	}
	return c
}

// Validate returns every fault as check.Errors.
func (c PruneConfig) Validate() error {
	c = c.withDefaults()
	var faults check.Errors
	faults.Require(c.Keep >= 1, "Keep", strconv.Itoa(c.Keep), "1 or more")
	faults.Require(c.History >= 1, "History", strconv.Itoa(c.History), "1 or more")
	faults.Require(c.Unfinished > 0, "Unfinished", c.Unfinished.String(), "more than 0s")
	return faults.Err()
}

// The reasons of Pruned.
const (
	PrunedOld        = "old"
	PrunedUnfinished = "unfinished"
	// PrunedLeftover is what an interrupted prune or upload has left behind.
	PrunedLeftover = "leftover"
)

// Pruned is a version that Prune removes.
type Pruned struct {
	Version int    `json:"version"`
	Reason  string `json:"reason"`
	// Size is what S3 holds of the archive, in bytes: all of it, or the parts
	// that had been sent. Zero: nothing.
	Size int64 `json:"size"`
}

// Prune deletes old versions, but none that a pointer or one of the last
// changes refers to nor the one that a rollback would go back to, and what
// publishers that died have left. It may be interrupted at any point and run
// beside publishers and promotions. It returns what it has deleted, or would,
// the highest version first; that is so of what was done before an error too.
func (l *Ledger) Prune(ctx context.Context, cfg PruneConfig) ([]Pruned, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	p := &pruner{Ledger: l, cfg: cfg.withDefaults()}
	if err := p.look(ctx); err != nil {
		return nil, err
	}
	var err error
	for _, step := range []func(context.Context) error{p.pruneOld, p.pruneClaims, p.pruneArchives, p.pruneUploads} {
		if err = step(ctx); err != nil {
			break
		}
	}
	slices.SortFunc(p.pruned, func(a, b Pruned) int { return b.Version - a.Version })
	return p.pruned, err
}
