package tune

import (
	"errors"
	"strings"
	"testing"

	"github.com/tandem-iac/tandem/internal/check"
	"github.com/tandem-iac/tandem/spec"
)

// TestBounds holds that ranges take what the description takes, no more and no
// less, and that the present value is within the default range.
func TestBounds(t *testing.T) {
	env, err := spec.Load("../../tandem.yaml")
	if err != nil {
		t.Fatal(err)
	}
	written := env.Clusters["obelix"]
	for _, monitoring := range []string{spec.MonitoringDetailed, spec.MonitoringBasic} {
		c := written
		c.Instance.Monitoring = monitoring
		c.Spot.ScaleOut.Spike.Unit, c.Spot.ScaleOut.Spike.MinimumAdd, c.Spot.ScaleOut.Spike.Steps = spec.UnitInstances, 0, nil
		for _, g := range []*spec.Group{&c.OnDemand.Group, &c.Spot.Group} {
			g.ScaleOut.Spike.Period, g.ScaleIn.Period = 0, 0
		}
		env.Clusters["obelix"] = c
		filled := env.WithDefaults()
		c = filled.Clusters["obelix"]
		parameters := Parameters(c)
		if len(parameters) != 44 {
			t.Errorf("%d parameters, want 44", len(parameters))
		}
		for _, p := range parameters {
			if now := p.Of(c); !(p.Least <= p.Low && p.Low <= now && now <= p.High && p.High <= p.Most && p.Step > 0) {
				t.Errorf("%s: %v..%v around %v, within %v..%v", p.Path, p.Low, p.High, now, p.Least, p.Most)
			}
			if strings.HasSuffix(p.Path, ".from") {
				continue // which counts from another step
			}
			beyond := p.Most + 1
			if broken(filled, p, p.Least) || broken(filled, p, p.Most) || !broken(filled, p, beyond) {
				t.Errorf("%s: the description takes other values than %v..%v", p.Path, p.Least, p.Most)
			}
		}
	}
}

// broken tells whether a value is out of the range of its tag.
func broken(env spec.Environment, p Parameter, v float64) bool {
	c := build(env.Clusters["obelix"], nil, nil)
	p.set(&c, v)
	env.Clusters = map[string]spec.Cluster{"obelix": c}
	var faults check.Errors
	errors.As(env.Validate(), &faults)
	for _, f := range faults {
		if f.Path == "clusters.obelix."+p.Path && f.Want == p.Format(p.Least)+".."+p.Format(p.Most) {
			return true
		}
		if f.Path == "clusters.obelix."+p.Path && p.Duration && strings.Contains(f.Want, "s..") {
			return true
		}
	}
	return false
}
