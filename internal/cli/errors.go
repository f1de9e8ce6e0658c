package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/tandem-iac/tandem/internal/awsclient"
	"github.com/tandem-iac/tandem/internal/check"
)

const (
	exitOK      = 0
	exitFailure = 1
	exitInput   = 2
)

// inputError is a fault of what the user passed, by which the command ends
// with exit code 2. check.Errors need no inputError around them.
type inputError struct {
	err error
	// help is the command whose help says what is accepted. Empty: the
	// message says it.
	help string
}

func (e inputError) Error() string { return e.err.Error() }
func (e inputError) Unwrap() error { return e.err }

// reportedError is an error that the command has printed itself.
type reportedError struct{ error }

func (e reportedError) Unwrap() error { return e.error }

// errInterrupted is the cause with which an interrupt ends the context.
var errInterrupted error = interruption{}

type interruption struct{}

func (interruption) Error() string        { return "interrupted" }
func (interruption) Is(target error) bool { return target == context.Canceled }

// interrupted turns what came of the end of ctx into that one word, unless the
// error wraps the cause, and so says it and more.
func interrupted(ctx context.Context, err error) error {
	if err == nil || ctx.Err() == nil || !errors.Is(err, context.Canceled) || errors.Is(err, errInterrupted) {
		return err
	}
	return errInterrupted
}

// conversion is what strconv says of a flag's value.
var conversion = regexp.MustCompile(`strconv\.(\w+): parsing ".*": (invalid syntax|value out of range)$`)

// plainly says without Go's terms what cobra refuses.
func plainly(err error) error {
	at := conversion.FindStringSubmatchIndex(err.Error())
	if at == nil {
		return err
	}
	want := "want a whole number"
	switch text := err.Error(); {
	case text[at[2]:at[3]] == "ParseBool":
		want = "want true or false"
	case text[at[4]:at[5]] == "value out of range":
		want = "want a smaller number"
	}
	return errors.New(err.Error()[:at[0]] + want)
}

var unknownFlag = regexp.MustCompile(`^unknown flag: --(\S+)$`)

// withNearFlag adds the flag of the command that was meant.
func withNearFlag(cmd *cobra.Command, err error) error {
	unknown := unknownFlag.FindStringSubmatch(err.Error())
	if unknown == nil {
		return err
	}
	var names []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
	if near := check.Nearest(unknown[1], names); near != "" {
		return fmt.Errorf("%w, did you mean --%s?", err, near)
	}
	return err
}

func exitCode(err error) int {
	var input inputError
	var faults check.Errors
	var asked check.InputError
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &input), errors.As(err, &faults), errors.As(err, &asked):
		return exitInput
	}
	return exitFailure
}

// printError prints an error for a person: faults one a line, as they stand, so
// that editors find the place; anything else after the program's name, in one
// line unless it is a list of what the input lacks.
func printError(w io.Writer, err error) {
	var reported reportedError
	if err == nil || errors.As(err, &reported) {
		return
	}
	var faults check.Errors
	if errors.As(err, &faults) {
		fmt.Fprintln(w, faults)
		return
	}
	text := awsclient.Explain(err).Error()
	var asked check.InputError
	if !errors.As(err, &asked) {
		text = strings.ReplaceAll(text, "\n", "; ")
	}
	fmt.Fprintf(w, "tandem: %s\n", text)
	var input inputError
	if errors.As(err, &input) && input.help != "" {
		fmt.Fprintf(w, "see '%s --help'\n", input.help)
	}
}
