package release

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

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
	// Size is that of the archive in bytes. Zero: there is none.
	Size int64 `json:"size"`
}

// Prune deletes old versions, but none that a pointer or one of the last
// changes refers to nor the one that a rollback would go back to, and what
// publishers that died have left. It may be interrupted at any point and run
// beside publishers and promotions. It returns what it has deleted, or would.
func (l *Ledger) Prune(ctx context.Context, cfg PruneConfig) ([]Pruned, error) {
	if cfg.Keep == 0 {
		cfg.Keep = DefaultKeep
	}
	if cfg.History == 0 {
		cfg.History = DefaultHistory
	}
	if cfg.Unfinished == 0 {
		cfg.Unfinished = DefaultUnfinished
	}
	if cfg.Keep < 1 || cfg.History < 1 || cfg.Unfinished < 0 {
		return nil, check.InputErrorf("keep is %d, history %d and unfinished %s, want all of them above 0", cfg.Keep, cfg.History, cfg.Unfinished)
	}
	p := &pruner{Ledger: l, cfg: cfg}
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

type pruner struct {
	*Ledger
	cfg      PruneConfig
	versions []version
	byNumber map[int]version
	claims   map[int]claim
	pruned   []Pruned
}

// look takes stock. Claims are read before versions, so that a version whose
// claim was committed by then is seen complete unless its publisher is slow.
func (p *pruner) look(ctx context.Context) (err error) {
	p.claims = map[int]claim{}
	for o, err := range p.store.list(ctx, p.key(claimsDir), "") {
		if err != nil {
			return err
		}
		if n, ok := numberOf(aws.ToString(o.Key), p.key(claimsDir), recordExt); ok {
			p.claims[n] = claim{Version: n, modified: aws.ToTime(o.LastModified)}
		}
	}
	if p.versions, err = p.Ledger.versions(ctx); err != nil {
		return err
	}
	p.byNumber = map[int]version{}
	for _, v := range p.versions {
		p.byNumber[v.number] = v
	}
	if p.cfg.DryRun {
		return nil
	}
	return p.catchUp(ctx, p.versions)
}

func (p *pruner) old(t time.Time) bool { return p.now().Sub(t) > p.cfg.Unfinished }

func (p *pruner) add(number int, reason string) {
	p.pruned = append(p.pruned, Pruned{number, reason, p.byNumber[number].size})
}

// referred are the versions that must stay.
func (p *pruner) referred(ctx context.Context) (map[int]bool, error) {
	r, err := p.record(ctx)
	if err != nil {
		return nil, err
	}
	latest, err := p.pointer(ctx, latestName)
	if err != nil {
		return nil, err
	}
	keep := map[int]bool{latest.Version: true, r.stable.Version: true}
	if back, ok := r.previous(); ok {
		keep[back] = true
	}
	oldest := 0
	if len(r.applied) >= p.cfg.History {
		oldest = r.applied[p.cfg.History-1].Number
	}
	for _, c := range r.announced {
		// Announced and not applied: it may be about to be.
		if c.Number >= oldest {
			keep[c.Version], keep[c.From] = true, true
		}
	}
	return keep, nil
}

func (p *pruner) pruneOld(ctx context.Context) error {
	complete := slices.DeleteFunc(slices.Clone(p.versions), func(v version) bool { return !v.complete() })
	if len(complete) <= p.cfg.Keep {
		return nil
	}
	keep, err := p.referred(ctx)
	if err != nil {
		return err
	}
	for _, v := range complete[p.cfg.Keep:] {
		if keep[v.number] {
			continue
		}
		if deleted, err := p.delete(ctx, v.number); err != nil {
			return err
		} else if deleted {
			p.add(v.number, PrunedOld)
		}
	}
	return nil
}

// delete marks a complete version, looks once more whether anything refers to
// it, and deletes it.
func (p *pruner) delete(ctx context.Context, number int) (deleted bool, err error) {
	if p.cfg.DryRun {
		return true, nil
	}
	c, err := p.readClaim(ctx, number)
	if errors.Is(err, errNotFound) {
		c = claim{Version: number, ID: p.newID(), By: p.by, At: p.now().UTC()}
	} else if err != nil {
		return false, err
	}
	c.State = claimPruned
	if c, err = p.update(ctx, c); errors.Is(err, errRefused) {
		return false, nil // another prune
	} else if err != nil {
		return false, err
	}
	keep, err := p.referred(ctx)
	if err != nil {
		return false, err
	}
	if keep[number] {
		c.State = claimCommitted
		_, err := p.update(ctx, c)
		return false, err
	}
	return true, p.erase(ctx, number)
}

// erase deletes all of a version; the claim, which says that this may be
// done, last.
func (p *pruner) erase(ctx context.Context, number int) error {
	return p.store.remove(ctx, p.manifestKey(number), p.archiveKey(number), p.numbered(claimsDir, number))
}

// pruneClaims finishes what the claims without a manifest say was begun.
func (p *pruner) pruneClaims(ctx context.Context) error {
	for number, seen := range p.claims {
		if p.byNumber[number].complete() || !p.old(seen.modified) {
			continue
		}
		c, err := p.readClaim(ctx, number)
		if errors.Is(err, errNotFound) {
			continue
		} else if err != nil {
			return err
		}
		if err := p.pruneClaim(ctx, c); err != nil {
			return err
		}
	}
	return nil
}

func (p *pruner) pruneClaim(ctx context.Context, c claim) error {
	if c.State == claimCommitted {
		if p.cfg.DryRun {
			return nil
		}
		return p.complete(ctx, *c.Manifest)
	}
	reason := PrunedLeftover
	if c.State == claimOpen {
		reason = PrunedUnfinished
	}
	if p.cfg.DryRun {
		p.add(c.Version, reason)
		return nil
	}
	if c.State == claimOpen {
		c.State = claimAbandoned
		if _, err := p.update(ctx, c); errors.Is(err, errRefused) {
			return nil // committed at the last moment, or resumed
		} else if err != nil {
			return err
		}
	}
	if err := p.erase(ctx, c.Version); err != nil {
		return err
	}
	p.add(c.Version, reason)
	return nil
}

// pruneArchives deletes archives that nobody can complete any more: without
// manifest and without claim.
func (p *pruner) pruneArchives(ctx context.Context) error {
	for _, v := range p.versions {
		if _, claimed := p.claims[v.number]; claimed || v.complete() || !p.old(v.archive) {
			continue
		}
		if !p.cfg.DryRun {
			if err := p.store.remove(ctx, p.archiveKey(v.number)); err != nil {
				return err
			}
		}
		p.add(v.number, PrunedLeftover)
	}
	return nil
}

// pruneUploads ends multipart uploads that nobody is going to finish; S3
// charges for their parts.
func (p *pruner) pruneUploads(ctx context.Context) error {
	if p.cfg.DryRun {
		return nil
	}
	prefix := p.key(p.artifact + "-")
	uploads, err := p.store.uploads(ctx, prefix)
	if err != nil {
		return err
	}
	for _, u := range uploads {
		number, ok := numberOf(aws.ToString(u.Key), prefix, archiveExt)
		if !ok || !p.old(aws.ToTime(u.Initiated)) {
			continue
		}
		// A claim that was resumed lately may be at it.
		if c, err := p.readClaim(ctx, number); err == nil && c.State == claimOpen && !p.old(c.modified) {
			continue
		} else if err != nil && !errors.Is(err, errNotFound) {
			return err
		}
		_, err := p.store.client.AbortMultipartUpload(ctx, &s3.AbortMultipartUploadInput{Bucket: &p.store.bucket, Key: u.Key, UploadId: u.UploadId})
		if err != nil && !hasCode(err, "NoSuchUpload") {
			return err
		}
	}
	return nil
}
