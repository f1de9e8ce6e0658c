package cli

import (
	"cmp"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/tandem-iac/tandem/internal/git"
	"github.com/tandem-iac/tandem/internal/release"
)

func newReleasePromoteCommand(a *app) *cobra.Command {
	var flags promoteFlags
	cmd := &cobra.Command{
		Use:   "promote latest|VERSION",
		Short: "Make a version the stable one, which new machines run",
		Long: `Make a version the stable one, which new machines run, after its archive has
been read and found to be what was published. If somebody else moves
latest-stable meanwhile, nothing is changed.

With --git an annotated tag follows the stable version's commit, here and at the
remote; run it in a clone that has the commit.`,
		Example: `  tandem release promote latest
  tandem release promote 42 --git`,
		Args: exactly("latest or a VERSION"),
		RunE: func(cmd *cobra.Command, args []string) error {
			// Before anything that takes time.
			if _, err := release.ParsePromotable(args[0]); err != nil {
				return err
			}
			return flags.run(cmd, a, func(l *release.Ledger, cfg release.PromoteConfig) (release.Promotion, error) {
				cfg.Version = args[0]
				return l.Promote(cmd.Context(), cfg)
			})
		},
	}
	flags.add(cmd)
	return cmd
}

func newReleaseRollbackCommand(a *app) *cobra.Command {
	var flags promoteFlags
	cmd := &cobra.Command{
		Use:   "rollback",
		Short: "Make the previous stable version the stable one again",
		Long: `Make the version stable that was so before the present one. Once more goes one
further back, not forth to the version that was just left. Machines that are
running stay as they are.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return flags.run(cmd, a, func(l *release.Ledger, cfg release.PromoteConfig) (release.Promotion, error) {
				return l.Rollback(cmd.Context(), cfg)
			})
		},
	}
	flags.add(cmd)
	return cmd
}

// promoteFlags are those of promote and rollback.
type promoteFlags struct {
	releaseFlags
	git         bool
	tag, remote string
	asJSON      bool
}

func (f *promoteFlags) add(cmd *cobra.Command) {
	f.releaseFlags.add(cmd)
	cmd.Flags().BoolVar(&f.git, "git", false, "move and push the tag of the stable version")
	cmd.Flags().StringVar(&f.tag, "tag", "", "the `tag` for --git; default <artifact>-<environment>-stable")
	cmd.Flags().StringVar(&f.remote, "remote", "origin", "the `remote` for --git")
	cmd.Flags().BoolVar(&f.asJSON, "json", false, "print JSON")
}

func (f *promoteFlags) run(cmd *cobra.Command, a *app, promote func(*release.Ledger, release.PromoteConfig) (release.Promotion, error)) error {
	for _, name := range []string{"tag", "remote"} {
		if cmd.Flags().Changed(name) && !f.git {
			return inputError{err: fmt.Errorf("--%s has no effect without --git", name)}
		}
	}
	ctx := cmd.Context()
	ledger, err := a.ledger(ctx, f.releaseFlags)
	if err != nil {
		return err
	}
	var cfg release.PromoteConfig
	if f.git {
		cfg.Repository = "."
		cfg.Tag = &git.Tag{Name: cmp.Or(f.tag, ledger.TagName()), Remote: f.remote}
	}
	p, err := promote(ledger, cfg)
	if err != nil {
		return err
	}
	if f.asJSON {
		return printJSON(a.stdout, p)
	}
	a.printPromotion(p)
	return nil
}

func (a *app) printPromotion(p release.Promotion) {
	switch {
	case !p.Moved:
		fmt.Fprintf(a.stdout, "%s %d is stable in %s already\n", p.Artifact, p.Version, p.Environment)
	case p.From == p.Version:
		fmt.Fprintf(a.stdout, "%s %d is stable in %s, and recorded as such now\n", p.Artifact, p.Version, p.Environment)
	case p.From == 0:
		fmt.Fprintf(a.stdout, "%s %d is stable in %s, the first to be so\n", p.Artifact, p.Version, p.Environment)
	default:
		fmt.Fprintf(a.stdout, "%s %d is stable in %s, before it was %d\n", p.Artifact, p.Version, p.Environment, p.From)
	}
	if t := p.Tag; t != nil {
		what := fmt.Sprintf("moved from %s to %s", short(t.From), short(t.Commit))
		switch t.From {
		case "":
			what = "set at " + short(t.Commit)
		case t.Commit:
			what = "renewed at " + short(t.Commit)
		}
		fmt.Fprintf(a.stdout, "tag %s is %s and pushed to %s\n", t.Name, what, t.Remote)
	}
}
