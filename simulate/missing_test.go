package simulate

import (
	"strings"
	"testing"
	"time"
)

// TestMissingData has both tables of
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html
// for N = 3 and an evaluation range of 5: the newest point is the last, "-" is
// missing, X breaches. Columns: missing, ignore, breaching, notBreaching. Where the
// tables are silent, the state may be chosen to be kept.
func TestMissingData(t *testing.T) {
	const silent = "- - - - X"
	const ok, alarmed, insufficient, kept = stateOK, stateAlarm, stateInsufficient, alarmState(9)
	for _, row := range []struct {
		points string
		m      int
		want   [4]alarmState
	}{
		{"0 - X - X", 3, [4]alarmState{ok, ok, ok, ok}},
		{"- - - - 0", 3, [4]alarmState{ok, ok, ok, ok}},
		{"- - - - -", 3, [4]alarmState{insufficient, kept, alarmed, ok}},
		{"0 X X - X", 3, [4]alarmState{alarmed, alarmed, alarmed, alarmed}},
		{"- - X - -", 3, [4]alarmState{alarmed, kept, alarmed, ok}},

		{"0 - X - X", 2, [4]alarmState{alarmed, alarmed, alarmed, alarmed}},
		{"0 0 X 0 X", 2, [4]alarmState{alarmed, alarmed, alarmed, alarmed}},
		{"0 - X - -", 2, [4]alarmState{ok, ok, alarmed, ok}},
		{"- - - - 0", 2, [4]alarmState{ok, ok, alarmed, ok}},
		{"- - - X -", 2, [4]alarmState{alarmed, kept, alarmed, ok}},
		// Not in the tables: too young to be an alarm.
		{silent, 3, [4]alarmState{insufficient, kept, alarmed, ok}},
	} {
		for i, missing := range []MissingData{Missing, Ignore, Breaching, NotBreaching} {
			for _, before := range []alarmState{stateOK, stateAlarm, stateInsufficient} {
				want := row.want[i]
				if want == kept {
					want = before
				}
				if got := stateAfter(row.points, row.m, missing, before, false); got != want {
					t.Errorf("%s, %d of 3, %s, before %d: state %d, want %d", row.points, row.m, missing, before, got, want)
				}
				if missing == Missing && row.points == silent {
					want = before
				}
				if got := stateAfter(row.points, row.m, missing, before, true); got != want {
					t.Errorf("%s, %d of 3, %s, before %d, kept: state %d, want %d", row.points, row.m, missing, before, got, want)
				}
			}
		}
	}
}

func stateAfter(points string, m int, missing MissingData, before alarmState, keeps bool) alarmState {
	var cpu metric
	cpu.reset(1, 2, false, 1)
	var a alarm
	a.reset(&Alarm{Comparison: AtOrAbove, Threshold: 50, Period: time.Minute, EvaluationPeriods: 3, DatapointsToAlarm: m,
		MissingData: missing}, 0, &cpu, Model{ExtraPeriods: 2, PrematureKeepsState: keeps})
	for minute, p := range strings.Fields(points) {
		switch p {
		case "X":
			cpu.sum, cpu.n = 900_000, 1
		case "0":
			cpu.sum, cpu.n = 100_000, 1
		}
		cpu.close(minute)
		a.state = before
		a.evaluate(minute + 1)
	}
	return a.state
}
