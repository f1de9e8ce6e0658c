package release

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"golang.org/x/sync/errgroup"

	"github.com/tandem-iac/tandem/internal/check"
	"github.com/tandem-iac/tandem/internal/object"
)

// readers is how many small objects are read at once.
const readers = 16

// Latest and Stable are the names of versions that are looked up.
const (
	Latest = "latest"
	Stable = "latest-stable"
)

// Entry is a complete version and what points to it.
type Entry struct {
	Manifest
	// Latest and Stable say that the pointer of that name is here.
	Latest bool `json:"latest"`
	Stable bool `json:"stable"`
	// Damage is what is wrong with the manifest, of which only the version is
	// given then. Empty: nothing.
	Damage string `json:"damage,omitempty"`
}

// version is what the keys of the ledger tell of a version.
type version struct {
	number int
	// archive and manifest are when they were written. Zero: they are missing.
	archive, manifest time.Time
	size              int64
}

func (v version) complete() bool { return !v.manifest.IsZero() }

// versions lists those with an archive or a manifest, the highest first.
func (l *Ledger) versions(ctx context.Context) ([]version, error) {
	byNumber := map[int]version{}
	prefix := l.key(l.artifact + "-")
	for o, err := range l.store.List(ctx, prefix, "") {
		if err != nil {
			return nil, err
		}
		key, modified := aws.ToString(o.Key), aws.ToTime(o.LastModified)
		if n, ok := numberOf(key, prefix, archiveExt); ok {
			v := byNumber[n]
			v.number, v.archive, v.size = n, modified, aws.ToInt64(o.Size)
			byNumber[n] = v
		} else if n, ok := numberOf(key, prefix, recordExt); ok {
			v := byNumber[n]
			v.number, v.manifest = n, modified
			byNumber[n] = v
		}
	}
	list := make([]version, 0, len(byNumber))
	for _, v := range byNumber {
		list = append(list, v)
	}
	slices.SortFunc(list, func(a, b version) int { return b.number - a.number })
	return list, nil
}

// List returns the complete versions, the highest first; limit bounds their
// number, zero does not. A version that is pruned meanwhile is left out, one
// whose manifest is damaged has a Damage.
func (l *Ledger) List(ctx context.Context, limit int) ([]Entry, error) {
	versions, err := l.versions(ctx)
	if err != nil {
		return nil, err
	}
	versions = slices.DeleteFunc(versions, func(v version) bool { return !v.complete() })
	if limit > 0 && len(versions) > limit {
		versions = versions[:limit]
	}
	latest, stable, err := l.pointers(ctx)
	if err != nil {
		return nil, err
	}
	entries := make([]Entry, len(versions))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(readers)
	for i, v := range versions {
		group.Go(func() error {
			_, err := l.store.GetJSON(ctx, l.manifestKey(v.number), &entries[i].Manifest)
			if errors.Is(err, object.ErrNotFound) {
				return nil
			}
			if err == nil {
				err = entries[i].check(l, v.number)
			}
			var damaged *object.DamagedError
			if errors.As(err, &damaged) {
				entries[i] = Entry{Manifest: Manifest{Artifact: l.artifact, Environment: l.environment, Version: v.number}, Damage: damaged.Error()}
			} else if err != nil {
				return err
			}
			entries[i].Latest = v.number == latest.Version
			entries[i].Stable = v.number == stable.Version
			return nil
		})
	}
	err = group.Wait()
	entries = slices.DeleteFunc(entries, func(e Entry) bool { return e.Version == 0 })
	return entries, err
}

func (l *Ledger) pointers(ctx context.Context) (latest, stable Pointer, err error) {
	if latest, err = l.pointer(ctx, latestName); err == nil {
		stable, err = l.pointer(ctx, stableName)
	}
	return latest, stable, err
}

// ParseVersion reads what a user calls a version: a number from 1, latest, or
// latest-stable, for which stable is short. Anything else is an InputError.
func ParseVersion(text string) (number int, name string, err error) {
	switch text {
	case Latest:
		return 0, Latest, nil
	case Stable, "stable":
		return 0, Stable, nil
	}
	number, err = strconv.Atoi(text)
	if err != nil || number < 1 || strconv.Itoa(number) != text {
		return 0, "", check.InputErrorf("version %q: want a number from 1, latest or stable", text)
	}
	return number, "", nil
}

// Show returns one version, by number or name.
func (l *Ledger) Show(ctx context.Context, which string) (Entry, error) {
	number, name, err := ParseVersion(which)
	if err != nil {
		return Entry{}, err
	}
	latest, stable, err := l.pointers(ctx)
	if err != nil {
		return Entry{}, err
	}
	switch name {
	case Latest:
		number = latest.Version
	case Stable:
		if number = stable.Version; number == 0 && latest.Version != 0 {
			return Entry{}, l.neverPromoted()
		}
	}
	m, err := l.manifest(ctx, number)
	return Entry{Manifest: m, Latest: number == latest.Version, Stable: number == stable.Version}, err
}

// Require is a check.InputError if the version is not complete.
func (l *Ledger) Require(ctx context.Context, version int) error {
	_, err := l.manifest(ctx, version)
	return err
}

// Stable returns what latest-stable names. It is a check.InputError if nothing
// was promoted yet.
func (l *Ledger) Stable(ctx context.Context) (Pointer, error) {
	p, err := l.pointer(ctx, stableName)
	if err == nil && p.Version == 0 {
		err = l.neverPromoted()
	}
	return p, err
}

func (l *Ledger) neverPromoted() error {
	return check.InputErrorf("no version of %s was promoted for %s yet: run 'tandem release promote'", l.artifact, l.environment)
}
