// The tandem app synthesizes the Terraform of one environment. It is what
// cdktf runs, and runs by itself: go run . -spec tandem.yaml -out cdktf.out
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/jedib0t/go-pretty/v6/table"

	"github.com/tandem-iac/tandem/internal/check"
	"github.com/tandem-iac/tandem/internal/fastsynth"
	"github.com/tandem-iac/tandem/spec"
	"github.com/tandem-iac/tandem/stacks"
)

// Exit codes.
const (
	exitOK      = 0
	exitFailure = 1
	exitInput   = 2 // the description or the command line is wrong
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

func run(args []string, stdout, stderr io.Writer) int {
	defer fastsynth.Close() // linked bindings have unpacked a runtime by now
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	flags := flag.NewFlagSet("tandem", flag.ContinueOnError)
	flags.SetOutput(stderr)
	specFile := flags.String("spec", cmp.Or(os.Getenv("TANDEM_SPEC"), "tandem.yaml"), "the description to build; also $TANDEM_SPEC")
	outDir := flags.String("out", cmp.Or(os.Getenv("CDKTF_OUTDIR"), "cdktf.out"), "where to write the Terraform; also $CDKTF_OUTDIR, which cdktf sets")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return exitOK
		}
		return exitInput
	}
	if flags.NArg() > 0 {
		fmt.Fprintf(stderr, "tandem: unexpected argument %q; name the description with -spec\n", flags.Arg(0))
		return exitInput
	}
	summaries, err := synth(ctx, *specFile, *outDir)
	if err != nil {
		fmt.Fprintln(stderr, err)
		return exitCode(err)
	}
	printSummary(stdout, summaries)
	return exitOK
}

func synth(ctx context.Context, specFile, outDir string) ([]stacks.Summary, error) {
	env, err := spec.Load(specFile)
	if err != nil {
		return nil, err
	}
	fastsynth.Prepare(os.Stderr)
	return stacks.Synth(ctx, env, outDir)
}

// exitCode tells wrong input from a failure. A description that cannot be read
// is wrong input, a directory that cannot be written a failure.
func exitCode(err error) int {
	var faults check.Errors
	var pathError *fs.PathError
	if errors.As(err, &faults) || errors.As(err, &pathError) && (pathError.Op == "open" || pathError.Op == "read") {
		return exitInput
	}
	return exitFailure
}

func printSummary(w io.Writer, summaries []stacks.Summary) {
	t := table.NewWriter()
	t.SetStyle(table.StyleLight)
	t.Style().Format.Header = 0
	t.Style().Options.DrawBorder = false
	t.Style().Options.SeparateColumns = false
	t.AppendHeader(table.Row{"stack", "resources", "change", "file"})
	for _, s := range summaries {
		t.AppendRow(table.Row{s.Stack, s.Resources, s.Change, relative(s.File)})
	}
	t.SuppressTrailingSpaces()
	fmt.Fprintln(w, t.Render())
}

// relative shortens a path for people, where it lies below the current directory.
func relative(path string) string {
	wd, err := os.Getwd()
	if err != nil {
		return path
	}
	if rel, err := filepath.Rel(wd, path); err == nil && filepath.IsLocal(rel) {
		return rel
	}
	return path
}
