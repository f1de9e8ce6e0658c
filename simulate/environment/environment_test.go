package environment_test

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/tandem-iac/tandem/internal/check"
	"github.com/tandem-iac/tandem/simulate"
	"github.com/tandem-iac/tandem/simulate/catalog"
	"github.com/tandem-iac/tandem/simulate/environment"
	"github.com/tandem-iac/tandem/simulate/terraform"
	"github.com/tandem-iac/tandem/spec"
)

// prices are enough for the example; that they are right is not the point.
func prices() catalog.Catalog {
	return catalog.Catalog{
		OnDemand: map[string]float64{"m4.large": 0.125, "m5.large": 0.12, "m5a.large": 0.108, "t3.small": 0.0264},
		Spot:     map[string]float64{"m4.large": 0.025, "m5.large": 0.03, "m5a.large": 0.028, "t3.small": 0.008},
		VCPUs:    map[string]float64{"m4.large": 2, "m5.large": 2, "m5a.large": 2, "t3.small": 2},
	}
}

// TestSameAsTerraform proves that the description and what is synthesized of it
// are the same clusters.
func TestSameAsTerraform(t *testing.T) {
	env, err := spec.Load("../../tandem.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for name := range env.Clusters {
		// The snapshots of the stacks are the synthesis of the example.
		found, err := terraform.Read(filepath.Join("../../testdata/stacks", "prod-"+name+".json"), terraform.Config{Catalog: prices()})
		if err != nil {
			t.Fatal(err)
		}
		want, err := terraform.Select(found, "")
		if err != nil {
			t.Fatal(err)
		}
		if len(want.Findings) > 0 || want.Region != env.Region {
			t.Errorf("%s in %q: %v", name, want.Region, want.Findings)
		}
		got, err := environment.FromSpec(env, name, prices())
		if err != nil {
			t.Fatal(err)
		}
		addresses := cmp.Options{
			cmpopts.IgnoreFields(simulate.Group{}, "Address"), cmpopts.IgnoreFields(simulate.Policy{}, "Address"), cmpopts.IgnoreFields(simulate.Alarm{}, "Address"),
		}
		if diff := cmp.Diff(want.Cluster, got, addresses); diff != "" {
			t.Errorf("%s (-Terraform +spec)\n%s", name, diff)
		}
		for _, g := range got.Groups {
			if len(g.Policies) != 3 || g.Policies[2].Alarms[0].Address != g.Address+".scale_out.sustained" {
				t.Errorf("%s: %d policies", g.Address, len(g.Policies))
			}
		}
	}
}

func TestFaults(t *testing.T) {
	env, err := spec.Load("../../tandem.yaml")
	if err != nil {
		t.Fatal(err)
	}
	_, err = environment.FromSpec(env, "obelics", prices())
	var input check.InputError
	if !errors.As(err, &input) || err.Error() != `cluster "obelics" is not there; did you mean obelix?` {
		t.Error(err)
	}
	env.OnDemandPrices = map[string]float64{"m4.large": 0.125, "m5.large": 0.12, "m5a.large": 0.108}
	_, err = environment.FromSpec(env, "obelix", catalog.Catalog{})
	var faults check.Errors
	want := "spot price of m5a.large is not known in ap-southeast-1, want --spot-price m5a.large=USD-PER-HOUR"
	if !errors.As(err, &faults) || strings.Count(err.Error(), want) != 1 || strings.Count(err.Error(), "vCPUs of m4.large") != 1 || strings.Contains(err.Error(), "on-demand price") {
		t.Errorf("%v, want %s and nothing about on-demand", err, want)
	}
	env.Region = "nowhere"
	if _, err := environment.FromSpec(env, "obelix", prices()); !errors.As(err, &faults) {
		t.Errorf("an environment with faults: %v", err)
	}
}
