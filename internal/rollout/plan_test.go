package rollout

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tandem-iac/tandem/internal/check"
	"github.com/tandem-iac/tandem/internal/fleet"
)

// clusterOf reads "s1a d2b s3a!": spot or on-demand, a number, a zone, and an
// exclamation mark for an instance that does not pass the health check.
func clusterOf(text string) (c fleet.Cluster, ids []string) {
	for _, word := range strings.Fields(text) {
		i := fleet.Instance{ID: word[:2], Zone: word[2:3], State: fleet.InService, Health: fleet.Healthy, Lifecycle: fleet.Spot}
		if word[0] == 'd' {
			i.Lifecycle = fleet.OnDemand
		}
		if strings.HasSuffix(word, "!") {
			i.Health = "unhealthy"
		}
		c.Instances = append(c.Instances, i)
		ids = append(ids, i.ID)
	}
	return c, ids
}

func TestPlan(t *testing.T) {
	for _, test := range []struct {
		name, cluster, batch, minHealthy string
		want                             string
	}{
		{"one by one, the anchor last", "d1a s1a s2b", "25%", "50%", "s1|s2|d1"},
		{"a share is rounded down", "s1a s2a s3a s4a s5a", "50%", "1", "s1 s2|s3 s4|s5"},
		{"a count", "s1a s2a s3a s4a d1a", "3", "0", "s1 s2 s3|s4|d1"},
		{"zones alternate", "s1a s2a s3b s4b", "2", "0", "s1 s3|s2 s4"},
		{"no more than can be spared", "s1a s2a s3a s4a", "100%", "3", "s1|s2|s3|s4"},
		{"unhealthy ones first, at no cost", "s1a s2a s3a! s4a!", "4", "1", "s3 s4 s1|s2"},
		{"all unhealthy", "s1a! s2a!", "100%", "50%", "s1 s2"},
		{"what is set up makes room", "s1a s2a! d1a", "25%", "50%", "s2|s1|d1"},
		{"an outage on demand", "d1a", "1", "0", "d1"},
		{"nothing to do", "", "25%", "50%", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			c, ids := clusterOf(test.cluster)
			batches, err := Plan(c, ids, PlanConfig{Batch: amount(t, test.batch), MinHealthy: amount(t, test.minHealthy)})
			if err != nil {
				t.Fatal(err)
			}
			var parts []string
			for _, b := range batches {
				parts = append(parts, strings.Join(b, " "))
			}
			if diff := cmp.Diff(test.want, strings.Join(parts, "|")); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func amount(t *testing.T, text string) Amount {
	t.Helper()
	a, err := ParseAmount(text)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestPlanRefusesAnOutage(t *testing.T) {
	for _, test := range []struct{ cluster, minHealthy string }{{"d1a", "50%"}, {"s1a s2a", "2"}, {"s1a s2a s3a!", "100%"}} {
		c, ids := clusterOf(test.cluster)
		_, err := Plan(c, ids, PlanConfig{Batch: Amount{Value: 1}, MinHealthy: amount(t, test.minHealthy)})
		var input check.InputError
		if !errors.As(err, &input) || !strings.Contains(err.Error(), "no instance can be spared") {
			t.Errorf("%s with %s: error is %v, want an InputError", test.cluster, test.minHealthy, err)
		}
	}
}

// Whatever the cluster and the amounts, each instance is in one batch, batches
// keep their bounds, and spot comes first.
func TestPlanHoldsItsBounds(t *testing.T) {
	for spot := range 7 {
		for onDemand := range 4 {
			for sick := range 3 {
				for batch := 1; batch <= 4; batch++ {
					for keep := range 4 {
						checkPlan(t, spot, onDemand, sick, batch, keep)
					}
				}
			}
		}
	}
}

func checkPlan(t *testing.T, spot, onDemand, sick, batch, keep int) {
	t.Helper()
	var words []string
	for n := range spot {
		words = append(words, fmt.Sprintf("s%d%c", n, 'a'+n%2))
	}
	for n := range onDemand {
		words = append(words, fmt.Sprintf("d%d%c", n, 'a'+n%2))
	}
	for n := range min(sick, len(words)) {
		words[n] += "!"
	}
	c, ids := clusterOf(strings.Join(words, " "))
	serving := len(c.HealthyIDs())
	batches, err := Plan(c, ids, PlanConfig{Batch: Amount{Value: batch}, MinHealthy: Amount{Value: keep}})
	if err != nil {
		if serving == 0 || serving > keep {
			t.Fatalf("%v: error is %v", words, err)
		}
		return
	}
	seen := map[string]bool{}
	onlyOnDemand := false
	for _, b := range batches {
		leaving := 0
		for _, id := range b {
			i, _ := c.Instance(id)
			if seen[id] || onlyOnDemand && i.Lifecycle == fleet.Spot {
				t.Fatalf("%v: %s is twice or late in %v", words, id, batches)
			}
			seen[id] = true
			onlyOnDemand = i.Lifecycle == fleet.OnDemand
			if i.Serving() {
				leaving++
			}
		}
		if len(b) > batch || serving-leaving < keep && leaving > 0 {
			t.Fatalf("%v: batch %v of %d leaves %d of %d", words, b, batch, serving-leaving, keep)
		}
		serving += len(b) - leaving // those that did not serve do now
	}
	if len(seen) != len(ids) {
		t.Fatalf("%v: %v lacks instances", words, batches)
	}
}

func TestParseAmountRefuses(t *testing.T) {
	for _, text := range []string{"", "%", "some", "-1", "-5%", "101%", "1.5", "3 %", "+3", "0x3"} {
		if a, err := ParseAmount(text); err == nil {
			t.Errorf("%q is %s, want an error", text, a)
		}
	}
}
