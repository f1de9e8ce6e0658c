package rescue_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/tandem-iac/tandem/internal/rescue"
	"github.com/tandem-iac/tandem/spec"
)

// What a description may ask for is what the agent does: a drain is refused
// exactly where the agent would have to cut one of its steps short, for a
// notice that is seen a whole poll late and calls that take all their time.
func TestScheduleAndDescriptionAgree(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	second := func(from, to int) spec.Duration {
		return spec.Duration(time.Duration(from+random.IntN(to-from+1)) * time.Second)
	}
	accepted, refused := 0, 0
	for n := range 500 {
		cluster := spec.Cluster{
			CertificateARN: "arn:aws:acm:eu-west-1:123456789012:certificate/web",
			TargetGroup:    spec.TargetGroup{DeregistrationDelay: second(20, 70)},
			Drain:          spec.Drain{PollInterval: second(1, 10), APICalls: second(1, 20), Hooks: second(1, 40), Flush: second(1, 30)},
		}
		if n == 0 {
			cluster.TargetGroup, cluster.Drain = spec.TargetGroup{}, spec.Drain{}
		}
		env := spec.Environment{
			Name: "prod", Region: "eu-west-1", OnDemandPrices: map[string]float64{"m4.large": 0.125}, Clusters: map[string]spec.Cluster{"web": cluster},
		}.WithDefaults()
		drain := env.Clusters["web"].Drain
		budget := rescue.Budget{
			Poll: time.Duration(drain.PollInterval), API: time.Duration(drain.APICalls), Hooks: time.Duration(drain.Hooks), Flush: time.Duration(drain.Flush),
			Deregistration: time.Duration(env.Clusters["web"].TargetGroup.DeregistrationDelay), Notice: rescue.Notice,
		}
		noticed := time.Unix(1e9, 0)
		seen := noticed.Add(budget.Poll)
		s := budget.Schedule(seen, noticed.Add(budget.Notice))
		whole := s.End.Sub(s.Hooks) >= budget.Flush && s.Hooks.Sub(s.Serve) >= budget.Hooks && s.Serve.Sub(seen.Add(budget.API)) >= budget.Deregistration
		if err := env.Validate(); (err == nil) != whole {
			t.Errorf("%+v: the agent has time for all: %v, the description is refused with %v", budget, whole, err)
		} else if whole {
			accepted++
		} else {
			refused++
		}
		if s.API.Before(seen.Add(budget.API)) {
			t.Errorf("%+v: the calls are due before they have had their time", budget)
		}
	}
	if accepted < 50 || refused < 50 {
		t.Errorf("%d descriptions accepted and %d refused: that shows little", accepted, refused)
	}
}

func TestScheduleWithLittleTime(t *testing.T) {
	budget := rescue.Budget{API: 10 * time.Second, Deregistration: time.Minute, Hooks: 20 * time.Second, Flush: 10 * time.Second}
	now := time.Unix(1e9, 0)
	for _, test := range []struct{ left, serve, hooks time.Duration }{
		{120 * time.Second, 90 * time.Second, 110 * time.Second},
		{40 * time.Second, 10 * time.Second, 30 * time.Second},
		{15 * time.Second, 0, 10 * time.Second}, // two thirds, as of 30 s
		{-5 * time.Second, -5 * time.Second, -5 * time.Second},
	} {
		s := budget.Schedule(now, now.Add(test.left))
		if serve, hooks := s.Serve.Sub(now), s.Hooks.Sub(now); serve != test.serve || hooks != test.hooks {
			t.Errorf("%s left: serves for %s, hooks end after %s, want %s and %s", test.left, serve, hooks, test.serve, test.hooks)
		}
	}
}

func TestEnd(t *testing.T) {
	budget := rescue.Budget{Notice: rescue.Notice}
	now := time.Unix(1e9, 0)
	ago := func(seconds int) time.Time { return now.Add(-time.Duration(seconds) * time.Second) }
	for _, test := range []struct {
		name string
		at   int // seconds from now by AWS's clock; -1: the notice names no time
		s    rescue.Sighting
		want int
	}{
		{"clocks agree", 117, rescue.Sighting{Quiet: ago(5), Known: true}, 117},
		{"a notice that came late", 40, rescue.Sighting{Quiet: ago(5), Known: true}, 40},
		{"90 s ahead, and known", 27, rescue.Sighting{Quiet: ago(5), Known: true, Skew: 90 * time.Second}, 117},
		{"90 s behind, and known", 207, rescue.Sighting{Quiet: ago(5), Known: true, Skew: -90 * time.Second}, 117},
		{"90 s ahead, not known", 27, rescue.Sighting{Quiet: ago(5)}, 115},
		{"90 s behind, not known", 207, rescue.Sighting{Quiet: ago(5)}, 120},
		{"agrees, not known", 117, rescue.Sighting{Quiet: ago(5)}, 117},
		{"no time named", -1, rescue.Sighting{Quiet: ago(5), Known: true}, 115},
		{"nothing known at all", -1, rescue.Sighting{}, 10},
		{"after a restart, nothing known", 60, rescue.Sighting{}, 60},
		{"past, but still there", 0, rescue.Sighting{Known: true}, 10},
	} {
		test.s.Now = now
		at := time.Time{}
		if test.at >= 0 {
			at = now.Add(time.Duration(test.at) * time.Second)
		}
		if got := budget.End(at, test.s).Sub(now); got != time.Duration(test.want)*time.Second {
			t.Errorf("%s: %s left, want %d s", test.name, got, test.want)
		}
	}
}
