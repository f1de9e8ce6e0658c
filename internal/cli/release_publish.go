package cli

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/tandem-iac/tandem/internal/release"
)

func newReleasePublishCommand(a *app) *cobra.Command {
	var flags publishFlags
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
			cfg := release.PublishConfig{File: defaultArchive}
			if len(args) > 0 {
				cfg.File = args[0]
			}
			return flags.run(cmd.Context(), a, cmd, cfg)
		},
	}
	flags.add(cmd)
	return cmd
}

type publishFlags struct {
	releaseFlags
	resume string
	asJSON bool
}

func (f *publishFlags) add(cmd *cobra.Command) {
	f.releaseFlags.add(cmd)
	cmd.Flags().StringVar(&f.resume, resumeFlag, "", "finish the upload of this `version`")
	cmd.Flags().BoolVar(&f.asJSON, "json", false, "print the manifest as JSON")
}

func (f *publishFlags) run(ctx context.Context, a *app, cmd *cobra.Command, cfg release.PublishConfig) error {
	if f.resume != "" {
		number, name, err := release.ParseVersion(f.resume)
		if err != nil || name != "" {
			return inputError{err: fmt.Errorf("--resume is %q, want the number of the version that broke off", f.resume)}
		}
		cfg.Resume = number
	}
	ledger, err := a.ledger(ctx, f.releaseFlags)
	if err != nil {
		return err
	}
	bar := a.transfer("uploading")
	cfg.Progress = bar.set
	m, err := ledger.Publish(ctx, cfg)
	bar.stop()
	var unfinished *release.UnfinishedError
	if errors.As(err, &unfinished) {
		return fmt.Errorf("%w; finish it with: %s", err, resumeCommand(cmd, unfinished.Version, cfg.File))
	} else if err != nil {
		return err
	}
	if f.asJSON {
		return printJSON(a.stdout, m)
	}
	fmt.Fprintf(a.stdout, "%s %d is published for %s: %s, sha256 %s\n", m.Artifact, m.Version, m.Environment, size(m.Size), m.SHA256)
	return nil
}

const resumeFlag = "resume"

// resumeCommand is the line that finishes a version: what was called, with all
// its flags, for a shell.
func resumeCommand(cmd *cobra.Command, version int, file string) string {
	words := []string{cmd.CommandPath()}
	cmd.Flags().Visit(func(flag *pflag.Flag) {
		if flag.Name == resumeFlag {
			return
		}
		word := "--" + flag.Name
		if value := flag.Value.String(); flag.NoOptDefVal == "" || value != flag.NoOptDefVal {
			word += "=" + value
		}
		words = append(words, shellWord(word))
	})
	words = append(words, "--"+resumeFlag, strconv.Itoa(version))
	if file != defaultArchive {
		if strings.HasPrefix(file, "-") {
			file = "./" + file // or it would be taken for a flag
		}
		words = append(words, shellWord(file))
	}
	return strings.Join(words, " ")
}
