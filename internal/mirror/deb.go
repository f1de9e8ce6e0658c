package mirror

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// deb is what apt reads: https://wiki.debian.org/DebianRepository/Format.
// Nothing here is signed, as a part of what the distribution has signed cannot
// be; see docs/packages.md.
type deb struct{}

const (
	suite       = "stable"
	component   = "main"
	releaseName = "dists/" + suite + "/Release"
)

func (deb) pointer() (name, contentType string) { return releaseName, "text/plain; charset=utf-8" }
func (deb) extension() string                   { return ".deb" }

func (deb) architectures() map[string]string {
	return map[string]string{"amd64": "amd64", "arm64": "arm64"}
}

func (deb) metadata(architecture string) []string {
	return []string{"dists/" + suite + "/" + binaryDir(architecture) + "/by-hash/SHA256/"}
}

func binaryDir(architecture string) string { return component + "/binary-" + architecture }

// fetch has apt resolve each package for itself, as if nothing were installed.
// apt checks what it reads against the signature of its sources.
func (deb) fetch(ctx context.Context, s source) (string, error) {
	fetched := filepath.Join(s.work, "fetched")
	state := filepath.Join(s.work, "apt")
	for _, dir := range []string{filepath.Join(fetched, "partial"), filepath.Join(state, "lists/partial")} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return "", err
		}
	}
	status := filepath.Join(state, "status") // of a machine without any package
	if err := os.WriteFile(status, nil, 0o644); err != nil {
		return "", err
	}
	args := []string{
		"-qq", "-o", "Dir::State=" + state, "-o", "Dir::State::status=" + status, "-o", "Dir::Cache=" + state, "-o", "Dir::Cache::archives=" + fetched,
		"-o", "APT::Architecture=" + s.architecture, "-o", "APT::Architectures::=" + s.architecture, "-o", "APT::Install-Recommends=false",
		"-o", "APT::Sandbox::User=", "-o", "Acquire::Languages=none", "-o", "APT::Update::Error-Mode=any",
	}
	if s.From != "" {
		from, err := filepath.Abs(s.From)
		if err != nil {
			return "", err
		}
		args = append(args, "-o", "Dir::Etc::SourceList="+from, "-o", "Dir::Etc::SourceParts=/dev/null")
	}
	if _, err := run(ctx, s.work, "apt", "apt-get", append(args, "update")...); err != nil {
		return "", err
	}
	var unknown []string
	for _, name := range s.Packages {
		_, err := run(ctx, s.work, "apt", "apt-get", append(args, "--yes", "--download-only", "install", "--", name)...)
		names := unknownPackages(err, aptUnknown)
		if err != nil && len(names) == 0 {
			return "", err
		}
		unknown = append(unknown, names...)
	}
	return fetched, noPackages("apt", unknown)
}

// aptUnknown is what apt says of a package of which it has none.
var aptUnknown = regexp.MustCompile(`^E: (?:Unable to locate package (\S+)|Package '(\S+)' has no installation candidate)$`)

func (deb) index(ctx context.Context, tree, architecture string, now time.Time) (Index, error) {
	list, err := run(ctx, tree, "apt-utils", "apt-ftparchive", "-o", "APT::FTPArchive::MD5=false", "-o", "APT::FTPArchive::SHA1=false", "-o", "APT::FTPArchive::SHA512=false",
		"packages", strings.TrimSuffix(packagesDir, "/"))
	if err != nil {
		return Index{}, err
	}
	index := Index{tree: tree}
	if index.Packages, err = readStanzas(list); err != nil {
		return Index{}, err
	}
	if len(index.Packages) == 0 {
		return Index{}, errors.New("apt has downloaded no package")
	}
	var compressed bytes.Buffer
	w := gzip.NewWriter(&compressed)
	if _, err := w.Write(list); err != nil {
		return Index{}, err
	}
	if err := w.Close(); err != nil {
		return Index{}, err
	}
	name := deb{}.metadata(architecture)[0] + hash(compressed.Bytes())
	index.files = []string{name}
	file := filepath.Join(tree, name)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return Index{}, err
	}
	index.pointer = releaseFile(architecture, now, list, compressed.Bytes())
	return index, os.WriteFile(file, compressed.Bytes(), 0o644)
}

func hash(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// releaseFile is the pointer, by which apt finds and checks the list of packages.
func releaseFile(architecture string, now time.Time, list, compressed []byte) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "Origin: tandem\nLabel: tandem\nSuite: %s\nCodename: %s\nDate: %s\nArchitectures: %s\nComponents: %s\nAcquire-By-Hash: yes\nSHA256:\n",
		suite, suite, now.UTC().Format(time.RFC1123), architecture, component)
	for _, f := range []struct {
		name string
		data []byte
	}{{"Packages", list}, {"Packages.gz", compressed}} {
		fmt.Fprintf(&b, " %s %d %s/%s\n", hash(f.data), len(f.data), binaryDir(architecture), f.name)
	}
	return b.Bytes()
}

// readStanzas reads what apt-ftparchive has found in the packages.
func readStanzas(list []byte) ([]Package, error) {
	var packages []Package
	for stanza := range strings.SplitSeq(strings.TrimSpace(string(list)), "\n\n") {
		fields := map[string]string{}
		for line := range strings.Lines(stanza) {
			if name, value, ok := strings.Cut(line, ": "); ok && !strings.HasPrefix(line, " ") {
				fields[name] = strings.TrimSpace(value)
			}
		}
		if fields["Package"] == "" {
			continue
		}
		size, err := strconv.ParseInt(fields["Size"], 10, 64)
		if err != nil {
			return nil, fmt.Errorf("apt-ftparchive: the size of %s: %w", fields["Package"], err)
		}
		packages = append(packages, Package{
			Name: fields["Package"], Version: fields["Version"], Architecture: fields["Architecture"], SHA256: fields["SHA256"], Size: size,
		})
	}
	sortPackages(packages)
	return packages, nil
}
