package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/tandem-iac/tandem/internal/release"
)

func newReleasePruneCommand(a *app) *cobra.Command {
	var flags releaseFlags
	var cfg release.PruneConfig
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "prune",
		Short: "Delete old versions that nothing refers to",
		Long: `Delete old versions and what interrupted uploads have left. What latest, stable,
the next rollback and the last changes of the history refer to stays. Look at it
with --dry-run first.`,
		Example: `  tandem release prune --dry-run
  tandem release prune --keep 50`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if cfg.Keep < 1 || cfg.History < 1 || cfg.Unfinished <= 0 {
				return inputError{err: fmt.Errorf("--keep is %d, --history %d and --unfinished %s, want each above 0", cfg.Keep, cfg.History, cfg.Unfinished)}
			}
			ledger, err := a.ledger(cmd.Context(), flags)
			if err != nil {
				return err
			}
			pruned, err := ledger.Prune(cmd.Context(), cfg)
			if err != nil {
				return err
			}
			if asJSON {
				if pruned == nil {
					pruned = []release.Pruned{} // JSON would print nil as null
				}
				return printJSON(a.stdout, pruned)
			}
			rows := make([][]any, len(pruned))
			var total int64
			for i, p := range pruned {
				held := "nothing"
				if p.Size > 0 {
					held = size(p.Size)
				}
				rows[i] = []any{p.Version, p.Reason, held}
				total += p.Size
			}
			printTable(a.stdout, []string{"version", "reason", "size"}, rows)
			verb := "deleted"
			if cfg.DryRun {
				verb = "to be deleted"
			}
			fmt.Fprintf(a.stdout, "%s, %s, %s\n", counted(len(pruned), "version"), size(total), verb)
			return nil
		},
	}
	flags.add(cmd)
	cmd.Flags().IntVar(&cfg.Keep, "keep", release.DefaultKeep, "how many of the newest versions stay")
	cmd.Flags().IntVar(&cfg.History, "history", release.DefaultHistory, "how many changes of stable keep their versions")
	cmd.Flags().DurationVar(&cfg.Unfinished, "unfinished", release.DefaultUnfinished, "how long an upload may take before it is given up")
	cmd.Flags().BoolVar(&cfg.DryRun, "dry-run", false, "only say what would be deleted")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}
