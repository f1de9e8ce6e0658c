package load_test

import (
	"fmt"
	"strings"
	"time"

	"github.com/tandem-iac/tandem/simulate/load"
)

// A flash crowd on top of an ordinary day.
func ExampleParse() {
	demand, err := load.Parse("diurnal:low=20,high=200 + flash:at=18:00,add=500,hold=10m", load.Config{})
	if err != nil {
		fmt.Println(err)
		return
	}
	hourly := make([]float64, 24)
	demand.Fill(hourly, 0, time.Hour)
	fmt.Printf("%v of %s: %.0f at 14:00, %.0f at 18:00\n", demand.Duration(), demand.Unit(), hourly[14], hourly[18])
	// Output:
	// 24h0m0s of requests: 199 at 14:00, 348 at 18:00
}

// What a load balancer measured, with a gap that is drawn through.
func ExampleReadCSV() {
	csv := `time,requests_per_second
2026-03-02T08:00:00Z,100
2026-03-02T08:05:00Z,110
2026-03-02T08:10:00Z,120
2026-03-02T08:25:00Z,180
`
	demand, err := load.ReadCSV(strings.NewReader(csv), "monday.csv", load.Config{Gaps: load.Interpolate})
	if err != nil {
		fmt.Println(err)
		return
	}
	values := make([]float64, 6)
	demand.Fill(values, 0, 5*time.Minute)
	fmt.Printf("%.0f\n", values)
	// Output:
	// [100 110 120 135 165 180]
}
