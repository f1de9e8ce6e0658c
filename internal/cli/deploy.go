package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"regexp"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/spf13/cobra"

	"github.com/tandem-iac/tandem/internal/check"
	"github.com/tandem-iac/tandem/internal/fleet"
	"github.com/tandem-iac/tandem/internal/rollout"
)

// The batches of a deploy, unless told otherwise.
const (
	// defaultBatch is of the instances to update.
	defaultBatch = "25%"
	// defaultMinHealthy is of the instances in service.
	defaultMinHealthy = "50%"
)

// deployOptions is what the user chose for a deploy.
type deployOptions struct {
	at       place
	playbook string // the name of its artifact
	// version and playbookVersion are 0 where latest-stable is meant.
	version, playbookVersion int

	batch, minHealthy string
	limits            rollout.Limits
	noRollback        bool
	dryRun, asJSON    bool
}

func newDeployCommand(a *app) *cobra.Command {
	var o deployOptions
	cmd := &cobra.Command{
		Use:   "deploy {CLUSTER | INSTANCE...}",
		Short: "Update running instances to a release, batch by batch",
		Long: `Update the instances of a cluster, or some of them, to a release, which is a
version of the service and one of the playbook: batch by batch, spot before
on-demand, each batch out of service while its setup script runs and back once
the load balancer finds it healthy. Instances that run both versions already are
left alone. The first batch that fails ends the deploy, and what it has updated
goes back to the service and playbook before. A spot instance that is reclaimed
meanwhile is no failure.

An interrupt returns all instances to service before the program ends, setups
that run come to their end; a second interrupt ends it at once. What a deploy
that died has left, the next one repairs.

The exit code is 0 only if every instance runs the release.`,
		Example: `  tandem deploy obelix
  tandem deploy obelix --version 42 --batch 2 --min-healthy 75%
  tandem deploy i-0123456789abcdef0 --version 42`,
		Args: atLeastOne("a CLUSTER or an INSTANCE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.deploy(cmd.Context(), args, o, cmd.Flags().Changed)
		},
	}
	o.add(cmd)
	return cmd
}

func (o *deployOptions) add(cmd *cobra.Command) {
	o.at.add(cmd)
	o.at.addBucket(cmd)
	flags := cmd.Flags()
	flags.IntVar(&o.version, "version", 0, "`number` of the service's release (default latest-stable)")
	flags.IntVar(&o.playbookVersion, "playbook-version", 0, "`number` of the playbook's release (default latest-stable)")
	flags.StringVar(&o.playbook, "playbook", "", "`name` of the playbook (default the description's, or SERVICE-playbook)")
	flags.StringVar(&o.batch, "batch", defaultBatch, "`instances` to update at a time, a number or a share of those to update")
	flags.StringVar(&o.minHealthy, "min-healthy", defaultMinHealthy, "`instances` that keep serving, a number or a share of those in service")
	flags.BoolVar(&o.noRollback, "no-rollback", false, "after a failure, leave updated instances on the new release")
	flags.BoolVar(&o.dryRun, "dry-run", false, "print the batches and change nothing")
	flags.BoolVar(&o.asJSON, "json", false, "print the summary, or the plan of --dry-run, as JSON")
	flags.DurationVar(&o.limits.Setup, "setup-timeout", rollout.DefaultSetup, "how long a setup script may run, 1s to 48h")
	flags.DurationVar(&o.limits.Health, "health-timeout", rollout.DefaultHealth, "how long instances may take to become healthy")
	flags.DurationVar(&o.limits.Linger, "linger", rollout.DefaultLinger, "how long an instance that left the load balancer keeps serving")
	flags.DurationVar(&o.limits.Poll, "poll", rollout.DefaultPoll, "time between two looks at AWS")
}

var instanceID = regexp.MustCompile(`^i-[0-9a-f]+$`)

func (a *app) deploy(ctx context.Context, args []string, o deployOptions, changed func(flag string) bool) error {
	plan, err := o.plan(changed)
	if err != nil {
		return inputError{err: err}
	}
	cfg, err := a.connect(ctx, &o.at)
	if err != nil {
		return err
	}
	cluster, chosen, err := target(ctx, cfg, o.at.environment, args)
	if err != nil {
		return err
	}
	release, err := o.release(ctx, cfg, cluster)
	if err != nil {
		return err
	}
	planned := rollout.Config{
		Services:   rollout.NewServices(cfg),
		Cluster:    cluster,
		Instances:  chosen,
		Release:    release,
		Plan:       plan,
		NoRollback: o.noRollback,
		By:         whoami(),
		Limits:     o.limits,
	}
	if o.dryRun {
		return a.dryRun(ctx, planned, o.asJSON)
	}
	return a.rollOut(ctx, planned, o.asJSON)
}

// plan checks what needs no AWS to be found wrong.
func (o deployOptions) plan(changed func(flag string) bool) (rollout.PlanConfig, error) {
	for _, v := range []struct {
		flag  string
		value int
	}{{"version", o.version}, {"playbook-version", o.playbookVersion}} {
		if changed(v.flag) && v.value < 1 {
			return rollout.PlanConfig{}, fmt.Errorf("--%s is %d, want the number of a release, from 1", v.flag, v.value)
		}
	}
	for _, l := range []struct {
		flag  string
		value time.Duration
	}{{"setup-timeout", o.limits.Setup}, {"health-timeout", o.limits.Health}, {"poll", o.limits.Poll}, {"linger", o.limits.Linger}} {
		if l.value <= 0 { // the library takes 0 for the default
			return rollout.PlanConfig{}, fmt.Errorf("--%s is %s, want a time above 0", l.flag, l.value)
		}
	}
	if err := o.limits.Validate(); err != nil {
		return rollout.PlanConfig{}, err
	}
	batch, err := rollout.ParseAmount(o.batch)
	if err != nil {
		return rollout.PlanConfig{}, fmt.Errorf("--batch: %w", err)
	}
	if batch.Value == 0 {
		return rollout.PlanConfig{}, errors.New("--batch is 0, want one instance at least")
	}
	healthy, err := rollout.ParseAmount(o.minHealthy)
	if err != nil {
		return rollout.PlanConfig{}, fmt.Errorf("--min-healthy: %w", err)
	}
	return rollout.PlanConfig{Batch: batch, MinHealthy: healthy}, nil
}

// release chooses the versions to deploy. It is an InputError if one was never
// published, or none promoted.
func (o deployOptions) release(ctx context.Context, cfg aws.Config, c fleet.Cluster) (fleet.Release, error) {
	playbook := cmp.Or(o.playbook, o.at.clusters[c.Name].Playbook, c.Service+"-playbook")
	service, err := chooseVersion(ctx, cfg, o.at, c, c.Service, o.version)
	if err != nil {
		return fleet.Release{}, err
	}
	by, err := chooseVersion(ctx, cfg, o.at, c, playbook, o.playbookVersion)
	if err != nil {
		return fleet.Release{}, fmt.Errorf("%w; is it the playbook of %s? Name another with --playbook", err, c.Name)
	}
	return fleet.Release{Service: service, Playbook: by}, nil
}

// target finds what the arguments name: a cluster, or instances of one.
func target(ctx context.Context, cfg aws.Config, environment string, args []string) (cluster fleet.Cluster, chosen []string, err error) {
	finder := fleet.NewFinder(cfg)
	if len(args) == 1 && !instanceID.MatchString(args[0]) {
		cluster, err = finder.Cluster(ctx, environment, args[0])
		return cluster, nil, err
	}
	for _, id := range args {
		if !instanceID.MatchString(id) {
			return cluster, nil, check.InputErrorf("%q is no instance id such as i-0123456789abcdef0; name one cluster, or instances", id)
		}
	}
	cluster, err = finder.ClusterOf(ctx, environment, args)
	return cluster, args, err
}
