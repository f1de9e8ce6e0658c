package cli

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"os"
	"os/user"
	"slices"
	"strings"

	"github.com/agext/levenshtein"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/spf13/cobra"

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
	file                                  string
	artifact, environment, region, bucket string
}

func (f *releaseFlags) add(cmd *cobra.Command) {
	f.addBucket(cmd)
	flags := cmd.Flags()
	flags.StringVarP(&f.artifact, "artifact", "a", "", "the service or playbook; default: the service, if there is only one")
}

// addBucket adds those that choose a bucket of builds.
func (f *releaseFlags) addBucket(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVarP(&f.file, "file", "f", "", "the description; default $TANDEM_SPEC or "+defaultFile)
	flags.StringVar(&f.environment, "environment", "", "the environment; default: the description's")
	flags.StringVar(&f.region, "region", "", "the bucket's region; default: the description's")
	flags.StringVar(&f.bucket, "bucket", "", "the bucket of builds; default: the description's")
}

// ledger connects to the ledger that the flags and the description choose.
func (a *app) ledger(ctx context.Context, f releaseFlags) (*release.Ledger, error) {
	var account string
	if f.artifact == "" || f.environment == "" || f.region == "" || f.bucket == "" {
		env, err := a.describe(ctx, &f)
		if err != nil {
			return nil, err
		}
		if f.artifact, err = chooseArtifact(env, f.artifact); err != nil {
			return nil, inputError{err: err}
		}
		account = env.Account
	}
	client, err := f.connect(ctx, account)
	if err != nil {
		return nil, err
	}
	return release.New(release.Config{
		Client: client, Bucket: f.bucket, Artifact: f.artifact, Environment: f.environment, By: whoami(),
	}), nil
}

// describe reads the description and takes from it where the bucket is, unless
// a flag says so.
func (a *app) describe(ctx context.Context, f *releaseFlags) (spec.Environment, error) {
	env, err := a.load(ctx, cmp.Or(f.file, fileArg(nil)))
	if err != nil {
		return spec.Environment{}, err
	}
	f.environment = cmp.Or(f.environment, env.Name)
	f.region = cmp.Or(f.region, env.Region)
	f.bucket = cmp.Or(f.bucket, env.Delivery.BuildBucket)
	return env, nil
}

// connect returns a client that reaches the bucket. Where none was named, it is
// the default one of the account or, where that is empty, of the credentials'.
func (f *releaseFlags) connect(ctx context.Context, account string) (*s3.Client, error) {
	cfg, err := release.Connect(ctx, release.ConnectConfig{Region: f.region})
	if err != nil {
		return nil, err
	}
	if f.bucket == "" {
		if account == "" {
			if account, err = release.AccountID(ctx, cfg); err != nil {
				return nil, err
			}
		}
		f.bucket = fmt.Sprintf("%s-%s-builds-%s", f.environment, f.region, account)
	}
	client := release.NewClient(cfg)
	return client, release.CheckBucket(ctx, client, f.bucket, f.region)
}

// chooseArtifact returns the artifact that is meant, which must be one that
// the clusters use.
func chooseArtifact(env spec.Environment, name string) (string, error) {
	services, all := map[string]bool{}, map[string]bool{}
	for _, c := range env.Clusters {
		services[c.Service], all[c.Service], all[c.Playbook] = true, true, true
	}
	switch {
	case all[name]:
		return name, nil
	case name != "":
		return "", fmt.Errorf("no cluster uses an artifact %q: %s", name, nearest(name, slices.Sorted(maps.Keys(all))))
	case len(services) == 1:
		return slices.Collect(maps.Keys(services))[0], nil
	}
	return "", fmt.Errorf("which artifact? Name one with --artifact: %s", strings.Join(slices.Sorted(maps.Keys(all)), ", "))
}

// nearest suggests the name that was meant, or all there are.
func nearest(name string, names []string) string {
	best := slices.MaxFunc(names, func(a, b string) int {
		return cmp.Compare(levenshtein.Similarity(name, a, nil), levenshtein.Similarity(name, b, nil))
	})
	if levenshtein.Similarity(name, best, nil) >= 0.5 {
		return fmt.Sprintf("did you mean %s?", best)
	}
	return "there are " + strings.Join(names, ", ")
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
