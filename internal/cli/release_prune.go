package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/tandem-iac/tandem/internal/release"
)

func newReleasePruneCommand(a *app) *cobra.Command {
	var flags pruneFlags
	cmd := &cobra.Command{
		Use:   "prune",
		Short: "Delete old versions that nothing refers to",
		Long: `Delete old versions and what interrupted uploads have left. What latest, stable,
the next rollback and the last changes of the history refer to stays. Look at it
with --dry-run first.`,
		Example: `  tandem release prune --dry-run
  tandem release prune --keep 50`,
		RunE: func(cmd *cobra.Command, _ []string) error { return flags.run(cmd.Context(), a) },
	}
	flags.add(cmd)
	return cmd
}

type pruneFlags struct {
	releaseFlags
	cfg    release.PruneConfig
	asJSON bool
}

func (f *pruneFlags) add(cmd *cobra.Command) {
	f.releaseFlags.add(cmd)
	flags := cmd.Flags()
	flags.IntVar(&f.cfg.Keep, "keep", release.DefaultKeep, "how many of the newest `versions` stay")
	flags.IntVar(&f.cfg.History, "history", release.DefaultHistory, "how many `changes` of stable keep their versions")
	flags.DurationVar(&f.cfg.Unfinished, "unfinished", release.DefaultUnfinished, "how long an upload may take before it is given up")
	flags.BoolVar(&f.cfg.DryRun, "dry-run", false, "only say what would be deleted")
	flags.BoolVar(&f.asJSON, "json", false, "print JSON")
}

func (f *pruneFlags) run(ctx context.Context, a *app) error {
	// Zero is the default in a PruneConfig; who writes it means something else.
	if f.cfg.Keep < 1 || f.cfg.History < 1 || f.cfg.Unfinished <= 0 {
		return inputError{err: fmt.Errorf("--keep is %d, --history %d and --unfinished %s, want each above 0", f.cfg.Keep, f.cfg.History, f.cfg.Unfinished)}
	}
	ledger, err := a.ledger(ctx, f.releaseFlags)
	if err != nil {
		return err
	}
	pruned, err := ledger.Prune(ctx, f.cfg)
	if err != nil {
		return err
	}
	if f.asJSON {
		if pruned == nil {
			pruned = []release.Pruned{} // JSON would print nil as null
		}
		return printJSON(a.stdout, pruned)
	}
	a.printPruned(pruned, f.cfg.DryRun)
	return nil
}

func (a *app) printPruned(pruned []release.Pruned, dryRun bool) {
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
	if dryRun {
		verb = "to be deleted"
	}
	fmt.Fprintf(a.stdout, "%s, %s, %s\n", counted(len(pruned), "version"), size(total), verb)
}
