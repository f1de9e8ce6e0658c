package simulate_test

import (
	"testing"
	"time"

	"github.com/tandem-iac/tandem/simulate"
)

// watched is ten instances with an alarm that adds one.
func watched(load simulate.Load, a simulate.Alarm) simulate.Scenario {
	p := step(simulate.ChangeInCapacity, a.Threshold, open(1))
	p.Alarms = []simulate.Alarm{a}
	return lab(10, load, p)
}

// TestSlidingWindow: with a period of five minutes, minutes 1 to 5 are
// evaluated and then 2 to 6. Windows that tile time would see the breach at
// minute 10, or never:
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/AlarmThatSendsEmail.html
func TestSlidingWindow(t *testing.T) {
	a := high(50)
	a.Period = 5 * time.Minute
	expect(t, watched(percent(10, 40, 40, 40, 40, 40, 40, 40, 90, 0), a), "8 g policy 10->11", "end")
	expect(t, watched(percent(10, 50, 50, 50, 50, 50, 0), a), "5 g policy 10->11", "end")
	expect(t, watched(percent(10, 50, 50, 50, 50, 49.9, 0), a), "end")
	// Periods of an evaluation follow each other without overlap: 2 of 5 minutes.
	a.EvaluationPeriods = 2
	expect(t, watched(percent(10, 90, 90, 90, 90, 90, 60, 60, 60, 60, 49.9, 0), a), "10 g policy 10->11")
	expect(t, watched(percent(10, 60, 60, 60, 60, 60, 60, 60, 60, 0), a), "end")
}

// TestFiresEveryMinute: on the transition and then once a minute, whatever the
// period:
// https://repost.aws/knowledge-center/autoscaling-policy-cloudwatch-alarm
func TestFiresEveryMinute(t *testing.T) {
	a := high(50)
	a.Period = 5 * time.Minute
	expect(t, watched(minutes(9), a), "5 g policy 10->11", "6 g policy 11->12", "7 g policy 12->13", "8 g policy 13->14")
}

// TestMOfN: breaching points need not be consecutive:
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/AlarmThatSendsEmail.html
func TestMOfN(t *testing.T) {
	a := high(50)
	a.EvaluationPeriods, a.DatapointsToAlarm = 5, 3
	expect(t, watched(percent(10, 60, 10, 60, 10, 60, 10), a), "5 g policy 10->11", "end")
	expect(t, watched(percent(10, 60, 60, 10, 60, 10, 10), a), "end") // in ALARM, but the newest value is in no step
	in := simple(simulate.ChangeInCapacity, -1, a)
	expect(t, lab(10, percent(10, 60, 10, 60, 10, 60, 10), in), "5 g policy 10->9", "end")
	expect(t, lab(10, percent(10, 60, 10, 60, 10, 10, 60, 10), in), "end")
	a.DatapointsToAlarm = 0
	in.Alarms[0] = a
	expect(t, lab(10, percent(10, 60, 60, 60, 60, 10, 60, 60, 60, 60, 60, 10), in), "10 g policy 10->9", "end")
}

func TestComparisons(t *testing.T) {
	for _, c := range []struct {
		comparison simulate.Comparison
		fires      [3]bool // below, at and above 50
	}{
		{simulate.AtOrAbove, [3]bool{false, true, true}}, {simulate.Above, [3]bool{false, false, true}},
		{simulate.Below, [3]bool{true, false, false}}, {simulate.AtOrBelow, [3]bool{true, true, false}},
	} {
		for i, cpu := range []float64{49.99, 50, 50.01} {
			a := high(50)
			a.Comparison = c.comparison
			r := run(t, lab(10, percent(10, cpu), simple(simulate.ChangeInCapacity, 1, a)))
			if fired := len(r.Activities) > 0; fired != c.fires[i] {
				t.Errorf("%s at %v: fired %v, want %v", c.comparison, cpu, fired, c.fires[i])
			}
		}
	}
}

// TestDelay: a metric is seen late by what the model says, the alarm evaluated
// when it says.
func TestDelay(t *testing.T) {
	for delay, minute := range map[time.Duration]string{0: "4", time.Second: "5", 2 * time.Minute: "6"} {
		s := watched(percent(10, 10, 10, 10, 90, 10), high(50))
		s.Model.DetailedDelay = delay
		expect(t, s, minute+" g policy 10->11", "end")
	}
	s := watched(minutes(1, 1, 1, 9, 1), high(50))
	s.Model.Step, s.Model.DetailedDelay, s.Model.AlarmPhase = time.Second, 90*time.Second, 30*time.Second
	s.Load = cores{span: 10 * time.Minute, at: func(at time.Duration) float64 {
		if at >= 3*time.Minute && at < 4*time.Minute {
			return 9
		}
		return 1
	}}
	expect(t, s, "5.5 g policy 10->11", "end")
}

// TestBasicMonitoring: a 60 s alarm finds data in one of five periods, and a
// point covers five minutes:
// https://docs.aws.amazon.com/autoscaling/ec2/userguide/enable-as-instance-metrics.html
func TestBasicMonitoring(t *testing.T) {
	a := high(50)
	s := watched(percent(10, 90), a)
	s.Model.ExtraPeriods = 0
	s.Cluster.Groups[0].Monitoring = 5 * time.Minute
	r := expect(t, s, "5 g policy 10->11", "10 g policy 11->12")
	want := []uint8{2, 2, 2, 2, 2, 1, 2, 2, 2, 2, 1}
	for minute, state := range want {
		if got := at(r.Series.Groups[0].Alarms[0].State, minute); got != state {
			t.Errorf("at minute %d the alarm's state is %d, want %d", minute, got, state)
		}
	}
	s.Cluster.Groups[0].Policies[0].Alarms[0].EvaluationPeriods = 2
	s.Cluster.Groups[0].Policies[0].Alarms[0].MissingData = simulate.NotBreaching
	expect(t, s, "end")

	s = watched(percent(10, 0, 0, 0, 0, 250, 49, 0), a) // 50 over the five minutes, but capped at 100
	s.Cluster.Groups[0].Monitoring = 5 * time.Minute
	expect(t, s, "end")
	s.Load = percent(10, 100, 0, 100, 50, 0, 0)
	expect(t, s, "5 g policy 10->11", "end")
}

// TestOtherStatistics: the lowest and highest of any instance.
func TestOtherStatistics(t *testing.T) {
	// One instance sets itself up, at full CPU, and nine have 40 %.
	for statistic, fires := range map[simulate.Statistic]bool{simulate.Maximum: true, "": false, simulate.Average: false, simulate.Minimum: false} {
		a := high(95)
		a.Statistic = statistic
		s := lab(9, minutes(5.4, 3.6), step(simulate.ChangeInCapacity, 60, open(1)), simple(simulate.ChangeInCapacity, -1, a))
		s.Model.SetupMedian = 24 * time.Hour
		want := []string{"1 g policy 9->10", "end"}
		if fires {
			want = []string{"1 g policy 9->10", "2 g policy 10->9"}
		}
		expect(t, s, want...)
	}
	a := high(60)
	a.Period, a.Statistic = 3*time.Minute, simulate.Maximum
	expect(t, lab(10, percent(10, 10, 61, 10), simple(simulate.ChangeInCapacity, -1, a)), "3 g policy 10->9", "4 g policy 9->8", "end")
	a.Comparison, a.Threshold, a.Statistic = simulate.Below, 30, simulate.Minimum
	expect(t, lab(10, percent(10, 50, 29, 50), simple(simulate.ChangeInCapacity, 1, a)), "3 g policy 10->11", "4 g policy 11->12", "end")
}

// TestNoInstancesNoData: an empty group emits nothing; breaching turns that
// into an alarm.
func TestNoInstancesNoData(t *testing.T) {
	for missing, fires := range map[simulate.MissingData]bool{simulate.Breaching: true, simulate.NotBreaching: false, simulate.Missing: false, simulate.Ignore: false} {
		a := low(30)
		a.MissingData = missing
		s := lab(0, minutes(1), simple(simulate.ChangeInCapacity, 1, a))
		if r := run(t, s); (len(r.Activities) > 0) != fires {
			t.Errorf("%s: %v", missing, changes(r, 3))
		}
	}
}

// TestAlarmOnAnotherGroup acts on its policy's group.
func TestAlarmOnAnotherGroup(t *testing.T) {
	a := high(50)
	a.Group = "other"
	s := lab(10, percent(10, 10), simple(simulate.ChangeInCapacity, 1, a))
	s.Cluster.Groups = append(s.Cluster.Groups, group("other", 10, 100))
	expect(t, s, "end")
	s.Load = minutes(12)
	expect(t, s, "1 g policy 10->11")
}
