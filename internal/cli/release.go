package cli

import (
	"context"
	"fmt"
	"maps"
	"os"
	"os/user"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tandem-iac/tandem/instance"
	"github.com/tandem-iac/tandem/internal/bootstrap"
	"github.com/tandem-iac/tandem/internal/check"
	"github.com/tandem-iac/tandem/internal/release"
	"github.com/tandem-iac/tandem/spec"
)

func newReleaseCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "release",
		Short: "Build, publish, promote and roll back releases",
		Long: `Build archives of a service or its playbook, publish them under numbers in the
environment's build bucket, and choose which of them new machines run:
latest-stable.

Credentials come from where every AWS tool finds them. The service, bucket and
region come from the description; where --artifact, --environment, --region and
--bucket are all given, none is read.`,
	}
	cmd.AddCommand(
		newReleaseBuildCommand(a),
		newReleasePublishCommand(a),
		newReleasePromoteCommand(a),
		newReleaseRollbackCommand(a),
		newReleaseListCommand(a),
		newReleaseShowCommand(a),
		newReleaseHistoryCommand(a),
		newReleasePruneCommand(a),
		newReleaseVerifyCommand(a),
		newReleaseUnpackCommand(a),
	)
	return cmd
}

// releaseFlags choose a ledger.
type releaseFlags struct {
	place
	artifact string
}

func (f *releaseFlags) add(cmd *cobra.Command) {
	f.place.add(cmd)
	f.addBucket(cmd)
	cmd.Flags().StringVarP(&f.artifact, "artifact", "a", "", "`name` of the service or playbook (default the service, if there is only one)")
}

// ledger connects to the ledger that the flags and the description choose.
func (a *app) ledger(ctx context.Context, f releaseFlags) (*release.Ledger, error) {
	if err := f.check(); err != nil {
		return nil, err
	}
	if f.artifact == "" || f.environment == "" || f.region == "" || f.bucket == "" {
		env, err := a.describe(ctx, &f.place)
		if err != nil {
			return nil, err
		}
		if f.artifact, err = chooseArtifact(env, f.artifact); err != nil {
			return nil, inputError{err: err}
		}
	}
	cfg, err := a.dial(ctx, &f.place)
	if err != nil {
		return nil, err
	}
	client, err := f.client(ctx, cfg)
	if err != nil {
		return nil, err
	}
	return release.New(release.Config{
		Client: client, Bucket: f.bucket, Artifact: f.artifact, Environment: f.environment, By: whoami(),
	}), nil
}

// chooseArtifact returns the artifact that is meant, which must be one that
// the clusters use, or the agent that all machines run.
func chooseArtifact(env spec.Environment, name string) (string, error) {
	services, all := map[string]bool{}, map[string]bool{}
	for _, architecture := range bootstrap.Architectures() {
		if name == instance.AgentArtifact(architecture) {
			return name, nil
		}
	}
	for _, c := range env.Clusters {
		services[c.Service], all[c.Service], all[c.Playbook] = true, true, true
	}
	switch {
	case all[name]:
		return name, nil
	case name != "":
		return "", fmt.Errorf("no cluster uses an artifact %q: %s", name, check.Suggest(name, slices.Sorted(maps.Keys(all))))
	case len(services) == 1:
		return slices.Collect(maps.Keys(services))[0], nil
	}
	return "", fmt.Errorf("which artifact? Name one with --artifact: %s", strings.Join(slices.Sorted(maps.Keys(all)), ", "))
}

// whoami names the person or job for the record. What cannot be found out is
// left out.
func whoami() string {
	name := os.Getenv("USER")
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	host, err := os.Hostname()
	if err != nil {
		return name
	}
	return name + "@" + host
}
