package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tandem-iac/tandem/internal/check"
	"github.com/tandem-iac/tandem/internal/fis"
	"github.com/tandem-iac/tandem/spec"
)

// drillOptions is what the user chose for a drill.
type drillOptions struct {
	file           string
	count, percent int
	stopAlarm      string
	print          string
	local          bool
	onMachine      localOptions
}

func newDrillCommand(a *app) *cobra.Command {
	var o drillOptions
	cmd := &cobra.Command{
		Use:   "drill {CLUSTER | --local [CLUSTER]}",
		Short: "Interrupt spot instances on purpose, and see what becomes of it",
		Long: fmt.Sprintf(`Interrupt spot instances on purpose.

With --local, on this machine and without AWS: agents, web services and requests
are real, and moto_server and amazon-ec2-metadata-mock stand for AWS. All agents
get their notice in the same second, and a report says whether every promise was
kept: the exit code is 1 if one was not. Times are a %dth of AWS's, unless
--real-time is set; those of a CLUSTER are taken from the description.

Without --local, print an experiment of the AWS Fault Injection Service that
interrupts spot instances of a cluster, chosen at random, as AWS itself does: a
rebalance recommendation, a notice, and two minutes later the end. Nothing is
called: what --print commands shows makes the role and runs the experiment.`, drillScale),
		Example: `  tandem drill --local
  tandem drill --local --chaos --interruptions 20
  tandem drill --local obelix --real-time
  tandem drill obelix
  tandem drill obelix --percent 50 --stop-alarm arn:aws:cloudwatch:…:alarm:errors --print commands`,
		Args: func(cmd *cobra.Command, args []string) error {
			if o.local {
				return atMostOne(cmd, args)
			}
			return exactly("a CLUSTER or --local")(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if o.local {
				if err := refuseFlags(cmd, awsFlags, "which is for a drill against AWS: leave --local out"); err != nil {
					return err
				}
				return a.localDrill(cmd.Context(), args, o.file, o.onMachine)
			}
			if err := refuseFlags(cmd, localFlags, "which is for --local"); err != nil {
				return err
			}
			if cmd.Flags().Changed("percent") && !cmd.Flags().Changed("count") {
				o.count = 0 // the default gives way
			}
			return a.experiment(cmd.Context(), args[0], o)
		},
	}
	flags := cmd.Flags()
	flags.StringVarP(&o.file, "file", "f", "", "`file` with the description (default $TANDEM_SPEC or "+defaultFile+")")
	flags.BoolVar(&o.local, "local", false, "drill on this machine, without AWS")
	flags.IntVar(&o.count, "count", 1, "`number` of instances to interrupt; the service takes 5 unless its quota was raised")
	flags.IntVar(&o.percent, "percent", 0, "`share` of the spot instances to interrupt, instead of a number")
	flags.StringVar(&o.stopAlarm, "stop-alarm", "", "`ARN` of a CloudWatch alarm that ends the experiment")
	flags.StringVar(&o.print, "print", "template", "`what` to print: "+strings.Join(drillParts(), ", "))
	o.onMachine.add(cmd)
	return cmd
}

// drillPrinters are what can be printed of an experiment.
func drillPrinters(a *app) map[string]func(c fis.Config) error {
	policy := func(text string) error { return printJSON(a.stdout, json.RawMessage(text)) }
	return map[string]func(c fis.Config) error{
		"template":    func(c fis.Config) error { return printJSON(a.stdout, c.Template()) },
		"trust":       func(c fis.Config) error { return policy(c.Trust().JSON()) },
		"permissions": func(c fis.Config) error { return policy(c.Permissions().JSON()) },
		"commands": func(c fis.Config) error {
			script, err := c.Commands()
			if err == nil {
				fmt.Fprint(a.stdout, script)
			}
			return err
		},
	}
}

func drillParts() []string { return slices.Sorted(maps.Keys(drillPrinters(nil))) }

func (a *app) experiment(ctx context.Context, name string, o drillOptions) error {
	show, known := drillPrinters(a)[o.print]
	if !known {
		return check.InputErrorf("--print is %q, want one of %s", o.print, strings.Join(drillParts(), ", "))
	}
	env, err := a.describe(ctx, &place{file: o.file})
	if err != nil {
		return err
	}
	cluster, err := clusterOf(env, name)
	if err != nil {
		return err
	}
	cfg := fis.Config{
		Environment: env.Name,
		Cluster:     name,
		Region:      env.Region,
		Account:     cmp.Or(env.Account, cluster.CertificateAccount()),
		Count:       o.count,
		Percent:     o.percent,
		StopAlarm:   o.stopAlarm,
	}
	if err := cfg.Validate(); err != nil {
		return err
	}
	return show(cfg)
}

// clusterOf returns a cluster of the description, or says which was meant.
func clusterOf(env spec.Environment, name string) (spec.Cluster, error) {
	cluster, known := env.Clusters[name]
	if !known {
		return spec.Cluster{}, check.InputErrorf("there is no cluster %s in %s: %s", name, env.Name, check.Suggest(name, slices.Sorted(maps.Keys(env.Clusters))))
	}
	return cluster, nil
}
