package terraform_test

import (
	"fmt"

	"github.com/tandem-iac/tandem/simulate/catalog"
	"github.com/tandem-iac/tandem/simulate/terraform"
)

// The clusters of a plan as `terraform show -json` prints it, with prices of
// one's own. What a simulation would have to guess is an error with addresses.
func ExampleRead() {
	prices := catalog.Catalog{
		OnDemand: map[string]float64{"m4.large": 0.125, "m5.large": 0.12},
		Spot:     map[string]float64{"m4.large": 0.04, "m5.large": 0.05},
		VCPUs:    map[string]float64{"m4.large": 2, "m5.large": 2},
	}
	clusters, err := terraform.Read("testdata/plans/risky.json", terraform.Config{Catalog: prices, Region: "ap-southeast-1"})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, c := range clusters {
		for _, g := range c.Groups {
			fmt.Printf("%s: %d to %d instances, %d policies\n", g.Name, g.Min, g.Max, len(g.Policies))
		}
		fmt.Println(c.Err())
	}
	// Output:
	// on-demand-20261123112909689800000001: 0 to 10 instances, 0 policies
	// spot-20261123112255073000000005: 1 to 10 instances, 1 policies
	// cluster tg cannot be simulated:
	//   aws_autoscaling_policy.in: no alarm here invokes it, want one that has its ARN in alarm_actions
}
