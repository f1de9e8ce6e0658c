package mirror

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/tandem-iac/tandem/internal/awsclient"
	"github.com/tandem-iac/tandem/internal/check"
	"github.com/tandem-iac/tandem/internal/object"
)

// The defaults of PruneConfig, and the least Age.
const (
	DefaultKeep = 5
	DefaultAge  = 48 * time.Hour
	LeastAge    = time.Hour
)

// pruneTime is how long a prune works at most. Its mark is taken over only
// after staleMark, when it cannot be at work any more.
const pruneTime, staleMark = 40 * time.Minute, time.Hour

// PruneConfig configures Prune.
type PruneConfig struct {
	// Keep is how many of the last changes keep their snapshots, from 1. Zero: 5.
	Keep int
	// Age is how long a reader may go on with what it has read, and a sync may
	// take; what was in use or uploaded since then stays. At least LeastAge.
	// Zero: 48 h, which is how long dnf trusts its cache.
	Age time.Duration
	// DryRun only says what would be deleted.
	DryRun bool
}

// Pruned is an object that was deleted.
type Pruned struct {
	// Name is relative to the repository, Size in bytes.
	Name string `json:"name"`
	Size int64  `json:"size"`
}

// PruningError says that a prune is at work, or was cut off.
type PruningError struct {
	Repository, By string
	Since          time.Time
}

func (e *PruningError) Error() string {
	return fmt.Sprintf("%s has been pruning %s since %s: wait for its end; if it was cut off, prune again an hour after that",
		e.By, e.Repository, e.Since.Format(time.RFC3339))
}

// mark says that a prune is at work.
type mark struct {
	By string    `json:"by"`
	At time.Time `json:"at"`
	ID string    `json:"id"`
}

// refusePruned is a *PruningError if there is a mark.
func (r *Repository) refusePruned(ctx context.Context) error {
	var m mark
	_, err := r.store.GetJSON(ctx, r.key(markName), &m)
	if errors.Is(err, object.ErrNotFound) {
		return nil
	} else if err != nil {
		return err
	}
	return &PruningError{r.Name(), m.By, m.At}
}

// setMark writes the mark, in place of one that nobody can be working under.
func (r *Repository) setMark(ctx context.Context) error {
	var old mark
	o, err := r.store.GetJSON(ctx, r.key(markName), &old)
	if err == nil && r.now().Sub(o.Modified) < staleMark {
		return &PruningError{r.Name(), old.By, old.At}
	} else if err != nil && !errors.Is(err, object.ErrNotFound) {
		return err
	}
	_, err = r.store.ReplaceJSON(ctx, r.key(markName), mark{r.by, r.now().UTC(), r.newID()}, o.ETag)
	if errors.Is(err, object.ErrRefused) {
		return &PruningError{r.Name(), "somebody else", r.now().UTC()}
	}
	return err
}

// Prune deletes what neither the pointer nor the last changes refer to, and no
// reader and no sync can be using. Where it fails, what it has not deleted is
// as it was; what it leaves, the next one deletes. It is a *PruningError where
// another one is at work.
func (r *Repository) Prune(ctx context.Context, cfg PruneConfig) (pruned []Pruned, err error) {
	if cfg.Keep == 0 {
		cfg.Keep = DefaultKeep
	}
	if cfg.Age == 0 {
		cfg.Age = DefaultAge
	}
	var faults check.Errors
	faults.Require(cfg.Keep >= 1, "Keep", strconv.Itoa(cfg.Keep), "1 or more")
	faults.Require(cfg.Age >= LeastAge, "Age", cfg.Age.String(), LeastAge.String()+" or longer")
	if err := faults.Err(); err != nil {
		return nil, err
	}
	if cfg.DryRun {
		return r.prune(ctx, cfg)
	}
	if err := r.setMark(ctx); err != nil {
		return nil, err
	}
	working, cancel := context.WithTimeoutCause(ctx, pruneTime, fmt.Errorf("pruning takes more than %s: prune again in an hour", pruneTime))
	defer cancel()
	if pruned, err = r.prune(working, cfg); err != nil {
		return pruned, err // and the mark stays, as a deletion may still be under way
	}
	return pruned, r.store.Remove(ctx, r.key(markName))
}

func (r *Repository) prune(ctx context.Context, cfg PruneConfig) ([]Pruned, error) {
	kept, err := r.referred(ctx, cfg)
	if err != nil {
		return nil, err
	}
	since := r.now().Add(-cfg.Age)
	var pruned []Pruned
	// Metadata goes first, so that there is none without its packages.
	dirs := r.dirs()
	slices.Reverse(dirs)
	for _, dir := range dirs {
		for o, err := range r.store.List(ctx, r.key(dir), "") {
			if err != nil {
				return pruned, err
			}
			name := strings.TrimPrefix(aws.ToString(o.Key), r.prefix)
			if pointer, _ := r.kind.pointer(); name == pointer || kept[name] || aws.ToTime(o.LastModified).After(since) {
				continue
			}
			if !cfg.DryRun {
				if err := r.store.Remove(ctx, r.key(name)); err != nil {
					return pruned, err
				}
			}
			pruned = append(pruned, Pruned{name, aws.ToInt64(o.Size)})
		}
	}
	if cfg.DryRun {
		return pruned, nil
	}
	return pruned, r.abandonUploads(ctx, since)
}

// referred are the names of what has to stay: all of the snapshots of the last
// changes, of those that readers may have begun with, and of syncs at work.
func (r *Repository) referred(ctx context.Context, cfg PruneConfig) (map[string]bool, error) {
	kept := map[string]bool{}
	snapshots := map[int]bool{}
	since := r.now().Add(-cfg.Age)
	keep := func(snapshot Change) {
		snapshots[snapshot.Number] = true
		for _, name := range snapshot.Metadata {
			kept[name] = true
		}
		for _, p := range snapshot.Packages {
			kept[r.packageFile(p)] = true
		}
	}
	h, err := r.head(ctx)
	if err != nil {
		return nil, err
	}
	n, until := 0, r.now() // when a change's successor ended its time
	for c, err := range r.applied(ctx, h) {
		if err != nil {
			return nil, err
		}
		if n >= cfg.Keep && until.Before(since) {
			break
		}
		if !snapshots[c.Snapshot] {
			snapshot, err := r.snapshot(ctx, c.Number)
			if err != nil {
				return nil, err
			}
			keep(snapshot)
		}
		n, until = n+1, c.At
	}
	// What was announced lately may be about to be carried out.
	for o, err := range r.store.List(ctx, r.key(changesDir), "") {
		if err != nil {
			return nil, err
		}
		number := r.numberOf(aws.ToString(o.Key))
		if number == 0 || snapshots[number] || aws.ToTime(o.LastModified).Before(since) {
			continue
		}
		snapshot, err := r.snapshot(ctx, number)
		if err != nil {
			return nil, err
		}
		keep(snapshot)
	}
	return kept, nil
}

// abandonUploads ends multipart uploads that nobody is going to finish, for
// whose parts S3 charges.
func (r *Repository) abandonUploads(ctx context.Context, since time.Time) error {
	uploads, err := r.store.Uploads(ctx, r.key(packagesDir))
	if err != nil {
		return err
	}
	for _, u := range uploads {
		if aws.ToTime(u.Initiated).After(since) {
			continue
		}
		_, err := r.store.Client.AbortMultipartUpload(ctx, &s3.AbortMultipartUploadInput{Bucket: &r.store.Bucket, Key: u.Key, UploadId: u.UploadId})
		if err != nil && !awsclient.HasStatus(err, http.StatusNotFound) {
			return err
		}
	}
	return nil
}
