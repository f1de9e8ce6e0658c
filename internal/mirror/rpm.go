package mirror

import (
	"cmp"
	"compress/gzip"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/tandem-iac/tandem/internal/check"
)

// rpm is what dnf reads: https://createrepo.baseurl.org/
type rpm struct{}

const (
	repomdName = "repodata/repomd.xml"
	rpmKeyDir  = "/etc/pki/rpm-gpg"
)

func (rpm) pointer() (name, contentType string) { return repomdName, "text/xml" }
func (rpm) extension() string                   { return ".rpm" }
func (rpm) metadata(string) []string            { return []string{"repodata/"} }

func (rpm) architectures() map[string]string {
	return map[string]string{"amd64": "x86_64", "arm64": "aarch64"}
}

// fetch has dnf resolve each package for itself, as if nothing were installed:
// what conflicts on one machine may be wanted on two.
func (rpm) fetch(ctx context.Context, s source) (string, error) {
	keys, err := s.keys()
	if err != nil {
		return "", err
	}
	fetched := filepath.Join(s.work, "fetched")
	args := []string{
		// Other plugins would add to the repositories, or copy what is downloaded.
		"--assumeyes", "--quiet", "--disableplugin=*", "--enableplugin=download", "--forcearch=" + s.architecture,
		"--setopt=cachedir=" + filepath.Join(s.work, "dnf"),
		"--setopt=logdir=" + s.work, "--setopt=persistdir=" + s.work,
		"--setopt=skip_if_unavailable=False", "--setopt=best=True", "--setopt=install_weak_deps=False",
	}
	if s.From != "" {
		from, err := filepath.Abs(s.From)
		if err != nil {
			return "", err
		}
		args = append(args, "--setopt=reposdir="+from)
	}
	if s.Release != "" {
		args = append(args, "--releasever="+s.Release)
	}
	args = append(args, "download", "--resolve", "--alldeps", "--archlist="+s.architecture+",noarch", "--destdir="+fetched, "--")
	if _, err := run(ctx, s.work, "dnf and its download plugin", "dnf", append(args, s.Packages...)...); err != nil {
		return "", cmp.Or(noPackages("dnf", unknownPackages(err, dnfUnknown)), err)
	}
	return fetched, verifySignatures(ctx, s.work, fetched, keys)
}

// dnfUnknown is what dnf 4 and 5 say of a package of which they have none.
var dnfUnknown = regexp.MustCompile(`^(?:No package (\S+) available\.|No match for argument: (\S+))$`)

// keys are the files of the distribution's public keys.
func (s source) keys() ([]string, error) {
	keys := slices.Clone(s.Keys)
	if len(keys) == 0 {
		entries, err := os.ReadDir(rpmKeyDir)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return nil, err
		}
		for _, entry := range entries {
			keys = append(keys, filepath.Join(rpmKeyDir, entry.Name()))
		}
	}
	if len(keys) == 0 {
		return nil, check.InputErrorf("there is no key in %s to check signatures with: name the distribution's with --key", rpmKeyDir)
	}
	for i, key := range keys {
		abs, err := filepath.Abs(key)
		if err != nil {
			return nil, err
		}
		keys[i] = abs
	}
	return keys, nil
}

// verifySignatures refuses packages that machines would refuse: those that
// are not signed with one of the keys. It uses a key ring of its own.
func verifySignatures(ctx context.Context, work, fetched string, keys []string) (err error) {
	ring, err := os.MkdirTemp(work, "keys.")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(ring)) }()
	if _, err := run(ctx, work, "rpm", "rpmkeys", append([]string{"--dbpath", ring, "--import"}, keys...)...); err != nil {
		return err
	}
	files, err := filepath.Glob(filepath.Join(fetched, "*.rpm"))
	if err != nil {
		return err
	}
	if len(files) == 0 {
		return errors.New("dnf has downloaded no package")
	}
	// By default, digests alone would do.
	_, err = run(ctx, work, "rpm", "rpmkeys", append([]string{"--dbpath", ring, "--define", "_pkgverify_level all", "--checksig", "--"}, files...)...)
	if err != nil && ctx.Err() == nil {
		return fmt.Errorf("a package has no signature by %s: %w", strings.Join(keys, " or "), err)
	}
	return err
}

func (rpm) index(ctx context.Context, tree, _ string, _ time.Time) (Index, error) {
	// gzip is what every dnf reads; zstd, the newer default, is not.
	_, err := run(ctx, tree, "createrepo-c (createrepo_c on Amazon Linux)", "createrepo_c",
		"--quiet", "--no-database", "--checksum=sha256", "--general-compress-type=gz", "--workers=2", tree)
	if err != nil {
		return Index{}, err
	}
	pointer, err := os.ReadFile(filepath.Join(tree, repomdName))
	if err != nil {
		return Index{}, err
	}
	var repomd struct {
		Data []struct {
			Type     string `xml:"type,attr"`
			Location struct {
				Href string `xml:"href,attr"`
			} `xml:"location"`
		} `xml:"data"`
	}
	if err := xml.Unmarshal(pointer, &repomd); err != nil {
		return Index{}, fmt.Errorf("%s: %w", repomdName, err)
	}
	index := Index{pointer: pointer, tree: tree}
	for _, data := range repomd.Data {
		if data.Type == "primary" {
			if index.Packages, err = readPrimary(filepath.Join(tree, data.Location.Href)); err != nil {
				return Index{}, err
			}
		}
		index.files = append(index.files, data.Location.Href)
	}
	return index, nil
}

// readPrimary reads what createrepo_c has found in the packages.
func readPrimary(file string) (packages []Package, err error) {
	compressed, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, compressed.Close()) }()
	text, err := gzip.NewReader(compressed)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	var primary struct {
		Packages []struct {
			Name    string `xml:"name"`
			Arch    string `xml:"arch"`
			Version struct {
				Epoch   string `xml:"epoch,attr"`
				Version string `xml:"ver,attr"`
				Release string `xml:"rel,attr"`
			} `xml:"version"`
			Checksum string `xml:"checksum"`
			Size     struct {
				Package int64 `xml:"package,attr"`
			} `xml:"size"`
		} `xml:"package"`
	}
	if err := xml.NewDecoder(text).Decode(&primary); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	for _, p := range primary.Packages {
		version := p.Version.Version + "-" + p.Version.Release
		if p.Version.Epoch != "" && p.Version.Epoch != "0" {
			version = p.Version.Epoch + ":" + version
		}
		packages = append(packages, Package{Name: p.Name, Version: version, Architecture: p.Arch, SHA256: p.Checksum, Size: p.Size.Package})
	}
	sortPackages(packages)
	return packages, nil
}

func sortPackages(packages []Package) {
	slices.SortFunc(packages, func(a, b Package) int {
		return strings.Compare(a.Name+"\x00"+a.Architecture+"\x00"+a.SHA256, b.Name+"\x00"+b.Architecture+"\x00"+b.SHA256)
	})
}
