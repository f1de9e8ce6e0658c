// Package behaviour simulates what a plan changes about scaling: before and
// after, on the same load.
//
//	plan.Plan ── clusters ──> before, after ── simulate.Run ──> Behaviour
package behaviour

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"github.com/tandem-iac/tandem/simulate"
	"github.com/tandem-iac/tandem/simulate/catalog"
	"github.com/tandem-iac/tandem/simulate/report"
)

// Config says on what clusters are simulated.
type Config struct {
	// Load is the demand on every cluster. Nil: nothing is simulated.
	Load simulate.Load
	// LoadName says in words what the load is.
	LoadName string
	// Model is what AWS leaves open.
	Model simulate.Model
	// Prices are those of the instance types.
	Prices catalog.List
}

// Behaviour is how scaling behaves before and after on the same load.
type Behaviour struct {
	// Load says what was simulated.
	Load string `json:"load"`
	// Clusters are those whose scaling changes, by name.
	Clusters []Cluster `json:"clusters"`
	// Notes say which clusters were not simulated, and why, a sentence each.
	Notes []string `json:"notes"`
}

// Cluster is one cluster before and after.
type Cluster struct {
	Name string `json:"name"`
	// Before and After are the answers at one look.
	Before Verdict `json:"before"`
	After  Verdict `json:"after"`
	// Figures are those of the simulator that decide.
	Figures []Figure `json:"figures"`
	// Warnings are what the simulation had to leave out, by address.
	Warnings []string `json:"warnings"`

	runs report.Report
	// drawn says that there is something to draw.
	drawn bool
}

// Verdict is a simulation's answer at one look.
type Verdict struct {
	Grade    report.Grade `json:"grade"`
	Headline string       `json:"headline"`
}

// Figure is one figure of the simulator, before and after.
type Figure struct {
	// Metric is the simulator's name for it, which ends in its unit.
	Metric string  `json:"metric"`
	Before float64 `json:"before"`
	After  float64 `json:"after"`
	metric report.Metric
	title  string
}

// Title is what the figure is, for people.
func (f Figure) Title() string { return f.title }

// Texts are the values for people.
func (f Figure) Texts() (before, after string) {
	return f.metric.Format(f.Before), f.metric.Format(f.After)
}

// SVG is a small chart of demand and of capacity before and after. Empty: the
// load is too long to keep what would be drawn.
func (c Cluster) SVG() (string, error) {
	if !c.drawn {
		return "", nil
	}
	var b bytes.Buffer
	if err := c.runs.WriteComparison(&b, report.SVG); err != nil {
		return "", err
	}
	svg := b.Bytes()
	return string(svg[max(0, bytes.Index(svg, []byte("<svg"))):]), nil // without the prolog of a file
}

// shown are the figures that decide, in their order.
var shown = []struct{ metric, title string }{
	{"over_slo_minutes", "time above the CPU objective"},
	{"unserved_percent", "work that nobody served"},
	{"cost_usd", "cost of the instances"},
	{"scale_outs", "times it scaled out"},
	{"flaps", "changes taken back soon after"},
	{"saving_percent", "saved against an on-demand fleet for the peak"},
}

// longestDrawn bounds what is kept for charts: memory grows with it.
const longestDrawn = 8 * 24 * time.Hour

// compare simulates a cluster before and after. A scenario that cannot be run
// is an error that says why.
func compare(ctx context.Context, name string, before, after simulate.Cluster, cfg Config) (Cluster, error) {
	c := Cluster{Name: name, Figures: []Figure{}, Warnings: []string{}, drawn: cfg.Load.Duration() <= longestDrawn}
	var runs [2]report.Run
	for i, cluster := range []simulate.Cluster{before, after} {
		result, err := simulate.Run(ctx, simulate.Scenario{
			Cluster: cluster, Load: cfg.Load, Model: cfg.Model, Seed: 1, Options: simulate.Options{Record: c.drawn},
		})
		if err != nil {
			return Cluster{}, err
		}
		runs[i] = report.Run{Name: name, Load: cfg.LoadName, Start: cfg.Load.Start(), Objective: cfg.Model.ObjectiveCPU, Cluster: cluster, Result: result}
	}
	c.runs = report.New(runs[:]...)
	c.Before, c.After = verdict(runs[0]), verdict(runs[1])
	metrics := map[string]report.Metric{}
	for _, m := range report.Metrics() {
		metrics[m.Name] = m
	}
	for _, s := range shown {
		m, known := metrics[s.metric]
		if !known {
			return Cluster{}, fmt.Errorf("the simulator has no figure %s", s.metric)
		}
		c.Figures = append(c.Figures, Figure{
			Metric: s.metric, Before: m.Of(runs[0].Result.Summary), After: m.Of(runs[1].Result.Summary), metric: m, title: s.title,
		})
	}
	return c, nil
}

func verdict(run report.Run) Verdict {
	v := report.New(run).Verdict()
	return Verdict{v.Grade, v.Headline}
}
