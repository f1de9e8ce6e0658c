package cli

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tandem-iac/tandem/internal/check"
	"github.com/tandem-iac/tandem/simulate/load"
	"github.com/tandem-iac/tandem/simulate/report"
	"github.com/tandem-iac/tandem/simulate/tune"
)

// tuneOptions are the flags of tune beyond those of a scenario.
type tuneOptions struct {
	scenario   scenarioFlags
	loads      []string
	keep       string
	ranges     []string
	fixed      []string
	candidates int
	seeds      int
	html, yaml string
	asJSON     bool
}

func newTuneCommand(a *app) *cobra.Command {
	var o tuneOptions
	cmd := &cobra.Command{
		Use:   "tune FILE",
		Short: "Search for a cheaper scaling policy that keeps the objective",
		Long: `Search thresholds, periods, steps, cooldowns, warm-ups and sizes of a cluster in
the description FILE for the cheapest policy that keeps the objective on all
loads, each by itself. The present policy takes part, so that what is found is
never worse. Prints what to change, as YAML too, and the front of cost against
time above the objective.

The search finds good policies; it cannot prove that there is no better one.
The same seed gives the same result. docs/tune.md has the method, the ranges
and the names that --range and --fix take.`,
		Example: `  tandem tune tandem.yaml --cluster obelix
  tandem tune tandem.yaml --cluster obelix --load monday.csv --load 'diurnal + flash:at=18:00,add=500' --html front.html
  tandem tune tandem.yaml --cluster obelix --range spot.scale_out.sustained.threshold=40..70 --fix on_demand
  tandem tune tandem.yaml --cluster obelix --keep 'over_slo_minutes <= 30' --candidates 5000`,
		Args: exactly("FILE"),
		RunE: func(cmd *cobra.Command, args []string) error { return a.tune(cmd.Context(), o, args[0]) },
	}
	o.scenario.add(cmd)
	f := cmd.Flags()
	f.StringArrayVar(&o.loads, "load", []string{load.SeedDay}, "a demand that the policy has to stand: a CSV file, shapes, or both (docs/loads.md); repeatable")
	f.StringVar(&o.keep, "keep", tune.DefaultKeep, "`CONDITION` on the figures of each load")
	f.StringArrayVar(&o.ranges, "range", nil, "search `PATH=LOW..HIGH` instead of the default range; repeatable")
	f.StringArrayVar(&o.fixed, "fix", nil, "leave `PATH` and what is below it as it is; repeatable")
	f.IntVar(&o.candidates, "candidates", tune.DefaultCandidates, "how many policies to try")
	f.IntVar(&o.seeds, "seeds", tune.DefaultSeeds, "check the policy with so many other seeds")
	f.StringVar(&o.html, "html", "", "write a page with a chart of the front to `FILE`")
	f.StringVar(&o.yaml, "yaml", "", "write the changed keys to `FILE` as well")
	f.BoolVar(&o.asJSON, "json", false, "print JSON")
	return cmd
}

func (a *app) tune(ctx context.Context, o tuneOptions, file string) error {
	cfg, err := a.tuneConfig(ctx, &o, file)
	if err != nil {
		return err
	}
	bar := a.count("tune " + cfg.Cluster)
	cfg.Progress = func(done, total int) { bar.set(int64(done), int64(total)) }
	result, err := tune.Search(ctx, cfg)
	bar.stop()
	if result == nil {
		return err
	}
	if writeErr := a.writeTuned(result, o); writeErr != nil {
		return writeErr
	}
	if err != nil {
		return fmt.Errorf("%w after %d of %d policies; the best of them is above, neither simplified nor checked with other seeds",
			err, result.Evaluated, o.candidates)
	}
	return result.Err()
}

func (a *app) tuneConfig(ctx context.Context, o *tuneOptions, file string) (tune.Config, error) {
	if !isDescription(file) {
		return tune.Config{}, check.InputErrorf("%s is no description: tune changes a tandem.yaml; for other policies there is 'tandem simulate --compare'", file)
	}
	condition, err := report.ParseCondition(o.keep)
	if err != nil {
		return tune.Config{}, inputError{err: fmt.Errorf("--keep %w", err)}
	}
	cfg := tune.Config{Keep: condition, Fixed: o.fixed, Candidates: o.candidates, Seeds: o.seeds, Seed: o.scenario.seed}
	for _, text := range o.ranges {
		r, err := tune.ParseRange(text)
		if err != nil {
			return cfg, err
		}
		cfg.Ranges = append(cfg.Ranges, r)
	}
	if cfg.Environment, err = a.load(ctx, file); err != nil {
		return cfg, err
	}
	if cfg.Prices, err = o.scenario.catalog(); err != nil {
		return cfg, err
	}
	for _, text := range o.loads {
		scenarios, err := a.scenarios(ctx, o.scenario, text, []string{file})
		if err != nil {
			return cfg, err
		}
		for _, note := range scenarios[0].warnings {
			fmt.Fprintf(a.screen, "note: %s: %s\n", text, note)
		}
		cfg.Traces = append(cfg.Traces, tune.Trace{Name: text, Scenario: scenarios[0].Scenario})
	}
	cfg.Cluster = o.scenario.cluster
	if cfg.Cluster == "" { // scenarios has refused several
		cfg.Cluster = slices.Sorted(maps.Keys(cfg.Environment.Clusters))[0]
	}
	return cfg, nil
}

func (a *app) writeTuned(r *tune.Result, o tuneOptions) error {
	files := []struct {
		path  string
		write func(io.Writer) error
	}{
		{o.html, r.WritePage},
		{o.yaml, func(w io.Writer) error {
			fragment, err := r.YAML()
			if err != nil {
				return err
			}
			_, err = w.Write(fragment)
			return err
		}},
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
		return r.WriteJSON(a.stdout)
	}
	return a.printTuned(r)
}

// printTuned prints a result for people.
func (a *app) printTuned(r *tune.Result) error {
	fmt.Fprintf(a.stdout, "%s: %s\n", r.Cluster, r.Headline())
	fmt.Fprintln(a.stdout)
	a.printRuns(r)
	if len(r.Changes) > 0 {
		fmt.Fprintln(a.stdout, "\nchanges:")
		rows := make([][]any, len(r.Changes))
		for n, c := range r.Changes {
			rows[n] = []any{c.Path, c.From, c.To}
		}
		printFitted(a.stdout, a.width(), []string{"value", "present", "tuned"}, rows)
	}
	a.printFront(r)
	a.printCheck(r)
	fragment, err := r.YAML()
	if err == nil && fragment != nil {
		fmt.Fprintf(a.stdout, "\nfor tandem.yaml:\n\n%s", fragment)
	}
	return err
}

// printRuns compares the figures of both policies on each load.
func (a *app) printRuns(r *tune.Result) {
	header := []string{"figure", "present", "tuned"}
	for n, load := range r.Traces {
		if len(r.Traces) > 1 {
			fmt.Fprintf(a.stdout, "%s:\n", load)
		}
		var rows [][]any
		for _, m := range report.Metrics() {
			if slices.Contains(swept, m.Name) || m.Name == "saving_percent" {
				rows = append(rows, []any{m.Name, m.Format(m.Of(r.Present.Runs[n])), m.Format(m.Of(r.Chosen.Runs[n]))})
			}
		}
		printFitted(a.stdout, a.width(), header, rows)
	}
}

// maxFront is how many policies of the front are printed; JSON has all.
const maxFront = 12

func (a *app) printFront(r *tune.Result) {
	fmt.Fprintf(a.stdout, "\nfront, of %d policies:\n", r.Evaluated)
	var rows [][]any
	shown := min(len(r.Front), maxFront)
	for n := range shown {
		c := r.Front[0]
		if shown > 1 {
			c = r.Front[n*(len(r.Front)-1)/(shown-1)]
		}
		keeps := "no"
		if c.Kept() {
			keeps = "yes"
		}
		rows = append(rows, []any{fmt.Sprintf("%.2f", c.Cost), c.OverObjective.Minutes(), fmt.Sprintf("%.4g %%", c.UnservedPercent), keeps, len(r.ChangesOf(c))})
	}
	printFitted(a.stdout, a.width(), []string{"usd", "minutes above", "unserved", "keeps", "changes"}, rows)
	if len(r.Front) > shown {
		fmt.Fprintf(a.stdout, "%d more are in --json and --html\n", len(r.Front)-shown)
	}
}

func (a *app) printCheck(r *tune.Result) {
	c := r.Check
	if c == nil {
		return
	}
	fmt.Fprintln(a.stdout, "\ncheck of the tuned policy:")
	rows := [][]any{spreadRow("other models", c.TrialsKept, c.Trials, c.Models)}
	if c.Seeds > 0 {
		rows = append([][]any{spreadRow("other seeds", c.Kept, c.Seeds, c.Luck)}, rows...)
	}
	printFitted(a.stdout, a.width(), []string{"with", "keeps", "usd", "minutes above", "unserved"}, rows)
	var breaking []string
	for _, b := range c.Breaking {
		breaking = append(breaking, strings.TrimSpace(fmt.Sprintf("%s %g %s", b.Parameter, b.Value, b.Unit)))
	}
	if len(breaking) > 0 {
		fmt.Fprintf(a.stdout, "not kept with: %s\n", strings.Join(breaking, ", "))
	}
}

func spreadRow(what string, kept, of int, s tune.Spread) []any {
	return []any{what, fmt.Sprintf("%d of %d", kept, of), fmt.Sprintf("%.2f–%.2f", s.CostLow, s.CostHigh),
		spread{s.MinutesLow, s.MinutesHigh}, spread{s.UnservedLow, s.UnservedHigh}.String() + " %"}
}
