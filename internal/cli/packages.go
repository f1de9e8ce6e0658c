package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tandem-iac/tandem/internal/mirror"
	"github.com/tandem-iac/tandem/internal/release/archive"
)

func newPackagesCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "packages",
		Short: "Mirror the packages that machines install",
		Long: `Mirror packages of the machines' distribution in the environment's bucket of
packages, from which stock dnf and apt install, so that the distribution's own
mirrors may be down. A repository holds one distribution and architecture; what
it shows changes in one step, and goes back in one.

Credentials come from where every AWS tool finds them; they have to be those of
a role that delivery.packages.writers names.`,
	}
	cmd.AddCommand(
		newPackagesSyncCommand(a),
		newPackagesListCommand(a),
		newPackagesHistoryCommand(a),
		newPackagesRollbackCommand(a),
		newPackagesPruneCommand(a),
	)
	return cmd
}

// mirrorFlags choose a repository.
type mirrorFlags struct {
	place
	distribution, architecture string
	asJSON                     bool
}

func (f *mirrorFlags) add(cmd *cobra.Command) {
	f.purpose = forPackages
	f.place.add(cmd)
	f.addBucket(cmd)
	flags := cmd.Flags()
	flags.StringVar(&f.distribution, "distribution", "", "the machines' distribution, `ID-VERSION_ID` of its os-release such as amzn-2023 (default this machine's)")
	flags.StringVar(&f.architecture, "architecture", "", "the machines' `architecture`, in the distribution's terms such as x86_64 or amd64 (default this machine's)")
	flags.BoolVar(&f.asJSON, "json", false, "print JSON")
}

// mirror connects to the repository that the flags and the description choose.
func (a *app) mirror(ctx context.Context, f *mirrorFlags) (*mirror.Repository, error) {
	if err := f.check(); err != nil {
		return nil, err
	}
	if err := f.ownMachine(); err != nil {
		return nil, err
	}
	// Names are checked before anything is asked of AWS.
	cfg := mirror.Config{Distribution: f.distribution, Architecture: f.architecture, By: whoami(), Now: a.now}
	if _, err := mirror.New(cfg); err != nil {
		return nil, err
	}
	if f.region == "" || f.bucket == "" {
		if _, err := a.describe(ctx, &f.place); err != nil {
			return nil, err
		}
	}
	connection, err := a.dial(ctx, &f.place)
	if err != nil {
		return nil, err
	}
	if cfg.Client, err = f.client(ctx, connection); err != nil {
		return nil, err
	}
	cfg.Bucket = f.bucket
	return mirror.New(cfg)
}

// osRelease says what distribution this machine has:
// https://www.freedesktop.org/software/systemd/man/latest/os-release.html
const osRelease = "/etc/os-release"

// ownMachine fills in this machine's distribution and architecture.
func (f *mirrorFlags) ownMachine() error {
	if f.distribution == "" {
		text, err := os.ReadFile(osRelease)
		if errors.Is(err, os.ErrNotExist) {
			return inputError{err: errors.New("this machine does not say what distribution it has: name the machines' with --distribution")}
		} else if err != nil {
			return err
		}
		values := archive.ParseLines(strings.ReplaceAll(string(text), `"`, ""))
		f.distribution = values["ID"] + "-" + values["VERSION_ID"]
	}
	if f.architecture == "" {
		f.architecture = mirror.Architecture(f.distribution, runtime.GOARCH)
	}
	return nil
}

func newPackagesListCommand(a *app) *cobra.Command {
	var flags mirrorFlags
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the packages that machines can install now",
		RunE: func(cmd *cobra.Command, _ []string) error {
			repository, err := a.mirror(cmd.Context(), &flags)
			if err != nil {
				return err
			}
			current, err := repository.Current(cmd.Context())
			if err != nil {
				return err
			}
			if flags.asJSON {
				if current.Packages == nil {
					current.Packages = []mirror.Package{} // JSON would print nil as null
				}
				return printJSON(a.stdout, current.Packages)
			}
			a.printPackages(current.Packages)
			return nil
		},
	}
	flags.add(cmd)
	return cmd
}

func (a *app) printPackages(packages []mirror.Package) {
	rows := make([][]any, len(packages))
	for i, p := range packages {
		rows[i] = []any{p.Name, p.Version, p.Architecture, size(p.Size), p.SHA256[:min(12, len(p.SHA256))]}
	}
	printTable(a.stdout, []string{"package", "version", "architecture", "size", "sha256"}, rows)
}

func newPackagesHistoryCommand(a *app) *cobra.Command {
	var flags mirrorFlags
	var limit int
	cmd := &cobra.Command{
		Use:   "history",
		Short: "List what machines could install, the newest first",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if limit < 0 {
				return inputError{err: fmt.Errorf("--limit is %d, want 0 for all or more", limit)}
			}
			repository, err := a.mirror(cmd.Context(), &flags)
			if err != nil {
				return err
			}
			changes, err := repository.History(cmd.Context(), limit)
			if err != nil {
				return err
			}
			if flags.asJSON {
				return printJSON(a.stdout, changes)
			}
			rows := make([][]any, len(changes))
			for i, c := range changes {
				what := ""
				if c.Action == mirror.ActionSync {
					what = counted(len(c.Packages), "package")
				}
				rows[i] = []any{c.Number, when(c.At), c.Action, c.Snapshot, what, c.By}
			}
			printTable(a.stdout, []string{"change", "at", "action", "snapshot", "holds", "by"}, rows)
			return nil
		},
	}
	flags.add(cmd)
	cmd.Flags().IntVar(&limit, "limit", 20, "how many; 0 is all")
	return cmd
}

func newPackagesRollbackCommand(a *app) *cobra.Command {
	var flags mirrorFlags
	cmd := &cobra.Command{
		Use:   "rollback",
		Short: "Show machines again what the present snapshot has replaced",
		Long: `Show machines again what the present snapshot has replaced when it was synced.
Once more goes one further back. What machines have installed stays as it is.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			repository, err := a.mirror(cmd.Context(), &flags)
			if err != nil {
				return err
			}
			snapshot, change, err := repository.Rollback(cmd.Context())
			if err != nil {
				return err
			}
			if flags.asJSON {
				return printJSON(a.stdout, change)
			}
			fmt.Fprintf(a.stdout, "%s shows snapshot %d again, of %s: %s\n",
				repository.Name(), snapshot.Number, when(snapshot.At), counted(len(snapshot.Packages), "package"))
			return nil
		},
	}
	flags.add(cmd)
	return cmd
}

func newPackagesPruneCommand(a *app) *cobra.Command {
	var flags mirrorFlags
	var cfg mirror.PruneConfig
	cmd := &cobra.Command{
		Use:   "prune",
		Short: "Delete packages and metadata that nothing refers to",
		Long: `Delete packages and metadata that nothing refers to. What the last changes refer
to stays, and what was shown or uploaded lately: a machine or a sync may be at it.
Look at it with --dry-run first.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			// Zero is the default in a PruneConfig; who writes it means something else.
			if cfg.Keep < 1 || cfg.Age < mirror.LeastAge {
				return inputError{err: fmt.Errorf("--keep is %d and --age %s, want 1 or more and %s or longer", cfg.Keep, cfg.Age, mirror.LeastAge)}
			}
			repository, err := a.mirror(cmd.Context(), &flags)
			if err != nil {
				return err
			}
			pruned, err := repository.Prune(cmd.Context(), cfg)
			if err != nil {
				return err
			}
			if flags.asJSON {
				if pruned == nil {
					pruned = []mirror.Pruned{} // JSON would print nil as null
				}
				return printJSON(a.stdout, pruned)
			}
			a.printPrunedObjects(pruned, cfg.DryRun)
			return nil
		},
	}
	flags.add(cmd)
	cmd.Flags().IntVar(&cfg.Keep, "keep", mirror.DefaultKeep, "how many of the last `changes` keep what they refer to")
	cmd.Flags().DurationVar(&cfg.Age, "age", mirror.DefaultAge, "`time` from which on nobody can be using what is not shown any more")
	cmd.Flags().BoolVar(&cfg.DryRun, "dry-run", false, "only say what would be deleted")
	return cmd
}

func (a *app) printPrunedObjects(pruned []mirror.Pruned, dryRun bool) {
	var total int64
	for _, p := range pruned {
		total += p.Size
	}
	verb := "deleted"
	if dryRun {
		verb = "to be deleted"
		for _, p := range pruned {
			fmt.Fprintln(a.stdout, p.Name)
		}
	}
	fmt.Fprintf(a.stdout, "%s, %s, %s\n", counted(len(pruned), "object"), size(total), verb)
}
