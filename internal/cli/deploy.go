package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/spf13/cobra"

	"github.com/tandem-iac/tandem/internal/check"
	"github.com/tandem-iac/tandem/internal/fleet"
	"github.com/tandem-iac/tandem/internal/rollout"
)

// deployOptions is what the user chose for a deploy.
type deployOptions struct {
	at                place
	version, playbook int
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
		Long: `Update the instances of a cluster, or some of them, to a release: batch by batch,
spot before on-demand, each batch out of service while its setup script runs
and back once the load balancer finds it healthy. The first batch that fails
ends the deploy, and what it has updated goes back to the release before. A spot
instance that is reclaimed meanwhile is no failure.

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
	o.at.add(cmd)
	o.at.addBucket(cmd)
	flags := cmd.Flags()
	flags.IntVar(&o.version, "version", 0, "`number` of the release (default latest-stable)")
	flags.IntVar(&o.playbook, "playbook-version", 0, "`number` of the playbook's release (default latest-stable where the service is set up, and no reason by itself to set it up)")
	flags.StringVar(&o.batch, "batch", "25%", "`instances` to update at a time, a number or a share of those to update")
	flags.StringVar(&o.minHealthy, "min-healthy", "50%", "`instances` that keep serving, a number or a share of the cluster")
	flags.BoolVar(&o.noRollback, "no-rollback", false, "after a failure, leave updated instances on the new release")
	flags.BoolVar(&o.dryRun, "dry-run", false, "print the batches and change nothing")
	flags.BoolVar(&o.asJSON, "json", false, "print the summary, or the plan of --dry-run, as JSON")
	flags.DurationVar(&o.limits.Setup, "setup-timeout", 15*time.Minute, "how long a setup script may run")
	flags.DurationVar(&o.limits.Health, "health-timeout", 10*time.Minute, "how long instances may take to become healthy")
	flags.DurationVar(&o.limits.Linger, "linger", 20*time.Second, "how long an instance that left the load balancer keeps serving")
	flags.DurationVar(&o.limits.Poll, "poll", 5*time.Second, "time between two looks at AWS")
	return cmd
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
	if o.version == 0 {
		o.version, err = stableVersion(ctx, cfg, o.at, cluster)
	} else {
		err = requirePublished(ctx, cfg, o.at, cluster, cluster.Service, o.version)
	}
	if err == nil && o.playbook != 0 {
		playbook := cmp.Or(o.at.clusters[cluster.Name].Playbook, cluster.Service+"-playbook")
		err = requirePublished(ctx, cfg, o.at, cluster, playbook, o.playbook)
	}
	if err != nil {
		return err
	}
	planned := rollout.Config{
		Services:   rollout.NewServices(cfg),
		Cluster:    cluster,
		Instances:  chosen,
		Release:    fleet.Release{Service: o.version, Playbook: o.playbook},
		Plan:       plan,
		NoRollback: o.noRollback,
		By:         whoami(),
		Limits:     o.limits,
	}
	if o.dryRun {
		return a.printPlan(planned, o.asJSON)
	}
	return a.rollOut(ctx, planned, o.asJSON)
}

// plan checks what needs no AWS to be found wrong.
func (o deployOptions) plan(changed func(flag string) bool) (rollout.PlanConfig, error) {
	for _, v := range []struct {
		flag  string
		value int
	}{{"version", o.version}, {"playbook-version", o.playbook}} {
		if changed(v.flag) && v.value < 1 {
			return rollout.PlanConfig{}, fmt.Errorf("--%s is %d, want the number of a release, from 1", v.flag, v.value)
		}
	}
	for _, l := range []struct {
		flag  string
		value time.Duration
	}{{"setup-timeout", o.limits.Setup}, {"health-timeout", o.limits.Health}, {"poll", o.limits.Poll}, {"linger", o.limits.Linger}} {
		if l.value <= 0 {
			return rollout.PlanConfig{}, fmt.Errorf("--%s is %s, want a time above 0", l.flag, l.value)
		}
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

func (a *app) rollOut(ctx context.Context, cfg rollout.Config, asJSON bool) error {
	shown := newRolloutProgress(a.screen)
	cfg.Progress = shown.show
	stop := context.AfterFunc(ctx, func() {
		shown.say("interrupted: returning all instances to service; setups that run come to their end (again to leave at once)")
	})
	report, err := rollout.Run(ctx, cfg)
	stop()
	shown.end()
	if len(report.Instances) > 0 {
		if asJSON {
			err = errors.Join(err, printJSON(a.stdout, report))
		} else {
			printReport(a.stdout, report)
		}
	}
	switch {
	case err != nil && report.Left != "":
		return fmt.Errorf("%w; left %s: deploy again to repair it", err, report.Left)
	case err != nil:
		return err
	case !report.Complete:
		return fmt.Errorf("not every instance runs %s", report.Release)
	}
	return nil
}

// deployPlan is the plan of a deploy in JSON.
type deployPlan struct {
	Environment string        `json:"environment"`
	Cluster     string        `json:"cluster"`
	Release     fleet.Release `json:"release"`
	// Batches are the instances in the order of their updates, as they are now.
	Batches [][]fleet.Instance `json:"batches"`
}

func (a *app) printPlan(cfg rollout.Config, asJSON bool) error {
	batches, err := rollout.PlanOf(cfg)
	if err != nil {
		return err
	}
	if asJSON {
		plan := deployPlan{cfg.Cluster.Environment, cfg.Cluster.Name, cfg.Release, make([][]fleet.Instance, len(batches))}
		for n, batch := range batches {
			for _, id := range batch {
				i, _ := cfg.Cluster.Instance(id)
				plan.Batches[n] = append(plan.Batches[n], i)
			}
		}
		return printJSON(a.stdout, plan)
	}
	fmt.Fprintf(a.stdout, "%s of %s to %s:\n", cfg.Cluster.Name, cfg.Cluster.Environment, cfg.Release)
	var rows [][]any
	for n, batch := range batches {
		for _, id := range batch {
			i, _ := cfg.Cluster.Instance(id)
			rows = append(rows, []any{n + 1, id, i.Lifecycle, i.Zone, i.Release, health(i)})
		}
	}
	printTable(a.stdout, []string{"batch", "instance", "lifecycle", "zone", "release", "health"}, rows)
	return nil
}

func printReport(w io.Writer, r rollout.Report) {
	rows := make([][]any, len(r.Instances))
	for n, i := range r.Instances {
		rows[n] = []any{i.ID, i.Lifecycle, i.Outcome, i.Before, i.After, i.State, i.Health, i.Detail}
	}
	printTable(w, []string{"instance", "lifecycle", "outcome", "before", "after", "state", "health", "detail"}, rows)
	all := "not every instance runs"
	if r.Complete {
		all = "every instance runs"
	}
	fmt.Fprintf(w, "%s of %s: %s %s\n", r.Cluster, r.Environment, all, r.Release)
}
