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
	p.environment = c.Environment
	client, err := p.builds(ctx, cfg)
	if err != nil {
		return 0, err
	}
	ledger := release.New(release.Config{Client: client, Bucket: p.bucket, Artifact: c.Service, Environment: c.Environment, By: whoami()})
	stable, err := ledger.Stable(ctx)
	return stable.Version, err
}
