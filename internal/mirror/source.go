package mirror

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/tandem-iac/tandem/internal/check"
)

// Source says where packages come from.
type Source struct {
	// Packages are the names of those that machines install. What they depend
	// on comes along. Required.
	Packages []string
	// From is a directory of .repo files, for dnf, or a sources.list, for apt.
	// Empty: what this machine installs from.
	From string
	// Release is what dnf puts for $releasever. Empty: this machine's own. Of
	// no effect for apt.
	Release string
	// Keys are files with the public keys, one of which each RPM must be signed
	// with. None: those in /etc/pki/rpm-gpg. Of no effect for apt, which checks
	// the signature of its sources.
	Keys []string
	// Work is where a directory is made for the while, with room for all packages.
	// Empty: where temporary ones are.
	Work string
}

// source is a Source that was checked, with an empty directory to work in.
type source struct {
	Source
	architecture string
	work         string
}

// packageName is what dnf and apt may be asked for: neither options nor
// patterns, files, groups or, as apt takes a - at the end, removals.
var packageName = regexp.MustCompile(`^[A-Za-z0-9_]([A-Za-z0-9._+~:^-]{0,198}[A-Za-z0-9._+])?$`)

// Validate returns a check.InputError for the first fault.
func (s Source) Validate() error {
	if len(s.Packages) == 0 {
		return check.InputErrorf("there is no package to mirror: name some, or a list of them with --list")
	}
	for _, name := range s.Packages {
		if !packageName.MatchString(name) {
			return check.InputErrorf("package %s: want a name of letters, digits and ._+~:^-, a letter or digit first, no - last", strconv.Quote(name))
		}
	}
	for _, file := range append(slices.Clone(s.Keys), s.From) {
		if _, err := os.Stat(file); file != "" && err != nil {
			return check.InputErrorf("%s: %w", file, check.Cause(err))
		}
	}
	return nil
}

// ParseList reads a list of packages: a name a line; # begins a comment.
func ParseList(text string) []string {
	var names []string
	for line := range strings.Lines(text) {
		line, _, _ = strings.Cut(line, "#")
		names = append(names, strings.Fields(line)...)
	}
	return names
}

// Prepare downloads what a source names and makes a repository of it on this
// machine, for Publish. The caller calls done when the Index is of no more use,
// error or not. A source that is none is a check.InputError.
func (r *Repository) Prepare(ctx context.Context, from Source) (index Index, done func() error, err error) {
	done = func() error { return nil }
	if err := from.Validate(); err != nil {
		return Index{}, done, err
	}
	h, err := r.head(ctx)
	if err != nil {
		return Index{}, done, err
	}
	before, err := r.snapshot(ctx, h.change)
	if err != nil {
		return Index{}, done, err
	}
	base, err := os.MkdirTemp(from.Work, "tandem-packages.")
	if err != nil {
		return Index{}, done, check.InputError{Err: err}
	}
	done = func() error { return os.RemoveAll(base) }
	s := source{Source: from, architecture: r.arch}
	if s.work, err = filepath.Abs(base); err != nil {
		return Index{}, done, err
	}
	fetched, err := r.kind.fetch(ctx, s)
	if err != nil {
		return Index{}, done, err
	}
	tree := filepath.Join(base, "tree")
	if err := r.arrange(fetched, tree); err != nil {
		return Index{}, done, err
	}
	index, err = r.kind.index(ctx, tree, s.architecture, r.now())
	index.head, index.before, index.asked = h, before, slices.Compact(slices.Sorted(slices.Values(from.Packages)))
	return index, done, err
}

// arrange puts packages into tree under their SHA-256.
func (r *Repository) arrange(fetched, tree string) error {
	target := filepath.Join(tree, packagesDir)
	if err := os.MkdirAll(target, 0o755); err != nil {
		return err
	}
	files, err := os.ReadDir(fetched)
	if err != nil {
		return err
	}
	for _, file := range files {
		if !file.Type().IsRegular() || filepath.Ext(file.Name()) != r.kind.extension() {
			continue
		}
		path := filepath.Join(fetched, file.Name())
		sum, err := sumOf(path)
		if err != nil {
			return err
		}
		// The same package may come under two names.
		err = os.Link(path, filepath.Join(target, sum+r.kind.extension()))
		if err != nil && !errors.Is(err, os.ErrExist) {
			return err
		}
	}
	return nil
}

// sumOf is the SHA-256 of a file, in hex.
func sumOf(path string) (sum string, err error) {
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	hash := sha256.New()
	if _, err := io.Copy(hash, file); err != nil {
		return "", err
	}
	return hex.EncodeToString(hash.Sum(nil)), nil
}
