package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/spf13/cobra"

	"github.com/tandem-iac/tandem/internal/awsregion"
	"github.com/tandem-iac/tandem/internal/check"
	"github.com/tandem-iac/tandem/spec"
)

func newValidateCommand(a *app) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "validate [FILE]",
		Short: "Check the description of an environment",
		Long: `Check the description of an environment in FILE (default tandem.yaml; - is
standard input) and report every fault with its place.`,
		Example: `  tandem validate
  tandem validate staging.yaml
  tandem validate --json - < tandem.yaml`,
		Args:              atMostOne,
		ValidArgsFunction: completeFile,
		RunE: func(cmd *cobra.Command, args []string) error {
			file := fileArg(args)
			env, err := a.load(cmd.Context(), file)
			if asJSON {
				return printFaults(a.stdout, err)
			}
			if err != nil {
				return err
			}
			fmt.Fprintf(a.stdout, "%s: %s\n", displayName(file), summary(env))
			a.notePlaceholders(env)
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the faults as a JSON list, which is empty when there are none")
	return cmd
}

// notePlaceholders names what breaks no rule, though no apply accepts it.
func (a *app) notePlaceholders(env spec.Environment) {
	placeholder := fmt.Sprintf(placeholderARN, awsregion.Partition(env.Region), env.Region)
	for _, name := range slices.Sorted(maps.Keys(env.Clusters)) {
		if env.Clusters[name].CertificateARN == placeholder {
			fmt.Fprintf(a.screen, "tandem: %s is what 'tandem init' put there: replace it before an apply\n",
				check.Join(check.Join("clusters", name), "certificate_arn"))
		}
	}
}

// fault is a check.FieldError in JSON. Line and column are counted from 1.
type fault struct {
	File   string `json:"file"`
	Line   int    `json:"line"`
	Column int    `json:"column"`
	Path   string `json:"path"`
	// Value is empty where the field is unset.
	Value string `json:"value"`
	Want  string `json:"want"`
}

// printFaults prints the faults in err as a JSON list. Any other error it
// passes on and prints nothing.
func printFaults(w io.Writer, err error) error {
	var faults check.Errors
	if err != nil && !errors.As(err, &faults) {
		return err
	}
	list := make([]fault, len(faults)) // not nil, which JSON would print as null
	for i, f := range faults {
		list[i] = fault(*f)
	}
	if err := printJSON(w, list); err != nil {
		return err
	}
	if err != nil {
		return reportedError{err}
	}
	return nil
}

func printJSON(w io.Writer, v any) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	return encoder.Encode(v)
}
