package cli

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/tandem-iac/tandem/internal/fleet"
	"github.com/tandem-iac/tandem/internal/release"
)

// stableVersion is the version of a cluster's service that latest-stable
// names, in the bucket that tandem release uses for p.
func stableVersion(ctx context.Context, cfg aws.Config, p place, c fleet.Cluster) (int, error) {
	ledger, err := ledgerOf(ctx, cfg, p, c, c.Service)
	if err != nil {
		return 0, err
	}
	stable, err := ledger.Stable(ctx)
	return stable.Version, err
}

// requirePublished returns a check.InputError if the machines of c would not
// find a version of an artifact.
func requirePublished(ctx context.Context, cfg aws.Config, p place, c fleet.Cluster, artifact string, version int) error {
	ledger, err := ledgerOf(ctx, cfg, p, c, artifact)
	if err != nil {
		return err
	}
	return ledger.Require(ctx, version)
}

func ledgerOf(ctx context.Context, cfg aws.Config, p place, c fleet.Cluster, artifact string) (*release.Ledger, error) {
	p.environment = c.Environment
	client, err := p.builds(ctx, cfg)
	if err != nil {
		return nil, err
	}
	return release.New(release.Config{Client: client, Bucket: p.bucket, Artifact: artifact, Environment: c.Environment, By: whoami()}), nil
}
