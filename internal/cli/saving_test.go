package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/tandem-iac/tandem/simulate/report"
)

// simulated is what a simulation of the example prints as JSON.
type simulated struct {
	Runs []struct {
		Summary map[string]float64
		Groups  []struct {
			Name    string
			Minimum int `json:"min_in_service"`
			Maximum int `json:"max_in_service"`
		}
		Activities []struct {
			Seconds  float64
			From, To int
		}
	}
}

func simulateExample(t *testing.T, flags ...string) simulated {
	t.Helper()
	var out, messages bytes.Buffer
	// Prices as in the price file of the docs, which may be renewed.
	args := append([]string{"simulate", "../../tandem.yaml", "--cluster", "obelix", "--json",
		"--on-demand-price", "m4.large=0.125,m5.large=0.12,m5a.large=0.108"}, flags...)
	if code := run(t.Context(), args, app{stdout: &out, stderr: &messages, now: time.Now}); code != exitOK {
		t.Fatalf("exit code %d: %s", code, messages.String())
	}
	var s simulated
	if err := json.Unmarshal(out.Bytes(), &s); err != nil {
		t.Fatal(err)
	}
	return s
}

// TestSavingOfSeedDay holds the figures of docs/simulate.md.
func TestSavingOfSeedDay(t *testing.T) {
	docs, err := os.ReadFile("../../docs/simulate.md")
	if err != nil {
		t.Fatal(err)
	}
	typical := []string{"--spot-price", "m4.large=0.06125,m5.large=0.0516,m5a.large=0.0616"}
	low := []string{"--spot-price", "m4.large=0.025,m5.large=0.025,m5a.large=0.025"}
	for _, test := range []struct {
		in    string // as the docs say it
		flags []string
	}{
		{"4 million", typical},
		{"4 million", low},
		{"4 million", append(low, "--objective", "50")},
		{"8 million", append(low, "--objective", "50", "--load", "seed-day:calls=8000000")},
	} {
		figures := simulateExample(t, test.flags...).Runs[0].Summary
		var cells []string
		for _, m := range report.Metrics() {
			switch m.Name {
			case "over_slo_minutes", "cost_usd", "saving_percent", "constant_saving_percent":
				cells = append(cells, m.Format(figures[m.Name]))
			case "peak_fleet_instances":
				cells = append(cells, fmt.Sprintf("%.0f × %.2f USD", figures[m.Name], figures["peak_fleet_cost_usd"]/figures[m.Name]))
			}
		}
		if row := strings.Join(cells, " | "); !strings.Contains(string(docs), row) {
			t.Errorf("%s calls with %v: docs/simulate.md has no row with %s", test.in, test.flags, row)
		}
	}
}

// TestSeedDayShape is how the example's policy answers the day: one on-demand
// instance and one or more of spot; up early, in bursts; down slowly, one by one.
func TestSeedDayShape(t *testing.T) {
	r := simulateExample(t).Runs[0]
	for _, g := range r.Groups {
		spot := strings.HasSuffix(g.Name, "-spot")
		if g.Minimum != 1 || !spot && g.Maximum != 1 || spot && g.Maximum < 4 {
			t.Errorf("%s has %d to %d instances", g.Name, g.Minimum, g.Maximum)
		}
	}
	var first, last float64
	outs := 0
	for _, a := range r.Activities {
		if a.To > a.From {
			if outs++; outs == 3 && a.Seconds-first > 5*60 {
				t.Errorf("three instances more took %g s", a.Seconds-first)
			} else if outs == 1 {
				first = a.Seconds
			}
			continue
		}
		if a.From-a.To != 1 || last > 0 && a.Seconds-last < 30*60 {
			t.Errorf("%d to %d instances %g s after the removal before", a.From, a.To, a.Seconds-last)
		}
		last = a.Seconds
	}
	if outs < 3 || last == 0 {
		t.Errorf("%d scale-outs, the last scale-in at %g s", outs, last)
	}
	if first > 8*3600 {
		t.Errorf("the first scale-out is at %g s, want before the hour with half of the peak", first)
	}
}
