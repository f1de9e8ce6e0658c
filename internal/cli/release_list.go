package cli

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tandem-iac/tandem/internal/release"
)

// listFlags are those of list and history.
type listFlags struct {
	releaseFlags
	limit  int
	asJSON bool
}

func (f *listFlags) add(cmd *cobra.Command) {
	f.releaseFlags.add(cmd)
	cmd.Flags().IntVar(&f.limit, "limit", 20, "how many; 0 is all")
	cmd.Flags().BoolVar(&f.asJSON, "json", false, "print JSON")
}

func (f *listFlags) ledger(ctx context.Context, a *app) (*release.Ledger, error) {
	if f.limit < 0 {
		return nil, inputError{err: fmt.Errorf("--limit is %d, want 0 for all or more", f.limit)}
	}
	return a.ledger(ctx, f.releaseFlags)
}

func newReleaseListCommand(a *app) *cobra.Command {
	var flags listFlags
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the published versions, the newest first",
		RunE: func(cmd *cobra.Command, _ []string) error {
			ledger, err := flags.ledger(cmd.Context(), a)
			if err != nil {
				return err
			}
			list, err := ledger.List(cmd.Context(), flags.limit)
			if err != nil {
				return err
			}
			if flags.asJSON {
				return errors.Join(printJSON(a.stdout, list), damaged(list))
			}
			rows := make([][]any, len(list))
			for i, e := range list {
				if e.Damage != "" {
					rows[i] = []any{e.Version, pointers(e), "damaged", "", "", "", ""}
					continue
				}
				rows[i] = []any{e.Version, pointers(e), revision(e.Manifest), e.Branch, when(e.PublishedAt), e.Builder, size(e.Size)}
			}
			printTable(a.stdout, []string{"version", "pointer", "commit", "branch", "published", "by", "size"}, rows)
			return damaged(list)
		},
	}
	flags.add(cmd)
	return cmd
}

// damaged says what is wrong with the damaged ones of a list.
func damaged(list []release.Entry) error {
	var errs []error
	for _, e := range list {
		if e.Damage != "" {
			errs = append(errs, errors.New(e.Damage))
		}
	}
	return errors.Join(errs...)
}

func newReleaseShowCommand(a *app) *cobra.Command {
	var flags releaseFlags
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "show latest|stable|VERSION",
		Short: "Show one version",
		Args:  exactly("latest, stable or a VERSION"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if _, _, err := release.ParseVersion(args[0]); err != nil {
				return err
			}
			ledger, err := a.ledger(cmd.Context(), flags)
			if err != nil {
				return err
			}
			e, err := ledger.Show(cmd.Context(), args[0])
			if err == nil && e.Stable {
				err = a.remark(ledger.CheckStable(cmd.Context()))
			}
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(a.stdout, e)
			}
			a.printEntry(e)
			return nil
		},
	}
	flags.add(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func (a *app) printEntry(e release.Entry) {
	printTable(a.stdout, nil, [][]any{
		{"artifact", e.Artifact},
		{"environment", e.Environment},
		{"version", e.Version},
		{"pointer", pointers(e)},
		{"commit", e.Commit},
		{"branch", e.Branch},
		{"modified", e.Modified},
		{"built at", when(e.BuiltAt)},
		{"published", when(e.PublishedAt) + " by " + e.Builder},
		{"size", size(e.Size)},
		{"sha256", e.SHA256},
		{"tree sha256", e.Tree},
	})
}

func newReleaseHistoryCommand(a *app) *cobra.Command {
	var flags listFlags
	cmd := &cobra.Command{
		Use:   "history",
		Short: "List what was stable, the newest first",
		RunE: func(cmd *cobra.Command, _ []string) error {
			ledger, err := flags.ledger(cmd.Context(), a)
			if err != nil {
				return err
			}
			changes, err := ledger.History(cmd.Context(), flags.limit)
			if err = a.remark(err); err != nil {
				return err
			}
			if flags.asJSON {
				return printJSON(a.stdout, changes)
			}
			rows := make([][]any, len(changes))
			for i, c := range changes {
				from := ""
				if c.From > 0 {
					from = strconv.Itoa(c.From)
				}
				rows[i] = []any{c.Number, when(c.At), c.Action, from, c.Version, short(c.Commit), c.By}
			}
			printTable(a.stdout, []string{"change", "at", "action", "from", "to", "commit", "by"}, rows)
			return nil
		},
	}
	flags.add(cmd)
	return cmd
}

// remark prints a *release.StrayError, which keeps nobody from looking, and
// returns any other error.
func (a *app) remark(err error) error {
	var stray *release.StrayError
	if !errors.As(err, &stray) {
		return err
	}
	fmt.Fprintf(a.stderr, "tandem: note: %v\n", stray)
	return nil
}

func pointers(e release.Entry) string {
	var names []string
	if e.Latest {
		names = append(names, "latest")
	}
	if e.Stable {
		names = append(names, "stable")
	}
	return strings.Join(names, ", ")
}

// revision is the short commit, with a + behind it where the tree differed.
func revision(m release.Manifest) string {
	if m.Modified {
		return short(m.Commit) + "+"
	}
	return short(m.Commit)
}
