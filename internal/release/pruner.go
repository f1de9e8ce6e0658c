package release

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/tandem-iac/tandem/internal/object"
)

// pruner is one run of Prune.
type pruner struct {
	*Ledger
	cfg      PruneConfig
	versions []version
	byNumber map[int]version
	// claims are when those there are were last written, by version.
	claims  map[int]time.Time
	uploads []unfinishedUpload
	pruned  []Pruned
}

// look takes stock. Claims are read before versions, so that a version whose
// claim was committed by then is seen complete unless its publisher is slow.
func (p *pruner) look(ctx context.Context) (err error) {
	p.claims = map[int]time.Time{}
	for o, err := range p.store.List(ctx, p.key(claimsDir), "") {
		if err != nil {
			return err
		}
		if n, ok := numberOf(aws.ToString(o.Key), p.key(claimsDir), recordExt); ok {
			p.claims[n] = aws.ToTime(o.LastModified)
		}
	}
	if p.versions, err = p.Ledger.versions(ctx); err != nil {
		return err
	}
	if p.uploads, err = p.unfinishedUploads(ctx); err != nil {
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

// add reports a version once, with all that S3 holds of its archive.
func (p *pruner) add(number int, reason string) {
	if slices.ContainsFunc(p.pruned, func(done Pruned) bool { return done.Version == number }) {
		return
	}
	size := p.byNumber[number].size
	for _, u := range p.uploads {
		if u.version == number {
			size += u.size
		}
	}
	p.pruned = append(p.pruned, Pruned{number, reason, size})
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
	back, err := r.previous(ctx)
	if err != nil {
		return nil, err
	}
	keep := map[int]bool{latest.Version: true, r.stable.Version: true, back: true}
	oldest, err := r.oldest(ctx, p.cfg.History)
	if err != nil {
		return nil, err
	}
	for c, err := range r.announced(ctx) {
		if err != nil {
			return nil, err
		}
		if c.Number < oldest {
			break
		}
		// Announced and not applied: it may be about to be.
		keep[c.Version], keep[c.From] = true, true
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
	if errors.Is(err, object.ErrNotFound) {
		c = claim{Version: number, ID: p.newID(), By: p.by, At: p.now().UTC()}
	} else if err != nil {
		return false, err
	}
	c.State = claimPruned
	if c, err = p.update(ctx, c); errors.Is(err, object.ErrRefused) {
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
	return p.store.Remove(ctx, p.manifestKey(number), p.archiveKey(number), p.numbered(claimsDir, number))
}

// pruneClaims finishes what the claims without a manifest say was begun.
func (p *pruner) pruneClaims(ctx context.Context) error {
	for number, written := range p.claims {
		if p.byNumber[number].complete() || !p.old(written) {
			continue
		}
		c, err := p.readClaim(ctx, number)
		if errors.Is(err, object.ErrNotFound) {
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
		m, err := p.decided(c)
		if err != nil || p.cfg.DryRun {
			return err
		}
		return p.complete(ctx, m)
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
		if _, err := p.update(ctx, c); errors.Is(err, object.ErrRefused) {
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
			if err := p.store.Remove(ctx, p.archiveKey(v.number)); err != nil {
				return err
			}
		}
		p.add(v.number, PrunedLeftover)
	}
	return nil
}
