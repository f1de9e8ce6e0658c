package cli

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"github.com/tandem-iac/tandem/instance"
	"github.com/tandem-iac/tandem/internal/bootstrap"
	"github.com/tandem-iac/tandem/internal/release"
)

func newBootstrapCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "bootstrap",
		Short: "Provide what new machines start with",
	}
	cmd.AddCommand(newBootstrapPublishCommand(a))
	return cmd
}

// published is all that new machines start with.
type published struct {
	bootstrap.Script
	// Agents are by architecture. Nil: they were left alone.
	Agents []bootstrap.Release `json:"agents,omitempty"`
	// LogIndexer is the service and the playbook of log indexers. Nil: as Agents.
	LogIndexer []bootstrap.Release `json:"log_indexer,omitempty"`
}

func newBootstrapPublishCommand(a *app) *cobra.Command {
	var at place
	var agents string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "publish [SCRIPT]",
		Short: "Upload the agent, and the setup script that user data runs",
		Long: `Upload what new machines start with to the build bucket: the agent that rescues
and drains, for both architectures, the setup script, which installs it, and what
log indexers run. Publish before the first apply, and after an update of tandem
before the next one. What is there already is checked and left alone.

The agents are releases like any other, spotwatch-amd64 and spotwatch-arm64, and
become the stable ones at once. They are taken from the directory that holds
tandem, where 'make build' puts them. So are log-indexer and log-indexer-playbook,
which tandem carries. --agents= leaves all four alone.

The setup script of this version of tandem, or SCRIPT, becomes
setup/<SHA-256>.sh. User data names the script by its SHA-256, and a machine runs
no other. A SCRIPT of one's own takes effect with the lines for the description
that the command prints.`,
		Example: `  tandem bootstrap publish
  tandem bootstrap publish --file staging.yaml
  tandem bootstrap publish --agents= my-setup.sh`,
		Args: atMostOne,
		RunE: func(cmd *cobra.Command, args []string) error {
			script := instance.Setup()
			if len(args) > 0 {
				var err error
				if script, err = readScript(args[0]); err != nil {
					return inputError{err: err}
				}
			}
			if !cmd.Flags().Changed("agents") {
				program, err := os.Executable()
				if err != nil {
					return err
				}
				agents = filepath.Dir(program)
			}
			p, err := a.publishBootstrap(cmd.Context(), at, agents, script)
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(a.stdout, p)
			}
			for _, r := range slices.Concat(p.Agents, p.LogIndexer) {
				fmt.Fprintf(a.stdout, "%s %d: %s\n", r.Artifact, r.Version, publishedOrThere(r.Created))
			}
			a.printScript(p.Script, len(args) > 0)
			return nil
		},
	}
	at.add(cmd)
	at.addBucket(cmd)
	cmd.Flags().StringVar(&agents, "agents", "", "`directory` with spotwatch-linux-amd64 and -arm64 (default that of tandem)")
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

// publishBootstrap publishes the agents before the script that installs them.
func (a *app) publishBootstrap(ctx context.Context, at place, agents string, script []byte) (published, error) {
	if err := at.check(); err != nil {
		return published{}, err
	}
	if agents != "" {
		if err := bootstrap.CheckAgents(agents); err != nil {
			return published{}, err
		}
	}
	if at.region == "" || at.bucket == "" || agents != "" && at.environment == "" {
		if _, err := a.describe(ctx, &at); err != nil {
			return published{}, err
		}
	}
	cfg, err := a.dial(ctx, &at)
	if err != nil {
		return published{}, err
	}
	client, err := at.client(ctx, cfg)
	if err != nil {
		return published{}, err
	}
	var p published
	if agents != "" {
		ledger := func(artifact string) *release.Ledger {
			return release.New(release.Config{Client: client, Bucket: at.bucket, Artifact: artifact, Environment: at.environment, By: whoami()})
		}
		for _, architecture := range bootstrap.Architectures() {
			agent, err := bootstrap.PublishAgent(ctx, ledger(instance.AgentArtifact(architecture)), agents, architecture)
			if err != nil {
				return published{}, err
			}
			p.Agents = append(p.Agents, agent)
		}
		if p.LogIndexer, err = bootstrap.PublishLogIndexer(ctx, ledger); err != nil {
			return published{}, err
		}
	}
	p.Script, err = bootstrap.Publish(ctx, client, at.bucket, script)
	return p, err
}

func publishedOrThere(created bool) string {
	if created {
		return "published"
	}
	return "there already"
}

func (a *app) printScript(s bootstrap.Script, own bool) {
	fmt.Fprintf(a.stdout, "s3://%s/%s: %s\n", s.Bucket, s.Key, publishedOrThere(s.Created))
	if own {
		fmt.Fprintf(a.stdout, `SHA-256: %s
machines run it once these lines are in the description, below their cluster:
    bootstrap:
      setup_key: %s
      setup_sha256: %s
`, s.SHA256, s.Key, s.SHA256)
	}
}
