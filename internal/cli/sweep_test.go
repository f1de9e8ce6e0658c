package cli

import (
	"bytes"
	"testing"
)

// TestNarrowSweep is what a terminal shows that the table does not fit.
func TestNarrowSweep(t *testing.T) {
	var out bytes.Buffer
	a := app{stdout: &out}
	a.printDependent([]sweptParameter{
		{Parameter: "boot-median", Unit: "s", Values: []float64{15, 26, 60},
			Figures: map[string]spread{"flaps": {Least: 0, Most: 2}, "cost_usd": {Least: 8, Most: 8}}},
		{Parameter: "extra-periods", Values: []float64{0, 5}, Figures: map[string]spread{"flaps": {Least: 1, Most: 1}}},
	})
	const want = "boot-median, 15–60 s\n  flaps: 0–2\nextra-periods, 0–5\n  changes nothing\n"
	if out.String() != want {
		t.Errorf("%s\nwant\n%s", out.String(), want)
	}
}
