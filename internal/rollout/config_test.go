package rollout

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/tandem-iac/tandem/internal/check"
	"github.com/tandem-iac/tandem/internal/fleet"
)

func TestLimits(t *testing.T) {
	if got, want := (Limits{}).withDefaults(), (Limits{15 * time.Minute, 10 * time.Minute, 5 * time.Second, 20 * time.Second}); got != want {
		t.Errorf("the defaults are %v, want %v", got, want)
	}
	for _, test := range []struct {
		limits Limits
		want   string
	}{
		{Limits{}, ""},
		{Limits{Setup: time.Second, Health: 1, Poll: 1, Linger: 1}, ""},
		{Limits{Setup: 48 * time.Hour}, ""},
		{Limits{Setup: 999 * time.Millisecond}, "setup timeout is 999ms, want 1s to 48h0m0s"},
		{Limits{Setup: 48*time.Hour + 1}, "setup timeout is 48h0m0.000000001s, want"},
		{Limits{Health: -1, Poll: -1, Linger: -time.Second}, "health timeout is -1ns, want a time above 0\npoll interval is -1ns, want a time above 0\nlinger is -1s, want a time above 0"},
	} {
		err := test.limits.Validate()
		var input check.InputError
		switch {
		case test.want == "" && err != nil:
			t.Errorf("%v: %v", test.limits, err)
		case test.want != "" && (!errors.As(err, &input) || !strings.Contains(err.Error(), test.want)):
			t.Errorf("%v: error is %v, want an InputError with %q", test.limits, err, test.want)
		}
	}
}

func TestReleaseNamesServiceAndPlaybook(t *testing.T) {
	for _, release := range []fleet.Release{{}, {Service: 42}, {Playbook: 7}, {Service: 42, Playbook: 7, Broken: true}} {
		cfg := Config{Release: release}
		_, planned := PlanOf(cfg)
		_, err := Run(t.Context(), cfg)
		for _, err := range []error{planned, err} {
			want(t, err, "release is "+release.String()+", want a version of the service and one of the playbook")
		}
	}
}
