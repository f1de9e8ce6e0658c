package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/spf13/cobra"

	"github.com/tandem-iac/tandem/internal/awsclient"
	"github.com/tandem-iac/tandem/internal/awsregion"
	"github.com/tandem-iac/tandem/internal/check"
	"github.com/tandem-iac/tandem/spec"
)

// place says where commands that speak to AWS find clusters and buckets. What
// the flags leave open the description says.
type place struct {
	file, environment, region, bucket string
	// purpose is what the bucket is for. Empty: builds.
	purpose string
	// account is the description's. Empty: that of the credentials.
	account string
	// clusters are the description's. Nil: none was read.
	clusters map[string]spec.Cluster
}

func (p *place) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVarP(&p.file, "file", "f", "", "`file` with the description (default $TANDEM_SPEC or "+defaultFile+")")
	flags.StringVar(&p.environment, "environment", "", "`name` of the environment (default the description's)")
	flags.StringVar(&p.region, "region", "", "AWS `region` (default the description's, or AWS_REGION)")
}

func (p *place) addBucket(cmd *cobra.Command) {
	purpose := cmp.Or(p.purpose, forBuilds)
	cmd.Flags().StringVar(&p.bucket, "bucket", "", "`bucket` of "+purpose+" (default the description's, or ENVIRONMENT-REGION-"+purpose+"-ACCOUNT)")
}

// describe reads the description and takes from it what p leaves open.
func (a *app) describe(ctx context.Context, p *place) (spec.Environment, error) {
	file := cmp.Or(p.file, fileArg(nil))
	env, err := a.load(ctx, file)
	var missing noDescriptionError
	if errors.As(err, &missing) {
		return spec.Environment{}, inputError{err: fmt.Errorf("%w, or name it with --file or $TANDEM_SPEC", missing)}
	}
	if err != nil {
		return spec.Environment{}, err
	}
	p.environment = cmp.Or(p.environment, env.Name)
	p.region = cmp.Or(p.region, env.Region)
	switch described := env.Delivery.Packages; {
	case p.purpose != forPackages:
		p.bucket = cmp.Or(p.bucket, env.Delivery.BuildBucket)
	case described != nil:
		p.bucket = cmp.Or(p.bucket, described.Bucket)
	case p.bucket == "":
		return spec.Environment{}, inputError{err: fmt.Errorf("%s describes no bucket of packages: add delivery.packages, or name one with --bucket", displayName(file))}
	}
	p.account, p.clusters = env.Account, env.Clusters
	return env, nil
}

// connect is for commands that find clusters by their tags: a description
// that nobody has named need not be there.
func (a *app) connect(ctx context.Context, p *place) (aws.Config, error) {
	if err := p.check(); err != nil {
		return aws.Config{}, err
	}
	file := cmp.Or(p.file, fileArg(nil))
	_, err := os.Stat(file)
	if file != defaultFile || !errors.Is(err, fs.ErrNotExist) {
		if _, err := a.describe(ctx, p); err != nil {
			return aws.Config{}, err
		}
	}
	return a.dial(ctx, p)
}

// dial connects to the region of p, or to that which the environment names.
func (a *app) dial(ctx context.Context, p *place) (aws.Config, error) {
	cfg, err := awsclient.Connect(ctx, awsclient.Config{
		Region: p.region,
		Notify: func(line string) { fmt.Fprintf(a.screen, "tandem: %s\n", line) },
	})
	if err == nil && p.region == "" {
		err = checkRegion("the region of AWS_REGION or the profile", cfg.Region)
	}
	p.region = cfg.Region
	return cfg, err
}

// check refuses flags that would otherwise become part of a bucket's name. The
// description may name a region that has opened since.
func (p *place) check() error {
	var faults check.Errors
	if err := spec.ValidateIdentity(p.environment, awsregion.Known()[0]); p.environment != "" && errors.As(err, &faults) {
		return inputError{err: fmt.Errorf("--environment is %q, want %s", p.environment, faults[0].Want)}
	}
	if p.region == "" {
		return nil
	}
	return checkRegion("--region", p.region)
}

func checkRegion(what, region string) error {
	known := awsregion.Known()
	if slices.Contains(known, region) {
		return nil
	}
	hint := ""
	if near := check.Nearest(region, known); near != "" {
		hint = ": did you mean " + near + "?"
	}
	return inputError{err: fmt.Errorf("%s is %q, want an AWS region such as ap-southeast-1%s", what, region, hint)}
}

// What a place's bucket may be for, as its default name has it.
const forBuilds, forPackages = "builds", "packages"

// client returns a client that reaches the bucket. Where none was named, it is
// the default one of the account.
func (p *place) client(ctx context.Context, cfg aws.Config) (*s3.Client, error) {
	if p.bucket == "" {
		if p.account == "" {
			var err error
			if p.account, err = awsclient.AccountID(ctx, cfg); err != nil {
				return nil, err
			}
		}
		p.bucket = fmt.Sprintf("%s-%s-%s-%s", p.environment, p.region, cmp.Or(p.purpose, forBuilds), p.account)
	}
	client := awsclient.NewS3(cfg)
	return client, awsclient.CheckBucket(ctx, client, p.bucket, p.region)
}
