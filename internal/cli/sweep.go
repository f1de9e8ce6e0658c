package cli

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/tandem-iac/tandem/simulate"
	"github.com/tandem-iac/tandem/simulate/report"
)

// swept are the figures that a sweep reports.
var swept = []string{"over_slo_minutes", "unserved_percent", "scale_outs", "flaps", "breach_to_capacity_seconds", "cost_usd"}

// spread is how much a figure depends on a parameter.
type spread struct {
	Least float64 `json:"least"`
	Most  float64 `json:"most"`
}

// sweptParameter is a parameter's range and what came of it.
type sweptParameter struct {
	Parameter string            `json:"parameter"`
	Unit      string            `json:"unit,omitempty"`
	Default   float64           `json:"default"`
	Mark      simulate.Mark     `json:"mark"`
	Source    string            `json:"source"`
	Values    []float64         `json:"values"`
	Figures   map[string]spread `json:"figures"`
}

// sweep prints how much the figures of a scenario depend on each parameter that
// AWS leaves open.
func (a *app) sweep(ctx context.Context, s scenario, asJSON bool) error {
	trials, err := simulate.Sweep(ctx, s.Scenario)
	if err != nil {
		return err
	}
	parameters := spreads(trials)
	if asJSON {
		return printJSON(a.stdout, parameters)
	}
	if columns := a.width(); columns > 0 && columns < sweepColumns {
		a.printDependent(parameters)
		return nil
	}
	printTable(a.stdout, append([]string{"parameter", "range"}, swept...), sweepRows(parameters))
	return nil
}

// sweepColumns is how wide a sweep's table is, about; on a narrower terminal
// there are lines instead.
const sweepColumns = 140

func sweepRows(parameters []sweptParameter) [][]any {
	rows := make([][]any, len(parameters))
	for n, p := range parameters {
		rows[n] = []any{p.Parameter, p.span()}
		for _, name := range swept {
			rows[n] = append(rows[n], p.Figures[name])
		}
	}
	return rows
}

// span is the range that was tried.
func (p sweptParameter) span() string {
	return strings.TrimSpace(fmt.Sprintf("%g–%g %s", p.Values[0], p.Values[len(p.Values)-1], p.Unit))
}

// printDependent prints the figures that depend on each parameter, one a line.
func (a *app) printDependent(parameters []sweptParameter) {
	for _, p := range parameters {
		fmt.Fprintf(a.stdout, "%s, %s\n", p.Parameter, p.span())
		changes := false
		for _, name := range swept {
			if figure := p.Figures[name]; figure.Least != figure.Most {
				fmt.Fprintf(a.stdout, "  %s: %s\n", name, figure)
				changes = true
			}
		}
		if !changes {
			fmt.Fprintln(a.stdout, "  changes nothing")
		}
	}
}

// spreads gathers the trials of each parameter.
func spreads(trials []simulate.Trial) []sweptParameter {
	var parameters []sweptParameter
	for _, trial := range trials {
		p := trial.Parameter
		if n := len(parameters); n == 0 || parameters[n-1].Parameter != flagName(p) {
			parameters = append(parameters, sweptParameter{
				Parameter: flagName(p), Unit: p.Unit, Default: p.Default, Mark: p.Mark, Source: p.Source, Figures: map[string]spread{},
			})
		}
		at := &parameters[len(parameters)-1]
		at.Values = append(at.Values, trial.Value)
		for _, m := range report.Metrics() {
			if !slices.Contains(swept, m.Name) {
				continue
			}
			value := m.Of(trial.Result.Summary)
			s, seen := at.Figures[m.Name]
			if !seen {
				s = spread{Least: math.Inf(1), Most: math.Inf(-1)}
			}
			at.Figures[m.Name] = spread{Least: min(s.Least, value), Most: max(s.Most, value)}
		}
	}
	return parameters
}

// String is a range, or the one value where the parameter changes nothing.
func (s spread) String() string {
	if s.Least == s.Most {
		return fmt.Sprintf("%.4g", s.Least)
	}
	return fmt.Sprintf("%.4g–%.4g", s.Least, s.Most)
}
