package cli

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tandem-iac/tandem/internal/check"
	"github.com/tandem-iac/tandem/simulate"
	"github.com/tandem-iac/tandem/simulate/load"
	"github.com/tandem-iac/tandem/simulate/report"
)

// simulateOptions are the flags of simulate that say what to do with a run.
type simulateOptions struct {
	scenario scenarioFlags
	load     string
	compare  bool
	sweep    bool
	failIf   []string
	html     string
	chart    string
	asJSON   bool
	series   bool
}

func newSimulateCommand(a *app) *cobra.Command {
	var o simulateOptions
	cmd := &cobra.Command{
		Use:   "simulate {FROM | --compare A B}",
		Short: "Replay a load against scaling policies, offline",
		Long: `Replay a load against the Auto Scaling groups, policies and alarms in FROM, and
say what would have happened: capacity, CPU, activities, unserved work, cost.

FROM is a stack's directory or cdk.tf.json as 'make synth' writes it, what
'terraform show -json' prints of a plan or a state (anybody's Terraform), or a
tandem.yaml. docs/simulate-model.md has the rules, docs/loads.md the loads.

What AWS leaves open is a parameter: --set changes one, --sweep tries them all
and shows how much depends on each.`,
		Example: `  tandem simulate cdktf.out/stacks/prod-obelix --load seed-day --html out.html
  tandem simulate tandem.yaml --cluster obelix --load requests.csv
  tandem simulate plan.json --load 'diurnal:low=20,high=200 + flash:at=18:00,add=500'
  tandem simulate --compare base/prod-obelix head/prod-obelix --fail-if 'over_slo_minutes > 10'`,
		Args: func(_ *cobra.Command, args []string) error {
			if o.compare {
				return exactly("A", "B")(nil, args)
			}
			return exactly("FROM")(nil, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error { return a.simulate(cmd.Context(), o, args) },
	}
	o.scenario.add(cmd)
	f := cmd.Flags()
	f.StringVar(&o.load, "load", load.SeedDay, "the demand: a CSV file, shapes, or both (docs/loads.md)")
	f.BoolVar(&o.compare, "compare", false, "simulate two, A and B, on the same load and random draws")
	f.BoolVar(&o.sweep, "sweep", false, "try the range of every parameter that AWS leaves open")
	f.StringArrayVar(&o.failIf, "fail-if", nil, "exit with 1 where `CONDITION` on the figures is true, such as 'over_slo_minutes > 10'; repeatable")
	f.StringVar(&o.html, "html", "", "write a page with charts to `FILE`")
	f.StringVar(&o.chart, "chart", "", "write a picture to `FILE`, .svg or .png")
	f.BoolVar(&o.asJSON, "json", false, "print JSON")
	f.BoolVar(&o.series, "series", false, "with --json: values of every step as well")
	return cmd
}

func (a *app) simulate(ctx context.Context, o simulateOptions, from []string) error {
	if err := o.idle(); err != nil {
		return err
	}
	conditions, err := parseConditions(o.failIf)
	if err != nil {
		return err
	}
	format, err := chartFormat(o.chart)
	if err != nil {
		return err
	}
	scenarios, err := a.scenarios(ctx, o.scenario, o.load, from)
	if err != nil {
		return err
	}
	if o.sweep {
		return a.sweep(ctx, scenarios[0], o.asJSON)
	}
	var runs []report.Run
	for _, s := range scenarios {
		s.Options.Record = true
		result, err := simulate.Run(ctx, s.Scenario)
		if err != nil {
			return err
		}
		runs = append(runs, s.run(result))
	}
	r := report.New(runs...)
	if err := a.writeReport(r, o, format); err != nil {
		return err
	}
	return failIf(r, conditions)
}

// idle refuses flags that would have no effect beside others.
func (o simulateOptions) idle() error {
	for _, other := range []struct {
		flag  string
		given bool
	}{
		{"compare", o.compare}, {"fail-if", len(o.failIf) > 0}, {"html", o.html != ""}, {"chart", o.chart != ""}, {"series", o.series},
	} {
		if other.given && o.sweep {
			return check.InputErrorf("--%s is not for --sweep, which prints figures alone: want one of them", other.flag)
		}
	}
	if o.series && !o.asJSON {
		return check.InputErrorf("--series is for --json, want both")
	}
	return nil
}

// writeReport prints the report and writes the files that were asked for.
func (a *app) writeReport(r report.Report, o simulateOptions, format report.Format) error {
	files := []struct {
		path  string
		write func(io.Writer) error
	}{
		{o.html, r.WritePage},
		{o.chart, func(w io.Writer) error { return r.WriteChart(w, format) }},
	}
	for _, file := range files {
		if file.path == "" {
			continue
		}
		var content bytes.Buffer
		if err := file.write(&content); err != nil {
			return err
		}
		if err := writeFile(file.path, content.Bytes()); err != nil {
			return err
		}
	}
	if o.asJSON {
		return r.WriteJSON(a.stdout, o.series)
	}
	r.WriteTable(a.stdout, a.width())
	return nil
}

func parseConditions(texts []string) ([]report.Condition, error) {
	var conditions []report.Condition
	for _, text := range texts {
		condition, err := report.ParseCondition(text)
		if err != nil {
			return nil, inputError{err: fmt.Errorf("--fail-if %w", err)}
		}
		conditions = append(conditions, condition)
	}
	return conditions, nil
}

func chartFormat(path string) (report.Format, error) {
	switch extension := strings.ToLower(filepath.Ext(path)); extension {
	case "":
		if path == "" {
			return "", nil
		}
	case ".svg":
		return report.SVG, nil
	case ".png":
		return report.PNG, nil
	}
	return "", inputError{err: fmt.Errorf("--chart is %q, want a name that ends in .svg or .png", path)}
}

func failIf(r report.Report, conditions []report.Condition) error {
	var held []string
	for _, condition := range conditions {
		holds, err := condition.Holds(r)
		if err != nil {
			return err
		}
		if holds {
			held = append(held, condition.String())
		}
	}
	if len(held) > 0 {
		return fmt.Errorf("--fail-if: %s", strings.Join(held, ", "))
	}
	return nil
}
