package cli

import (
	"context"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/tandem-iac/tandem/instance"
	"github.com/tandem-iac/tandem/internal/bootstrap"
)

func newBootstrapCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "bootstrap",
		Short: "Provide what new machines start with",
	}
	cmd.AddCommand(newBootstrapPublishCommand(a))
	return cmd
}

func newBootstrapPublishCommand(a *app) *cobra.Command {
	var at place
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "publish [SCRIPT]",
		Short: "Upload the setup script that user data runs",
		Long: `Upload the setup script of this version of tandem, or SCRIPT, to the build
bucket as setup/<SHA-256>.sh. User data names the script by its SHA-256, and a
machine runs no other: publish before the first apply, and after an update of
tandem before the next one. What is there already is checked and left alone.

A SCRIPT of one's own takes effect with the lines for the description that the
command prints.`,
		Example: `  tandem bootstrap publish
  tandem bootstrap publish --file staging.yaml
  tandem bootstrap publish my-setup.sh`,
		Args: atMostOne,
		RunE: func(cmd *cobra.Command, args []string) error {
			script := instance.Setup()
			if len(args) > 0 {
				var err error
				if script, err = readScript(args[0]); err != nil {
					return inputError{err: err}
				}
			}
			published, err := a.publishScript(cmd.Context(), at, script)
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(a.stdout, published)
			}
			a.printScript(published, len(args) > 0)
			return nil
		},
	}
	at.add(cmd)
	at.addBucket(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// readScript refuses what could not run.
func readScript(file string) ([]byte, error) {
	script, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	if err := bootstrap.Check(script); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return script, nil
}

func (a *app) publishScript(ctx context.Context, at place, script []byte) (bootstrap.Script, error) {
	if err := at.check(); err != nil {
		return bootstrap.Script{}, err
	}
	if at.region == "" || at.bucket == "" {
		if _, err := a.describe(ctx, &at); err != nil {
			return bootstrap.Script{}, err
		}
	}
	cfg, err := a.dial(ctx, &at)
	if err != nil {
		return bootstrap.Script{}, err
	}
	client, err := at.builds(ctx, cfg)
	if err != nil {
		return bootstrap.Script{}, err
	}
	return bootstrap.Publish(ctx, client, at.bucket, script)
}

func (a *app) printScript(s bootstrap.Script, own bool) {
	what := "published"
	if !s.Created {
		what = "there already"
	}
	fmt.Fprintf(a.stdout, "s3://%s/%s: %s\n", s.Bucket, s.Key, what)
	if own {
		fmt.Fprintf(a.stdout, `SHA-256: %s
machines run it once these lines are in the description, below their cluster:
    bootstrap:
      setup_key: %s
      setup_sha256: %s
`, s.SHA256, s.Key, s.SHA256)
	}
}
