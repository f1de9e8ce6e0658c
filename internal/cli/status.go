package cli

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/tandem-iac/tandem/internal/fleet"
	"github.com/tandem-iac/tandem/internal/rollout"
)

func newStatusCommand(a *app) *cobra.Command {
	var at place
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "status CLUSTER",
		Short: "Show the release and health of every instance of a cluster",
		Long: `Show every instance of a cluster: its release as the machine itself has tagged
it, group, zone, health and age, and whether instances run different releases.`,
		Example: `  tandem status obelix
  tandem status obelix --environment prod --region ap-southeast-1 --json`,
		Args: exactly("a CLUSTER"),
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := a.connect(cmd.Context(), &at)
			if err != nil {
				return err
			}
			return a.status(cmd.Context(), rollout.NewServices(cfg), at.environment, args[0], asJSON)
		},
	}
	at.add(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// clusterStatus is a cluster in JSON.
type clusterStatus struct {
	fleet.Cluster
	// Releases are those that run, the most frequent first.
	Releases []fleet.Running `json:"releases"`
	// Skew says that there is more than one.
	Skew bool `json:"skew"`
	// Deploy is the one that is going on or has died. Nil: none.
	Deploy *rollout.Journal `json:"deploy,omitempty"`
}

func (a *app) status(ctx context.Context, services rollout.Services, environment, name string, asJSON bool) error {
	cluster, err := services.Fleet.Cluster(ctx, environment, name)
	if err != nil {
		return err
	}
	journal, err := rollout.ReadJournal(ctx, services.Store, cluster)
	if err != nil {
		return err
	}
	releases := cluster.Releases()
	if asJSON {
		return printJSON(a.stdout, clusterStatus{Cluster: cluster, Releases: releases, Skew: len(releases) > 1, Deploy: journal})
	}
	printCluster(a.stdout, cluster, releases, a.now())
	if journal != nil {
		printJournal(a.stdout, cluster, *journal, a.now())
	}
	return nil
}

func printCluster(w io.Writer, c fleet.Cluster, releases []fleet.Running, now time.Time) {
	fmt.Fprintf(w, "%s of %s, service %s\n", c.Name, c.Environment, c.Service)
	for _, g := range c.Groups {
		fmt.Fprintf(w, "  %s: %d wanted, %d to %d allowed\n", g.Name, g.Desired, g.Min, g.Max)
	}
	if len(c.Instances) == 0 {
		fmt.Fprintln(w, "no instances")
		return
	}
	rows := make([][]any, len(c.Instances))
	for n, i := range c.Instances {
		release := i.Release.String()
		if len(releases) > 1 && i.Release != releases[0].Release {
			release += " *"
		}
		rows[n] = []any{i.ID, i.Lifecycle, release, i.Zone, i.Type, i.State, health(i), age(now.Sub(i.Launched))}
	}
	printTable(w, []string{"instance", "lifecycle", "release", "zone", "type", "state", "health", "age"}, rows)
	if len(releases) > 1 {
		var parts []string
		for _, r := range releases {
			on := "on "
			if !r.Release.Known() {
				on = ""
			}
			parts = append(parts, fmt.Sprintf("%d %s%s", r.Count, on, r.Release))
		}
		fmt.Fprintf(w, "* release skew: %s\n", strings.Join(parts, ", "))
	}
}

func printJournal(w io.Writer, c fleet.Cluster, j rollout.Journal, now time.Time) {
	if !j.Abandoned(now) {
		fmt.Fprintf(w, "%s is deploying %s to %s\n", j.By, j.Release, c.Name)
		return
	}
	fmt.Fprintf(w, "a deploy of %s by %s has died: 'tandem deploy %s' repairs what it left\n", j.Release, j.By, c.Name)
}

func health(i fleet.Instance) string {
	if i.Health == fleet.Healthy || i.HealthReason == "" {
		return i.Health
	}
	return i.Health + " (" + strings.TrimPrefix(i.HealthReason, "Target.") + ")"
}

// age is a duration to one unit: 45s, 12m, 3h, 20d.
func age(d time.Duration) string {
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%ds", max(0, int(d.Seconds())))
	case d < time.Hour:
		return fmt.Sprintf("%dm", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh", int(d.Hours()))
	}
	return fmt.Sprintf("%dd", int(d.Hours()/24))
}
