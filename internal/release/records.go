package release

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/tandem-iac/tandem/internal/check"
	"github.com/tandem-iac/tandem/internal/object"
	"github.com/tandem-iac/tandem/internal/release/archive"
)

// Manifest describes a complete version. It never changes.
type Manifest struct {
	Artifact    string `json:"artifact"`
	Environment string `json:"environment"`
	Version     int    `json:"version"`
	// SHA256, in hex, and Size, in bytes, are those of the archive as it is in S3.
	SHA256 string `json:"sha256"`
	Size   int64  `json:"size"`
	// Tree is the SHA-256, in hex, of the packed tree, the same for every version
	// that was published from the same files.
	Tree string `json:"tree_sha256"`
	// Commit and Branch are where it was built from. Empty: unknown.
	Commit string `json:"git_commit"`
	Branch string `json:"git_branch"`
	// Modified says that the tree differed from the commit.
	Modified bool `json:"modified"`
	// BuiltAt is the commit's time. Zero: unknown.
	BuiltAt time.Time `json:"built_at,omitzero"`
	// PublishedAt is when it was published, Builder by whom.
	PublishedAt time.Time `json:"published_at"`
	Builder     string    `json:"builder"`
}

// check refuses a manifest that was copied from somewhere else: its SHA-256
// would let another archive pass.
func (m Manifest) check(l *Ledger, version int) error {
	if m.Artifact != l.artifact || m.Environment != l.environment || m.Version != version {
		return &object.DamagedError{Err: fmt.Errorf("the manifest of %s %d is that of %s %d for %s: it was copied there or tampered with; use another version, or publish the build anew",
			l.artifact, version, m.Artifact, m.Version, m.Environment)}
	}
	if len(m.SHA256) != 64 || m.Size <= 0 {
		return &object.DamagedError{Err: fmt.Errorf("the manifest of %s %d names no archive: use another version, or publish the build anew", l.artifact, version)}
	}
	return nil
}

// NotPublishedError says that there is no such complete version.
type NotPublishedError struct {
	Artifact, Environment string
	Version               int
	// Latest is the highest version there is. Zero: none.
	Latest int
}

func (e *NotPublishedError) Error() string {
	if e.Latest == 0 {
		return fmt.Sprintf("no version of %s was ever published for %s: run 'tandem release publish'", e.Artifact, e.Environment)
	}
	return fmt.Sprintf("version %d of %s was never published for %s, or was pruned; the latest is %d: see 'tandem release list'",
		e.Version, e.Artifact, e.Environment, e.Latest)
}

// manifest reads that of a complete version.
func (l *Ledger) manifest(ctx context.Context, version int) (Manifest, error) {
	var m Manifest
	_, err := l.store.GetJSON(ctx, l.manifestKey(version), &m)
	if errors.Is(err, object.ErrNotFound) {
		latest, err := l.pointer(ctx, latestName)
		if err != nil {
			return Manifest{}, err
		}
		return Manifest{}, check.InputError{Err: &NotPublishedError{l.artifact, l.environment, version, latest.Version}}
	} else if err != nil {
		return Manifest{}, err
	}
	return m, m.check(l, version)
}

// Pointer is what latest.txt or latest-stable.txt names.
type Pointer struct {
	// Version is zero where there is no pointer yet.
	Version int    `json:"version"`
	Commit  string `json:"git_commit"`
	Branch  string `json:"git_branch"`
	// SHA256 is that of the archive, in hex, unlike in the archive's own RELEASE.
	SHA256 string `json:"sha256"`
	// Change is the number of the change that moved latest-stable here.
	Change int `json:"change,omitempty"`

	etag string
}

func (p Pointer) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "VERSION=%d\nGIT_COMMIT=%s\nGIT_BRANCH=%s\nSHA256=%s\n", p.Version, p.Commit, p.Branch, p.SHA256)
	if p.Change > 0 {
		fmt.Fprintf(&b, "CHANGE=%d\n", p.Change)
	}
	return b.String()
}

// pointer reads one; it is zero where there is none.
func (l *Ledger) pointer(ctx context.Context, name string) (Pointer, error) {
	o, err := l.store.Get(ctx, l.key(name))
	if errors.Is(err, object.ErrNotFound) {
		return Pointer{}, nil
	} else if err != nil {
		return Pointer{}, err
	}
	values := archive.ParseLines(string(o.Body))
	p := Pointer{Commit: values["GIT_COMMIT"], Branch: values["GIT_BRANCH"], SHA256: values["SHA256"], etag: o.ETag}
	if p.Version, err = strconv.Atoi(values["VERSION"]); err != nil || p.Version < 1 {
		return Pointer{}, l.damagedPointer(name, "VERSION", values["VERSION"])
	}
	if text := values["CHANGE"]; text != "" {
		if p.Change, err = strconv.Atoi(text); err != nil || p.Change < 0 {
			return Pointer{}, l.damagedPointer(name, "CHANGE", text)
		}
	}
	return p, nil
}

func (l *Ledger) damagedPointer(name, key, value string) error {
	at := fmt.Sprintf("s3://%s/%s", l.store.Bucket, l.key(name))
	again := "promote"
	if name == latestName {
		again = "publish"
	}
	return &object.DamagedError{Err: fmt.Errorf("%s has %s %q, want a number from 1: put its former content back, or delete it with 'aws s3 rm %s' and %s again", at, key, value, at, again)}
}

// move points name at m, unless somebody has moved it since old was read:
// then object.ErrRefused.
func (l *Ledger) move(ctx context.Context, name string, old Pointer, m Manifest, change int) error {
	p := Pointer{Version: m.Version, Commit: m.Commit, Branch: m.Branch, SHA256: m.SHA256, Change: change}
	_, err := l.store.Replace(ctx, l.key(name), contentTxt, []byte(p.String()), old.etag)
	return err
}

// advance moves latest up to m; it never moves it down.
func (l *Ledger) advance(ctx context.Context, m Manifest) error {
	b := backoff{ledger: l}
	for {
		b.start()
		latest, err := l.pointer(ctx, latestName)
		if err != nil || latest.Version >= m.Version {
			return err
		}
		err = l.move(ctx, latestName, latest, m, 0)
		if !errors.Is(err, object.ErrRefused) {
			return err
		}
		if err := b.wait(ctx); err != nil {
			return err
		}
	}
}

// catchUp moves latest to the highest complete version, where a publisher
// died before it could.
func (l *Ledger) catchUp(ctx context.Context, versions []version) error {
	for _, v := range versions {
		if v.complete() {
			latest, err := l.pointer(ctx, latestName)
			if err != nil || latest.Version >= v.number {
				return err
			}
			m, err := l.manifest(ctx, v.number)
			if err != nil {
				return err
			}
			return l.advance(ctx, m)
		}
	}
	return nil
}
