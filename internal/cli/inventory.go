package cli

import (
	"errors"

	"github.com/spf13/cobra"

	"github.com/tandem-iac/tandem/internal/fleet"
)

func newInventoryCommand(a *app) *cobra.Command {
	var at place
	var list bool
	var host string
	cmd := &cobra.Command{
		Use:   "inventory {--list | --host INSTANCE}",
		Short: "Print an Ansible inventory of the clusters",
		Long: `Print the clusters' instances as a dynamic inventory of Ansible, in groups by
environment, cluster, lifecycle and service, such as cluster_obelix and
lifecycle_spot. Ansible runs a file that calls this command:

  #!/bin/sh
  exec tandem inventory --environment prod "$@"`,
		Example: `  tandem inventory --list
  tandem inventory --host i-0123456789abcdef0
  ansible-inventory -i inventory.sh --graph`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := a.connect(cmd.Context(), &at)
			if err != nil {
				return err
			}
			clusters, err := fleet.NewFinder(cfg).Clusters(cmd.Context(), at.environment)
			if err != nil {
				return err
			}
			if list {
				return printJSON(a.stdout, fleet.NewInventory(clusters))
			}
			vars, ok := fleet.HostVarsOf(clusters, host)
			if !ok {
				return inputError{err: errors.New("no cluster in " + cfg.Region + " has an instance " + host + ": 'tandem inventory --list' lists those there are")}
			}
			return printJSON(a.stdout, vars)
		},
	}
	at.add(cmd)
	cmd.Flags().BoolVar(&list, "list", false, "print all groups and hosts")
	cmd.Flags().StringVar(&host, "host", "", "print the variables of one `instance`")
	cmd.MarkFlagsMutuallyExclusive("list", "host")
	cmd.MarkFlagsOneRequired("list", "host")
	return cmd
}
