package bootstrap

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/tandem-iac/tandem/instance"
	"github.com/tandem-iac/tandem/internal/check"
	"github.com/tandem-iac/tandem/internal/release"
	"github.com/tandem-iac/tandem/internal/release/archive"
)

// Release is one that new machines install.
type Release struct {
	Artifact string `json:"artifact"`
	Version  int    `json:"version"`
	SHA256   string `json:"sha256"`
	// Created is false where the same was stable already.
	Created bool `json:"created"`
}

// PublishLogIndexer makes the service and the playbook of log indexers stable
// releases. Where they are already, nothing changes. The ledger is asked for by
// artifact.
func PublishLogIndexer(ctx context.Context, ledger func(artifact string) *release.Ledger) (all []Release, err error) {
	work, err := os.MkdirTemp("", "tandem-indexer-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(work)) }()
	for _, each := range []struct {
		artifact string
		files    func() (map[string][]byte, error)
	}{
		{instance.LogIndexerPlaybookArtifact, instance.LogIndexerPlaybook},
		{instance.LogIndexerArtifact, instance.LogIndexer},
	} {
		tree := filepath.Join(work, each.artifact)
		files, err := each.files()
		if err != nil {
			return nil, err
		}
		if err := writeFiles(tree, files); err != nil {
			return nil, err
		}
		r, err := publishTree(ctx, ledger(each.artifact), each.artifact, tree, tree+".tar.gz")
		if err != nil {
			return nil, err
		}
		all = append(all, r)
	}
	return all, nil
}

// writeFiles makes a tree of files by name. What has no extension is a program.
func writeFiles(tree string, files map[string][]byte) error {
	if err := os.Mkdir(tree, 0o755); err != nil {
		return err
	}
	for name, data := range files {
		mode := os.FileMode(0o644)
		if !strings.Contains(name, ".") {
			mode = 0o755
		}
		if err := os.WriteFile(filepath.Join(tree, name), data, mode); err != nil {
			return err
		}
	}
	return nil
}

// publishTree makes a tree the stable release of an artifact, by way of an
// archive, unless it is that already.
func publishTree(ctx context.Context, ledger *release.Ledger, artifact, tree, file string) (Release, error) {
	epoch := time.Unix(0, 0).UTC() // the same files make the same archive, whenever they were built
	built, err := archive.Build(ctx, archive.BuildConfig{Dir: tree, Paths: []string{"."}, Output: file, Epoch: &epoch})
	if err != nil {
		return Release{}, err
	}
	r := Release{Artifact: artifact}
	stable, err := ledger.Show(ctx, release.Stable)
	var none check.InputError
	switch {
	case err == nil && stable.Tree == built.Tree:
		r.Version, r.SHA256 = stable.Version, stable.SHA256
		return r, nil
	case err != nil && !errors.As(err, &none):
		return Release{}, err
	}
	m, err := ledger.Publish(ctx, release.PublishConfig{File: file})
	if err != nil {
		return Release{}, err
	}
	r.Version, r.SHA256, r.Created = m.Version, m.SHA256, true
	_, err = ledger.Promote(ctx, release.PromoteConfig{Version: fmt.Sprint(m.Version)})
	return r, err
}
