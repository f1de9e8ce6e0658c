package report_test

import (
	"math"
	"testing"
	"time"

	"github.com/tandem-iac/tandem/simulate"
	"github.com/tandem-iac/tandem/simulate/report"
)

func TestDistance(t *testing.T) {
	s := simulate.Summary{OverObjective: 21 * time.Minute, Demand: 1000, Unserved: 20, ScaleOuts: 4, ScaleIns: 4}
	for text, want := range map[string]float64{
		"over_slo_minutes <= 21":                             0,
		"over_slo_minutes <= 10":                             1,
		"over_slo_minutes < 21":                              1e-9,
		"over_slo_minutes <= 10 && unserved_percent == 0":    3,
		"over_slo_minutes <= 10 and 1 >= unserved_percent":   1 + 1./3,
		"over_slo_minutes <= 10 or unserved_percent <= 1":    0.5,
		"unserved_percent > 3":                               0.25,
		"scale_outs == scale_ins":                            0,
		"not (scale_outs == scale_ins)":                      1,
		"scale_outs != scale_ins":                            1,
		"over_slo_minutes in 1..3":                           1,
		"(over_slo_minutes <= 10) == (unserved_percent < 1)": 0,
	} {
		c, err := report.ParseCondition(text)
		if err != nil {
			t.Fatal(err)
		}
		d, err := report.NewDistance(c)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		got, err := d.Of(s)
		if err != nil || math.Abs(got-want) > 1e-12 {
			t.Errorf("%s is at %v (%v), want %v", text, got, err, want)
		}
		holds, err := c.Holds(report.New(report.Run{Result: &simulate.Result{Summary: s}}))
		if err != nil || holds != (got == 0) {
			t.Errorf("%s is %v (%v), at a distance of %v", text, holds, err, got)
		}
	}
}
