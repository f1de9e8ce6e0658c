package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/tandem-iac/tandem/spec"
)

func newSchemaCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "schema",
		Short: "Print the JSON Schema of the description",
		Long: `Print the JSON Schema of the description, by which editors complete and check
it. With the YAML language server, store it beside the file and begin the file
with the line

  # yaml-language-server: $schema=` + schemaFile,
		Example: "  tandem schema > " + schemaFile,
		RunE: func(*cobra.Command, []string) error {
			fmt.Fprintf(a.stdout, "%s", spec.Schema())
			return nil
		},
	}
}
