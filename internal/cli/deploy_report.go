package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/tandem-iac/tandem/internal/fleet"
	"github.com/tandem-iac/tandem/internal/rollout"
)

func (a *app) rollOut(ctx context.Context, cfg rollout.Config, asJSON bool) error {
	shown := newRolloutProgress(a.screen)
	cfg.Progress = shown.show
	stop := context.AfterFunc(ctx, func() {
		shown.say("interrupted: returning all instances to service; setups that run come to their end (again to leave at once)")
	})
	report, err := rollout.Run(ctx, cfg)
	stop()
	shown.end()
	if err == nil || len(report.Instances) > 0 {
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
	// Deploy is the one that is going on or has died. Nil: none.
	Deploy *rollout.Journal `json:"deploy,omitempty"`
}

// dryRun prints the batches, and the deploy that would be in the way.
func (a *app) dryRun(ctx context.Context, cfg rollout.Config, asJSON bool) error {
	batches, err := rollout.PlanOf(cfg)
	if err != nil {
		return err
	}
	journal, err := rollout.ReadJournal(ctx, cfg.Services.Store, cfg.Cluster)
	if err != nil {
		return err
	}
	plan := deployPlan{cfg.Cluster.Environment, cfg.Cluster.Name, cfg.Release, make([][]fleet.Instance, len(batches)), journal}
	for n, batch := range batches {
		for _, id := range batch {
			i, _ := cfg.Cluster.Instance(id) // where the plan has it from
			plan.Batches[n] = append(plan.Batches[n], i)
		}
	}
	if asJSON {
		return printJSON(a.stdout, plan)
	}
	printPlan(a.stdout, plan)
	if journal != nil {
		printJournal(a.stdout, cfg.Cluster, *journal, a.now())
	}
	return nil
}

func printPlan(w io.Writer, p deployPlan) {
	if len(p.Batches) == 0 {
		fmt.Fprintf(w, "%s of %s to %s: nothing to do\n", p.Cluster, p.Environment, p.Release)
		return
	}
	fmt.Fprintf(w, "%s of %s to %s:\n", p.Cluster, p.Environment, p.Release)
	var rows [][]any
	for n, batch := range p.Batches {
		for _, i := range batch {
			rows = append(rows, []any{n + 1, i.ID, i.Lifecycle, i.Zone, i.Release, health(i)})
		}
	}
	printTable(w, []string{"batch", "instance", "lifecycle", "zone", "release", "health"}, rows)
}

func printReport(w io.Writer, r rollout.Report) {
	if len(r.Instances) == 0 {
		fmt.Fprintf(w, "%s of %s has no instances: nothing to do\n", r.Cluster, r.Environment)
		return
	}
	header := []string{"instance", "lifecycle", "outcome", "before", "after", "state", "health", "detail"}
	if !slices.ContainsFunc(r.Instances, func(i rollout.Result) bool { return i.Detail != "" }) {
		header = header[:len(header)-1]
	}
	rows := make([][]any, len(r.Instances))
	for n, i := range r.Instances {
		rows[n] = []any{i.ID, i.Lifecycle, i.Outcome, i.Before, i.After, i.State, i.Health, i.Detail}[:len(header)]
	}
	printTable(w, header, rows)
	all := "not every instance runs"
	if r.Complete {
		all = "every instance runs"
	}
	fmt.Fprintf(w, "%s of %s: %s %s\n", r.Cluster, r.Environment, all, r.Release)
}
