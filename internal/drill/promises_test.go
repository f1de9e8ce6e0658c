package drill_test

import (
	"testing"

	"github.com/tandem-iac/tandem/internal/drill"
)

func TestJudge(t *testing.T) {
	const green, red, undecided = "green", "red", "undecided"
	seconds := func(s float64) *float64 { return &s }
	for name, test := range map[string]struct {
		lag    float64
		change func(r *drill.Report)
		want   string
	}{
		"all is well":                        {0, func(*drill.Report) {}, green},
		"late":                               {0.05, func(r *drill.Report) { r.Instances[0].Rescue = seconds(1.01) }, red},
		"late by as much as the machine":     {0.3, func(r *drill.Report) { r.Instances[0].Rescue = seconds(1.04) }, green},
		"late by several delays":             {0.3, func(r *drill.Report) { r.Instances[0].Rescue = seconds(1.9) }, undecided},
		"later than the machine can explain": {0.3, func(r *drill.Report) { r.Instances[0].Rescue = seconds(2.1) }, red},
		"one in time, one never":             {9, func(r *drill.Report) { r.Instances[1].Rescue = nil }, red},
		"dropped":                            {0.2, func(r *drill.Report) { r.Requests.Dropped = 1 }, red},
		"dropped by a slow machine":          {0.4, func(r *drill.Report) { r.Requests.Dropped = 1 }, undecided},
		"nobody took over":                   {9, func(r *drill.Report) { r.Desired.After = 2 }, red},
		"one too many":                       {9, func(r *drill.Report) { r.Desired.After = 4 }, red},
		"one too many by a call that was given up": {2, func(r *drill.Report) {
			r.Desired.After, r.Instances[1].Rescues = 4, 2
		}, undecided},
		"one too many by a call asked for twice": {0.1, func(r *drill.Report) {
			r.Desired.After, r.Instances[1].Rescues = 4, 2
		}, red},
		"one too many after a kill": {0, func(r *drill.Report) {
			r.Desired.After, r.Instances[1].Kills, r.Instances[1].Rescues = 4, 1, 2
		}, green},
		"a hook twice":                {0, func(r *drill.Report) { r.Instances[0].Hooks = append(r.Instances[0].Hooks, "10-ship-log") }, red},
		"a hook cut by slowness":      {0.5, func(r *drill.Report) { r.Instances[0].Hooks = r.Instances[0].Hooks[:1] }, undecided},
		"too late for the end":        {0, func(r *drill.Report) { r.Instances[0].Left = seconds(-0.1) }, red},
		"undecided and broken is red": {0.4, func(r *drill.Report) { r.Requests.Dropped, r.Desired.After = 1, 2 }, red},
	} {
		t.Run(name, func(t *testing.T) {
			r := drill.Report{
				Requests: drill.Requests{Sent: 100}, Desired: drill.Desired{Before: 1, After: 3, Max: 10}, Lag: test.lag,
				Settings: drill.Settings{Deregistration: 6, Propagation: 2, Hooks: 2, Flush: 1},
			}
			for range 2 {
				r.Instances = append(r.Instances, drill.Instance{
					Rescue: seconds(0.3), Limit: 0.8, Rescues: 1, Deregistered: seconds(0.3), Stopped: true, Left: seconds(5), Lag: test.lag,
					Hooks: []string{"10-note", "50-stop-service", "10-ship-log"},
				})
			}
			test.change(&r)
			r.Judge()
			got := red
			switch {
			case r.Green && !r.Undecided:
				got = green
			case r.Undecided && !r.Green:
				got = undecided
			}
			if got != test.want {
				t.Errorf("it is %s, want %s: %+v", got, test.want, r.Promises)
			}
		})
	}
}
