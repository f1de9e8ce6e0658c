package bootstrap

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/tandem-iac/tandem/instance"
	"github.com/tandem-iac/tandem/internal/check"
	"github.com/tandem-iac/tandem/internal/release"
)

// Architectures are those that instances have, in Go's terms.
func Architectures() []string { return []string{"amd64", "arm64"} }

// AgentProgram is the file name of the agent for an architecture, as it is built.
func AgentProgram(architecture string) string { return "spotwatch-linux-" + architecture }

// maxAgent is the size, in bytes, above which a program is refused as a mistake.
const maxAgent = 100 << 20

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
func PublishAgent(ctx context.Context, ledger *release.Ledger, directory, architecture string) (r Release, err error) {
	work, err := os.MkdirTemp("", "tandem-agent-")
	if err != nil {
		return Release{}, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(work)) }()
	tree := filepath.Join(work, "tree")
	if err := layOut(tree, filepath.Join(directory, AgentProgram(architecture))); err != nil {
		return Release{}, err
	}
	return publishTree(ctx, ledger, instance.AgentArtifact(architecture), tree, filepath.Join(work, "agent.tar.gz"))
}

// layOut makes the tree that the setup script looks for.
func layOut(tree, program string) (err error) {
	files, err := instance.LogShipping()
	if err != nil {
		return err
	}
	files["spotwatch.service"] = instance.AgentUnit()
	if err := writeFiles(tree, files); err != nil {
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
