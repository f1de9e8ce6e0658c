package simulate_test

import (
	"context"
	"testing"
	"time"

	"github.com/tandem-iac/tandem/simulate"
)

// cores is a load that follows a function of time.
type cores struct {
	at    func(time.Duration) float64
	span  time.Duration
	start time.Time
}

func (c cores) Start() time.Time        { return c.start }
func (c cores) Duration() time.Duration { return c.span }
func (c cores) Unit() simulate.Unit     { return simulate.Cores }
func (c cores) Fill(values []float64, from, step time.Duration) {
	for i := range values {
		values[i] = c.at(from + time.Duration(i)*step)
	}
}

func run(t testing.TB, s simulate.Scenario) *simulate.Result {
	t.Helper()
	r, err := simulate.Run(context.Background(), s)
	if err != nil {
		t.Fatal(err)
	}
	return r
}
