package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tandem-iac/tandem/spec"
)

const (
	// defaultFile is the description that commands read where none is named.
	defaultFile = "tandem.yaml"
	// streamFile stands for standard input or output.
	streamFile = "-"
)

// fileArg is the file among a command's arguments, or the one that the app
// reads: $TANDEM_SPEC, or the default.
func fileArg(args []string) string {
	if len(args) == 0 {
		return cmp.Or(os.Getenv("TANDEM_SPEC"), defaultFile)
	}
	return args[0]
}

// completeFile offers YAML files for the one argument of a command.
func completeFile(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return []string{"yaml", "yml"}, cobra.ShellCompDirectiveFilterFileExt
}

// load reads the description in file, or on standard input. A file that
// cannot be read is an inputError, one that breaks rules is check.Errors.
func (a *app) load(ctx context.Context, file string) (spec.Environment, error) {
	data, err := a.read(ctx, file)
	var at *fs.PathError
	switch {
	case errors.Is(err, fs.ErrNotExist) && file == defaultFile:
		return spec.Environment{}, inputError{err: noDescriptionError{file}}
	case errors.As(err, &at):
		return spec.Environment{}, inputError{err: fmt.Errorf("%s: %w", displayName(file), at.Err)}
	case err != nil:
		return spec.Environment{}, fmt.Errorf("%s: %w", displayName(file), err)
	}
	return spec.Parse(displayName(file), data)
}

// noDescriptionError says that there is no description where one is looked for.
type noDescriptionError struct{ file string }

func (e noDescriptionError) Error() string {
	return e.file + " does not exist; 'tandem init' writes one"
}

// read gives up when ctx ends: a pipe or a terminal may never come to an end.
func (a *app) read(ctx context.Context, file string) ([]byte, error) {
	type result struct {
		data []byte
		err  error
	}
	done := make(chan result, 1)
	go func() {
		var r result
		if file == streamFile {
			r.data, r.err = io.ReadAll(a.stdin)
		} else {
			r.data, r.err = os.ReadFile(file)
		}
		done <- r
	}()
	select {
	case r := <-done:
		return r.data, r.err
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

func displayName(file string) string {
	if file == streamFile {
		return "stdin"
	}
	return file
}

// summary is an environment in one line: "prod in eu-west-1, 1 cluster: web".
func summary(env spec.Environment) string {
	names := slices.Sorted(maps.Keys(env.Clusters))
	return fmt.Sprintf("%s in %s, %s: %s", env.Name, env.Region, counted(len(names), "cluster"), strings.Join(names, ", "))
}
