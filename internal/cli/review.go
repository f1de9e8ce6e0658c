package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/tandem-iac/tandem/internal/review"
	"github.com/tandem-iac/tandem/internal/review/render"
	"github.com/tandem-iac/tandem/internal/review/rule"
	"github.com/tandem-iac/tandem/simulate/load"
)

// reviewFlags are those of tandem review.
type reviewFlags struct {
	file, region, prices, load, format, output, failOn, baseline string
	writeBaseline, synth                                         bool
}

func newReviewCommand(a *app) *cobra.Command {
	var f reviewFlags
	cmd := &cobra.Command{
		Use:   "review PLAN.json...",
		Short: "Say what Terraform plans really change, what they risk and what they cost",
		Long: `Say what Terraform plans really change, what they risk and what they cost. A
PLAN.json is what 'terraform show -json PLANFILE' prints, one a stack; - is
standard input. A state is taken too: nothing changes, and its risks are told.

Where nobody may plan, --synth compares two synthesized directories instead.
Plans after them, STACK.json each, take the place of the stacks of that name.

docs/rules.md has the rules. tandem.yaml switches them off, with a reason, and
says what its instance types cost; it is read if it is there.`,
		Example: `  terraform show -json plan.out | tandem review -
  tandem review --format markdown --output comment.md prod-network.json prod-obelix.json
  tandem review --format html --load traffic.csv --output review.html plan.json
  tandem review --fail-on dangerous --baseline known.json plan.json
  tandem review --synth base/cdktf.out cdktf.out
  tandem review --synth base/cdktf.out cdktf.out plans/prod-network.json`,
		Args: func(_ *cobra.Command, args []string) error { return f.checkArgs(args) },
		RunE: func(cmd *cobra.Command, args []string) error { return a.review(cmd.Context(), f, args) },
	}
	flags := cmd.Flags()
	flags.StringVar(&f.format, "format", "text", "text, markdown, html, json or sarif")
	flags.StringVarP(&f.output, "output", "o", "", "`file` to write instead of standard output")
	flags.StringVar(&f.failOn, "fail-on", "", "exit with 1 from this `severity` on: look or dangerous")
	flags.StringVar(&f.baseline, "baseline", "", "`file` of findings that are accepted")
	flags.BoolVar(&f.writeBaseline, "write-baseline", false, "accept all findings: write them to the baseline")
	flags.BoolVar(&f.synth, "synth", false, "compare two synthesized directories, BASE_DIR and HEAD_DIR, instead of reading plans")
	flags.StringVarP(&f.file, "file", "f", "", "`file` with the description (default $TANDEM_SPEC or "+defaultFile+", if it is there)")
	flags.StringVar(&f.region, "region", "", "AWS `region` where the plan does not say it (default the description's)")
	flags.StringVar(&f.prices, "prices", "", "`file` of prices (default those built in)")
	flags.StringVar(&f.load, "load", "", "the demand on which changed scaling is simulated: a CSV file, shapes, or both (default the description's, or "+load.SeedDay+")")
	return cmd
}

// checkArgs refuses flags and arguments that cannot be meant.
func (f reviewFlags) checkArgs(args []string) error {
	want := atLeastOne("a PLAN.json")
	if f.synth {
		want = exactly("BASE_DIR", "HEAD_DIR")
	}
	const directories = 2
	if err := want(nil, args[:min(len(args), directories)]); err != nil {
		return err
	}
	if i := slices.Index(args, streamFile); i >= 0 && slices.Contains(args[i+1:], streamFile) {
		return errors.New("- is named twice: standard input holds one plan")
	}
	return nil
}

// renderers write a review, by --format.
var renderers = map[string]func(a *app, w io.Writer, r review.Report) error{
	"text":     func(a *app, w io.Writer, r review.Report) error { return render.Text(w, r, a.terminal(w)) },
	"markdown": func(_ *app, w io.Writer, r review.Report) error { return render.Markdown(w, r) },
	"html":     func(_ *app, w io.Writer, r review.Report) error { return render.HTML(w, r) },
	"json":     func(_ *app, w io.Writer, r review.Report) error { return render.JSON(w, r) },
	"sarif":    func(_ *app, w io.Writer, r review.Report) error { return render.SARIF(w, r) },
}

func (a *app) review(ctx context.Context, f reviewFlags, args []string) error {
	threshold, err := f.check()
	if err != nil {
		return inputError{err: err, help: "tandem review"}
	}
	cfg, err := a.reviewConfig(ctx, f)
	if err != nil {
		return err
	}
	plans, err := a.plans(ctx, f, args)
	if err != nil {
		return err
	}
	report, err := review.New(ctx, plans, cfg)
	if err != nil {
		return err
	}
	if f.writeBaseline {
		return f.saveBaseline(a.stdout, report)
	}
	if f.output == "" {
		err = renderers[f.format](a, a.stdout, report)
	} else {
		var b bytes.Buffer
		if err = renderers[f.format](a, &b, report); err == nil {
			err = writeFile(f.output, b.Bytes())
		}
	}
	if err == nil && threshold != rule.Safe && report.Severity >= threshold {
		err = fmt.Errorf("the review says %s: %s", report.Severity, report.Headline)
	}
	return err
}

// check returns the severity to fail on; Safe: none.
func (f reviewFlags) check() (threshold rule.Severity, err error) {
	if renderers[f.format] == nil {
		return 0, fmt.Errorf("--format is %q, want text, markdown, html, json or sarif", f.format)
	}
	if f.failOn != "" {
		var ok bool
		if threshold, ok = rule.ParseSeverity(f.failOn); !ok {
			return 0, fmt.Errorf("--fail-on is %q, want look or dangerous", f.failOn)
		}
	}
	if f.writeBaseline && f.baseline == "" {
		return 0, errors.New("--write-baseline wants --baseline, the file to write")
	}
	return threshold, nil
}

// terminal is what w shows text on: nothing is broken or coloured in a file or
// a pipe, unless $COLUMNS gives a width.
func (a *app) terminal(w io.Writer) render.Terminal {
	var t render.Terminal
	if columns, err := strconv.Atoi(os.Getenv("COLUMNS")); err == nil && columns > 0 {
		t.Width = columns
	}
	out, ok := w.(*output)
	if !ok {
		return t
	}
	if f, ok := out.w.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		t.Color = os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
		if width, _, err := term.GetSize(int(f.Fd())); err == nil && t.Width == 0 {
			t.Width = width
		}
	}
	return t
}
