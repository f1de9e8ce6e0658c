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
	context.AfterFunc(ctx, stop) // a second interrupt ends the process at once
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
	if *outDir == "" {
		fmt.Fprintln(stderr, "tandem: -out is empty; name a directory")
		return exitInput
	}
	env, err := spec.Load(*specFile)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		fmt.Fprintf(stderr, "%s does not exist; name the description with -spec, or have `tandem init` write one\n", *specFile)
		return exitInput
	case err != nil:
		fmt.Fprintln(stderr, err)
		return exitInput
	}
	fastsynth.Prepare(stderr)
	summaries, err := stacks.Synth(ctx, env, *outDir)
	if err != nil {
		fmt.Fprintln(stderr, err)
		return exitFailure
	}
	if err := printSummary(stdout, summaries); err != nil {
		fmt.Fprintln(stderr, err)
		return exitFailure
	}
	return exitOK
}

func printSummary(w io.Writer, summaries []stacks.Summary) error {
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
	_, err := fmt.Fprintln(w, t.Render())
	return err
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
