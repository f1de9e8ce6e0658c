package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/tandem-iac/tandem/internal/awsclient"
	"github.com/tandem-iac/tandem/internal/fleet"
	"github.com/tandem-iac/tandem/internal/nagios"
)

// leastEvery is the shortest time between two syncs.
const leastEvery = time.Second

func newNagiosCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "nagios",
		Short: "Keep a Nagios 4 in step with the instances",
	}
	cmd.AddCommand(newNagiosSyncCommand(a), newNagiosTemplatesCommand(a))
	return cmd
}

func newNagiosTemplatesCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:     "templates",
		Short:   "Print the definitions that hosts and services build on",
		Long:    "Print the object definitions that hosts and services build on. Change what you\nlike and pass the file to 'tandem nagios sync --templates'.",
		Example: "  tandem nagios templates > /etc/tandem/nagios-templates.cfg",
		RunE: func(*cobra.Command, []string) error {
			fmt.Fprint(a.stdout, nagios.Templates())
			return nil
		},
	}
}

// nagiosSync are the flags of tandem nagios sync.
type nagiosSync struct {
	place
	nagios.Config
	templates string
	every     time.Duration
}

func newNagiosSyncCommand(a *app) *cobra.Command {
	var s nagiosSync
	cmd := &cobra.Command{
		Use:   "sync",
		Short: "Write hosts, host groups and services for the instances there are",
		Long: `Write a Nagios host for each instance of the environment's clusters, host
groups by cluster, lifecycle, zone and group, and the load balancer's health
check as a service. nagios4 -v has to accept the whole configuration before it
is put in place, in one step, and Nagios reloads only if something has changed.
Whatever fails, the last good configuration stays.

An instance is watched from its first passed health check on. One that leaves
its group gets a scheduled downtime at once and is forgotten when it is gone.`,
		Example: `  tandem nagios sync --environment prod
  tandem nagios sync --environment prod --every 3m
  tandem nagios sync --output /etc/nagios4/conf.d/tandem.cfg --reload 'systemctl reload nagios4'`,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.syncNagios(cmd.Context(), &s) },
	}
	s.add(cmd)
	flags := cmd.Flags()
	flags.DurationVar(&s.every, "every", 0, "sync again after each such `time`; failures of AWS or Nagios are reported and tried again (default once)")
	flags.StringVar(&s.Main, "config", nagios.DefaultMain, "Nagios's main configuration `file`, which reads the output")
	flags.StringVar(&s.Output, "output", nagios.DefaultOutput, "`file` to write")
	flags.StringVar(&s.templates, "templates", "", "`file` with the definitions to build on (default those of 'tandem nagios templates')")
	flags.StringVar(&s.Program, "nagios", nagios.DefaultProgram, "`program` that verifies")
	flags.StringVar(&s.Reload, "reload", "", "shell `command` that reloads Nagios (default RESTART_PROGRAM through its command file)")
	flags.DurationVar(&s.Boot, "boot", nagios.DefaultBoot, "`time` from its launch in which a new instance may fail its health check without being watched")
	flags.DurationVar(&s.Downtime, "downtime", nagios.DefaultDowntime, "`time` of a downtime")
	flags.BoolVar(&s.AllowEmpty, "allow-empty", false, "let all hosts go where AWS knows no cluster")
	return cmd
}

func (s *nagiosSync) check() error {
	for _, d := range []struct {
		name         string
		value, least time.Duration
	}{{"every", s.every, leastEvery}, {"boot", s.Boot, time.Second}, {"downtime", s.Downtime, time.Minute}} {
		if d.value < d.least && (d.name != "every" || d.value != 0) {
			return inputError{err: fmt.Errorf("--%s is %s, want %s or longer", d.name, d.value, d.least)}
		}
	}
	if s.templates == "" {
		return nil
	}
	text, err := os.ReadFile(s.templates)
	if err != nil {
		return inputError{err: fmt.Errorf("--templates: %w", err)}
	}
	s.Templates = string(text) + "\n"
	return nil
}

func (a *app) syncNagios(ctx context.Context, s *nagiosSync) error {
	if err := s.check(); err != nil {
		return err
	}
	cfg, err := a.connect(ctx, &s.place)
	if err != nil {
		return err
	}
	finder := fleet.NewFinder(cfg)
	s.Now = a.now
	s.Find = func(ctx context.Context) (nagios.Clusters, error) {
		clusters, err := finder.Clusters(ctx, s.environment)
		if err != nil {
			return nagios.Clusters{}, err
		}
		checks, err := finder.HealthChecks(ctx, clusters)
		return nagios.Clusters{List: clusters, Checks: checks}, err
	}
	syncer := nagios.New(s.Config)
	if s.every == 0 {
		result, err := syncer.Sync(ctx)
		if err == nil {
			a.reportSync(result)
		}
		return err
	}
	if err := syncer.Check(); err != nil {
		return err
	}
	syncer.Poll(ctx, s.every, func(r nagios.Result, err error) {
		if err != nil {
			printError(a.screen, fmt.Errorf("%w; the next try is in %s", awsclient.Explain(err), s.every))
		} else if r.Changed || r.Reloaded || r.Downtimes > 0 || len(r.Skipped) > 0 {
			a.reportSync(r)
		}
	})
	if cause := context.Cause(ctx); !errors.Is(cause, errInterrupted) {
		return cause
	}
	return nil // it was to end
}

func (a *app) reportSync(r nagios.Result) {
	state := "nothing has changed"
	if r.Changed {
		state = fmt.Sprintf("%d added, %d removed", r.Added, r.Removed)
	}
	if r.Reloaded {
		state += ", reloaded"
	}
	fmt.Fprintf(a.stdout, "%s: %s", counted(r.Hosts, "host"), state)
	if r.Downtimes > 0 {
		fmt.Fprintf(a.stdout, ", %s", counted(r.Downtimes, "downtime"))
	}
	if r.Booting > 0 {
		fmt.Fprintf(a.stdout, ", %d not up yet", r.Booting)
	}
	fmt.Fprintln(a.stdout)
	for _, line := range r.Skipped {
		fmt.Fprintf(a.screen, "tandem: skipped: %s\n", line)
	}
}
