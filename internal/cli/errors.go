package cli

import (
	"errors"
	"fmt"
	"io"
	"strings"

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

// report prints an error for a person: faults one a line, as they stand, so
// that editors find the place; anything else in one line after the program's name.
func report(w io.Writer, err error) {
	var reported reportedError
	if err == nil || errors.As(err, &reported) {
		return
	}
	var faults check.Errors
	if errors.As(err, &faults) {
		fmt.Fprintln(w, faults)
		return
	}
	fmt.Fprintf(w, "tandem: %s\n", strings.ReplaceAll(awsclient.Explain(err).Error(), "\n", "; "))
	var input inputError
	if errors.As(err, &input) && input.help != "" {
		fmt.Fprintf(w, "see '%s --help'\n", input.help)
	}
}
