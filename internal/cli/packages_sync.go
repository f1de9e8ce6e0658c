package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/tandem-iac/tandem/internal/mirror"
)

func newPackagesSyncCommand(a *app) *cobra.Command {
	var s packagesSync
	cmd := &cobra.Command{
		Use:   "sync [PACKAGE…]",
		Short: "Mirror packages with all that they depend on",
		Long: `Mirror the newest versions of packages with all that they depend on, as if
nothing were installed. Machines see the new state once all of it is there, in
one step; until then, and whatever fails, they see the last one.

dnf or apt resolves and downloads on this machine, best one of the same
distribution, from where it installs itself. RPMs have to be signed with one of
the keys, and are checked again by the machines.`,
		Example: `  tandem packages sync --list instance/packages/amzn-2023.txt
  tandem packages sync httpd ansible-core --dry-run
  tandem packages sync --list web.txt --distribution amzn-2023 --architecture aarch64 --from repos/ --release latest`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			s.Packages = args
			return a.syncPackages(cmd.Context(), &s)
		},
	}
	s.add(cmd)
	flags := cmd.Flags()
	flags.StringVar(&s.list, "list", "", "`file` with more packages, one a line; # begins a comment, - is standard input")
	flags.StringVar(&s.From, "from", "", "directory of .repo files, or a sources.list: `where` packages come from (default as this machine's)")
	flags.StringVar(&s.Release, "release", "", "the `version` that dnf puts for $releasever (default this machine's)")
	flags.StringArrayVar(&s.Keys, "key", nil, "`file` with a public key of the distribution's, for RPMs (default those in /etc/pki/rpm-gpg)")
	flags.StringVar(&s.Work, "work", "", "existing `directory` with room for all packages for the while (default the one for temporary files)")
	flags.BoolVar(&s.cfg.DryRun, "dry-run", false, "only say what would change")
	return cmd
}

// packagesSync are the flags of tandem packages sync.
type packagesSync struct {
	mirrorFlags
	mirror.Source
	cfg  mirror.PublishConfig
	list string
}

// add chooses between the two that are embedded.
func (s *packagesSync) add(cmd *cobra.Command) { s.mirrorFlags.add(cmd) }

func (a *app) syncPackages(ctx context.Context, s *packagesSync) (err error) {
	if s.list != "" {
		text, err := a.read(ctx, s.list)
		if err != nil {
			return inputError{err: fmt.Errorf("--list: %w", err)}
		}
		s.Packages = append(s.Packages, mirror.ParseList(string(text))...)
	}
	if err := s.Validate(); err != nil {
		return err
	}
	repository, err := a.mirror(ctx, &s.mirrorFlags)
	if err != nil {
		return err
	}
	index, done, err := repository.Prepare(ctx, s.Source)
	defer func() { err = errors.Join(err, done()) }()
	if err != nil {
		return err
	}
	bar := a.transfer("uploading")
	s.cfg.Progress = bar.set
	synced, err := repository.Publish(ctx, index, s.cfg)
	bar.stop()
	if err != nil {
		return err
	}
	if s.asJSON {
		return printJSON(a.stdout, synced)
	}
	a.reportPackages(repository.Name(), synced, s.cfg.DryRun)
	return nil
}

func (a *app) reportPackages(name string, s mirror.Synced, dryRun bool) {
	if !s.Changed {
		fmt.Fprintf(a.stdout, "%s shows %s already\n", name, counted(len(s.Packages), "package"))
		return
	}
	for _, p := range s.Removed {
		fmt.Fprintf(a.stdout, "- %s %s\n", p.Name, p.Version)
	}
	for _, p := range s.Added {
		fmt.Fprintf(a.stdout, "+ %s %s\n", p.Name, p.Version)
	}
	verb, sent := "shows", "uploaded"
	if dryRun {
		verb, sent = "would show", "to be uploaded"
	}
	fmt.Fprintf(a.stdout, "%s %s %s: %d added, %d removed, %s %s\n",
		name, verb, counted(len(s.Packages), "package"), len(s.Added), len(s.Removed), size(s.Sent), sent)
}
