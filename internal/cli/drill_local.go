package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/tandem-iac/tandem/internal/check"
	"github.com/tandem-iac/tandem/internal/drill"
	"github.com/tandem-iac/tandem/spec"
)

// localOptions is what the user chose for a drill on this machine.
type localOptions struct {
	drill.Config
	realTime, asJSON bool
	set              []string
}

const (
	// drillScale is by how much a drill is faster than AWS.
	drillScale = 10
	// serviceCommand is the command that is a drill's web service.
	serviceCommand = "drill-service"
)

// newDrillServiceCommand is what drills start as web services of instances.
func newDrillServiceCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:    serviceCommand,
		Short:  "Be the web service of a drill",
		Hidden: true,
		RunE:   func(cmd *cobra.Command, _ []string) error { return drill.Serve(cmd.Context(), a.stdout) },
	}
}

func (o *localOptions) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.IntVar(&o.Interruptions, "interruptions", 5, fmt.Sprintf("`number` of spot instances that are interrupted in the same second, up to %d", drill.MaxInterruptions))
	flags.IntVar(&o.Rate, "rate", 100, "`requests` in a second")
	flags.DurationVar(&o.Slack, "slack", 300*time.Millisecond, "how long after one poll a rescue may be accepted")
	flags.BoolVar(&o.realTime, "real-time", false, fmt.Sprintf("take as long as AWS, instead of a %dth of it", drillScale))
	flags.BoolVar(&o.Chaos, "chaos", false, "kill agents, silence metadata services and make AWS fail, at random moments")
	flags.BoolVar(&o.NoRestart, "no-restart", false, "leave agents dead that --chaos kills: a drill that has to fail")
	flags.StringArrayVar(&o.set, "set", nil, "`NAME=VALUE` of the agents' settings, instead of the cluster's")
	flags.Uint64Var(&o.Seed, "seed", 1, "`number` that random choices begin with")
	flags.StringVar(&o.Directory, "directory", "", "`directory` to leave the logs of the agents in (default none)")
	flags.BoolVar(&o.asJSON, "json", false, "print the report as JSON")
}

// localFlags are those that a drill against AWS has no use for, and awsFlags
// the others.
var (
	localFlags = []string{"interruptions", "rate", "slack", "real-time", "chaos", "no-restart", "set", "seed", "directory", "json"}
	awsFlags   = []string{"count", "percent", "stop-alarm", "print"}
)

// refuseFlags refuses flags that have no effect.
func refuseFlags(cmd *cobra.Command, names []string, why string) error {
	for _, name := range names {
		if cmd.Flags().Changed(name) {
			return check.InputErrorf("--%s is set, %s", name, why)
		}
	}
	return nil
}

func (a *app) localDrill(ctx context.Context, args []string, file string, o localOptions) error {
	cfg := o.Config
	var err error
	if cfg.Environment, cfg.Cluster, cfg.Spec, err = a.drilled(ctx, args, file); err != nil {
		return err
	}
	cfg.Timing, cfg.Scale = drill.RealTiming(cfg.Spec), 1
	if !o.realTime {
		cfg.Timing, cfg.Scale = cfg.Timing.Scale(drillScale), drillScale
	}
	if cfg.Settings, err = parseSettings(o.set); err != nil {
		return err
	}
	if err := cfg.Validate(); err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	if cfg.Programs, err = drill.FindPrograms(self); err != nil {
		return err
	}
	cfg.Programs.Service = []string{self, serviceCommand}
	cfg.Progress = func(message string) { fmt.Fprintf(a.stderr, "%s %s\n", time.Now().Format(time.TimeOnly), message) }
	report, err := drill.Run(ctx, cfg)
	if err != nil {
		return err
	}
	if o.asJSON {
		err = printJSON(a.stdout, report)
	} else {
		printDrill(a.stdout, report)
	}
	switch {
	case err != nil || report.Green:
		return err
	case report.Undecided:
		return fmt.Errorf("the drill is undecided: this machine, late by up to %.1f s, is too busy to judge: %s; drill again, or with fewer --interruptions", report.Lag, broken(report))
	}
	return errors.New("the drill is red: " + broken(report))
}

// drilled returns the cluster to drill: that of the description, or where none
// is named one with all defaults.
func (a *app) drilled(ctx context.Context, args []string, file string) (environment, name string, cluster spec.Cluster, err error) {
	if len(args) == 0 && file == "" {
		const environment, name, instanceType = "drill", "web", "m4.large"
		env := spec.Environment{
			Name: environment, Region: "eu-west-1", OnDemandPrices: map[string]float64{instanceType: 0.111},
			Clusters: map[string]spec.Cluster{name: {}},
		}
		return environment, name, env.WithDefaults().Clusters[name], nil
	}
	if len(args) == 0 {
		return "", "", spec.Cluster{}, check.InputErrorf("--file is set without a CLUSTER of it")
	}
	env, err := a.describe(ctx, &place{file: file})
	if err != nil {
		return "", "", spec.Cluster{}, err
	}
	cluster, err = clusterOf(env, args[0])
	return env.Name, args[0], cluster, err
}

func parseSettings(list []string) (map[string]string, error) {
	settings := map[string]string{}
	for _, each := range list {
		name, value, found := strings.Cut(each, "=")
		if !found || name == "" {
			return nil, check.InputErrorf("--set is %q, want NAME=VALUE, such as TANDEM_DEREGISTRATION_SECONDS=1", each)
		}
		settings[name] = value
	}
	return settings, nil
}

func broken(r drill.Report) string {
	var names []string
	for _, p := range r.Promises {
		if !p.Kept {
			names = append(names, p.Name)
		}
	}
	return strings.Join(names, "; ")
}

func printDrill(w io.Writer, r drill.Report) {
	rows := make([][]any, len(r.Promises))
	for n, p := range r.Promises {
		verdict := "ok"
		switch {
		case p.TooBusy:
			verdict = "too busy to judge"
		case !p.Kept:
			verdict = "BROKEN"
		}
		rows[n] = []any{p.Name, p.Want, p.Got, verdict}
	}
	printTable(w, []string{"promise", "want", "got", "verdict"}, rows)
	fmt.Fprintln(w)
	rows = nil
	for _, i := range r.Instances {
		rows = append(rows, []any{i.ID, after(i.Seen), after(i.Rescue), after(i.Deregistered), len(i.Hooks), after(i.Left), i.Kills})
	}
	printTable(w, []string{"instance", "notice seen", "rescue", "deregistered", "hooks", "left", "kills"}, rows)
	fmt.Fprintf(w, "\nnotice to accepted rescue: p50 %.2f s, p99 %.2f s, most %.2f s\n", r.Latency.P50, r.Latency.P99, r.Latency.Max)
	fmt.Fprintf(w, "desired capacity of on-demand: %d before, %d after, %d at most\n", r.Desired.Before, r.Desired.After, r.Desired.Max)
	fmt.Fprintf(w, "requests: %d sent, %d dropped, the longest %.1f s\n", r.Requests.Sent, r.Requests.Dropped, r.Requests.Longest)
	for _, reason := range r.Requests.Reasons {
		fmt.Fprintf(w, "  %s\n", reason)
	}
	if c := r.Chaos; c != nil {
		fmt.Fprintf(w, "hindered by %d kills, %d metadata outages, %d times AWS refused everything for a while\n", c.Kills, c.MetadataOutages, c.APIOutages)
	}
	s := r.Settings
	fmt.Fprintf(w, "times in seconds%s: notice %g, poll %g, calls %g, deregistration %g of which %g with new requests, hooks %g, flush %g, boot %g\n",
		scaled(r.Scale), s.Notice, s.Poll, s.API, s.Deregistration, s.Propagation, s.Hooks, s.Flush, s.Boot)
	fmt.Fprintf(w, "this machine took up to %.2f s for what takes none\n", r.Lag)
	if r.Directory != "" {
		fmt.Fprintf(w, "logs: %s\n", r.Directory)
	}
	verdict := "green: every promise was kept"
	switch {
	case r.Undecided:
		verdict = "undecided: this machine was too busy to judge"
	case !r.Green:
		verdict = "red: a promise was broken"
	}
	fmt.Fprintf(w, "%s of %s is %s\n", r.Cluster, r.Environment, verdict)
}

func scaled(scale int) string {
	if scale == 1 {
		return ", as on AWS"
	}
	return fmt.Sprintf(", a %dth of AWS's", scale)
}

// after is a time after the notice, if there is one.
func after(s *float64) string {
	if s == nil {
		return "-"
	}
	return fmt.Sprintf("%.2f s", *s)
}
