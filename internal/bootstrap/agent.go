package bootstrap

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/tandem-iac/tandem/instance"
	"github.com/tandem-iac/tandem/internal/check"
	"github.com/tandem-iac/tandem/internal/release"
	"github.com/tandem-iac/tandem/internal/release/archive"
)

// Architectures are those that instances have, in Go's terms.
func Architectures() []string { return []string{"amd64", "arm64"} }

// AgentProgram is the file name of the agent for an architecture, as it is built.
func AgentProgram(architecture string) string { return "spotwatch-linux-" + architecture }

// maxAgent is the size, in bytes, above which a program is refused as a mistake.
const maxAgent = 100 << 20

// Agent is what new instances install as their agent.
type Agent struct {
	Artifact string `json:"artifact"`
	Version  int    `json:"version"`
	SHA256   string `json:"sha256"`
	// Created is false where the same agent was stable already.
	Created bool `json:"created"`
}

// CheckAgents reports, as a check.InputError, the programs that a directory
// does not have for every architecture.
func CheckAgents(directory string) error {
	for _, architecture := range Architectures() {
		info, err := os.Stat(filepath.Join(directory, AgentProgram(architecture)))
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return check.InputErrorf("%s has no %s: build the agent with 'make build', or name its directory with --agents", directory, AgentProgram(architecture))
		case err != nil:
			return check.InputError{Err: err}
		case !info.Mode().IsRegular() || info.Size() == 0 || info.Size() > maxAgent:
			return check.InputErrorf("%s is no program of 1 to %d bytes", filepath.Join(directory, info.Name()), maxAgent)
		}
	}
	return nil
}

// PublishAgent makes a program of the directory, with its unit, the stable
// release of the agent for an architecture. Where it is that already, nothing
// changes. Instances that are running keep the agent they have until they are
// set up again.
func PublishAgent(ctx context.Context, ledger *release.Ledger, directory, architecture string) (agent Agent, err error) {
	work, err := os.MkdirTemp("", "tandem-agent-")
	if err != nil {
		return Agent{}, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(work)) }()
	tree := filepath.Join(work, "tree")
	if err := layOut(tree, filepath.Join(directory, AgentProgram(architecture))); err != nil {
		return Agent{}, err
	}
	file := filepath.Join(work, "agent.tar.gz")
	epoch := time.Unix(0, 0).UTC() // the same program makes the same archive, whenever it was built
	built, err := archive.Build(ctx, archive.BuildConfig{Dir: tree, Paths: []string{"."}, Output: file, Epoch: &epoch})
	if err != nil {
		return Agent{}, err
	}
	agent.Artifact = instance.AgentArtifact(architecture)
	stable, err := ledger.Show(ctx, release.Stable)
	var none check.InputError
	switch {
	case err == nil && stable.Tree == built.Tree:
		agent.Version, agent.SHA256 = stable.Version, stable.SHA256
		return agent, nil
	case err != nil && !errors.As(err, &none):
		return Agent{}, err
	}
	m, err := ledger.Publish(ctx, release.PublishConfig{File: file})
	if err != nil {
		return Agent{}, err
	}
	agent.Version, agent.SHA256, agent.Created = m.Version, m.SHA256, true
	_, err = ledger.Promote(ctx, release.PromoteConfig{Version: fmt.Sprint(m.Version)})
	return agent, err
}

// layOut makes the tree that the setup script looks for.
func layOut(tree, program string) (err error) {
	if err := os.Mkdir(tree, 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(tree, "spotwatch.service"), instance.AgentUnit(), 0o644); err != nil {
		return err
	}
	from, err := os.Open(program)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, from.Close()) }()
	to, err := os.OpenFile(filepath.Join(tree, "spotwatch"), os.O_CREATE|os.O_WRONLY|os.O_EXCL, 0o755)
	if err != nil {
		return err
	}
	_, err = io.Copy(to, from)
	return errors.Join(err, to.Close())
}
