package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/tandem-iac/tandem/internal/release"
)

func newReleasePublishCommand(a *app) *cobra.Command {
	var flags releaseFlags
	var cfg release.PublishConfig
	var resume string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "publish [ARCHIVE]",
		Short: "Upload an archive as the next version",
		Long: `Upload an archive that 'tandem release build' made (default ` + defaultArchive + `) as the
next version, and point latest to it. Any number of these may run at once: each
gets a version of its own.

An upload that broke off is invisible. --resume finishes it under its version
and sends only what is missing.`,
		Example: `  tandem release publish
  tandem release publish --artifact obelix-playbook playbook.tar.gz
  tandem release publish --resume 42`,
		Args: atMostOne,
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg.File = defaultArchive
			if len(args) > 0 {
				cfg.File = args[0]
			}
			if resume != "" {
				number, name, err := release.ParseVersion(resume)
				if err != nil || name != "" {
					return inputError{err: fmt.Errorf("--resume is %q, want the number of the version that broke off", resume)}
				}
				cfg.Resume = number
			}
			ledger, err := a.ledger(cmd.Context(), flags)
			if err != nil {
				return err
			}
			bar := a.progress("uploading")
			cfg.Progress = bar.set
			m, err := ledger.Publish(cmd.Context(), cfg)
			bar.stop()
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(a.stdout, m)
			}
			fmt.Fprintf(a.stdout, "%s %d is published for %s: %s, sha256 %s\n", m.Artifact, m.Version, m.Environment, size(m.Size), m.SHA256)
			return nil
		},
	}
	flags.add(cmd)
	cmd.Flags().StringVar(&resume, "resume", "", "finish the upload of this version")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the manifest as JSON")
	return cmd
}
