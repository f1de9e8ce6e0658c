package cli

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/tandem-iac/tandem/internal/fleet"
	"github.com/tandem-iac/tandem/internal/release"
)

// chooseVersion returns the version of an artifact that is pinned, or, where
// that is 0, the one that latest-stable names, in the bucket that tandem release
// uses for p. It is a check.InputError if the machines of c would not find it.
func chooseVersion(ctx context.Context, cfg aws.Config, p place, c fleet.Cluster, artifact string, pinned int) (int, error) {
	ledger, err := ledgerOf(ctx, cfg, p, c, artifact)
	if err != nil {
		return 0, err
	}
	if pinned != 0 {
		return pinned, ledger.Require(ctx, pinned)
	}
	stable, err := ledger.Stable(ctx)
	return stable.Version, err
}

func ledgerOf(ctx context.Context, cfg aws.Config, p place, c fleet.Cluster, artifact string) (*release.Ledger, error) {
	p.environment = c.Environment
	client, err := p.client(ctx, cfg)
	if err != nil {
		return nil, err
	}
	return release.New(release.Config{Client: client, Bucket: p.bucket, Artifact: artifact, Environment: c.Environment, By: whoami()}), nil
}
