package mirror

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/tandem-iac/tandem/internal/check"
)

// kind is what differs between the repositories of dnf and of apt.
type kind interface {
	// pointer is the one file that changes, and its content type.
	pointer() (name, contentType string)
	// extension is that of packages.
	extension() string
	// metadata are the directories of what the pointer names.
	metadata(architecture string) []string
	// architectures are the names that the distributions have, by Go's.
	architectures() map[string]string
	// fetch downloads packages with all that they depend on into a directory,
	// and refuses what the distribution has not signed.
	fetch(ctx context.Context, s source) (directory string, err error)
	// index makes the metadata of the packages in tree, which is laid out as
	// the repository is.
	index(ctx context.Context, tree, architecture string, now time.Time) (Index, error)
}

// Index is a repository that was made and not yet uploaded.
type Index struct {
	// Packages are sorted by name.
	Packages []Package
	// pointer is the content of the pointer, files are the names of what it
	// names, relative to tree, which is laid out as the repository is.
	pointer []byte
	files   []string
	tree    string
	// asked are the packages that were asked for, head and before what readers
	// saw when the making began.
	asked  []string
	head   head
	before Change
}

// Package is one of a repository.
type Package struct {
	Name         string `json:"name"`
	Version      string `json:"version"`
	Architecture string `json:"architecture"`
	// SHA256 is the package's, in hex, by which it is named, Size is in bytes.
	SHA256 string `json:"sha256"`
	Size   int64  `json:"size"`
}

// kinds are by the ID of os-release
// (https://www.freedesktop.org/software/systemd/man/latest/os-release.html).
var kinds = map[string]kind{
	"almalinux": rpm{}, "amzn": rpm{}, "centos": rpm{}, "fedora": rpm{}, "ol": rpm{}, "rhel": rpm{}, "rocky": rpm{},
	"debian": deb{}, "ubuntu": deb{},
}

func kindOf(distribution string) (kind, error) {
	parts := distributionName.FindStringSubmatch(distribution)
	if parts == nil {
		return nil, check.InputErrorf("distribution %s: want ID-VERSION_ID of os-release, such as amzn-2023 or debian-12", strconv.Quote(distribution))
	}
	if k, ok := kinds[parts[1]]; ok {
		return k, nil
	}
	return nil, check.InputErrorf("distribution %s: %s", strconv.Quote(distribution), check.Suggest(parts[1], slices.Sorted(maps.Keys(kinds))))
}

// Architecture is a distribution's name of one of Go's, which where it knows none
// is returned as it is.
func Architecture(distribution, goarch string) string {
	if kind, err := kindOf(distribution); err == nil {
		return cmp.Or(kind.architectures()[goarch], goarch)
	}
	return goarch
}
