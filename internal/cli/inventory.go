package cli

import (
	"errors"
	"fmt"

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
			if list == (host != "") {
				return inputError{err: errors.New("want one of --list and --host INSTANCE"), help: cmd.CommandPath()}
			}
			cfg, err := a.connect(cmd.Context(), &at)
			if err != nil {
				return err
			}
			clusters, err := fleet.NewFinder(cfg).Clusters(cmd.Context(), at.environment)
			if err != nil {
				return err
			}
			if len(clusters) == 0 {
				fmt.Fprintf(a.screen, "tandem: there is no cluster%s in %s\n", of(at.environment), cfg.Region)
			}
			if list {
				return printJSON(a.stdout, fleet.NewInventory(clusters))
			}
			vars, ok := fleet.HostVarsOf(clusters, host)
			if !ok {
				return inputError{err: fmt.Errorf("no cluster%s in %s has an instance %s: 'tandem inventory --list' lists those there are", of(at.environment), cfg.Region, host)}
			}
			return printJSON(a.stdout, vars)
		},
	}
	at.add(cmd)
	cmd.Flags().BoolVar(&list, "list", false, "print all groups and hosts")
	cmd.Flags().StringVar(&host, "host", "", "print the variables of one `instance`")
	return cmd
}

// of names the environment that was looked in, where only one was.
func of(environment string) string {
	if environment == "" {
		return ""
	}
	return " of " + environment
}
