package tune_test

import (
	"context"
	"fmt"

	"github.com/tandem-iac/tandem/simulate"
	"github.com/tandem-iac/tandem/simulate/catalog"
	"github.com/tandem-iac/tandem/simulate/load"
	"github.com/tandem-iac/tandem/simulate/report"
	"github.com/tandem-iac/tandem/simulate/tune"
	"github.com/tandem-iac/tandem/spec"
)

// A search of two hundred policies for one that is cheaper and keeps CPU below
// the objective but for half an hour.
func ExampleSearch() {
	demand, err := load.Parse(load.SeedDay, load.Config{})
	if err != nil {
		fmt.Println(err)
		return
	}
	keep, err := report.ParseCondition("over_slo_minutes <= 30 && unserved_percent == 0")
	if err != nil {
		fmt.Println(err)
		return
	}
	model := simulate.DefaultModel()
	model.CPUPerRequest = load.SeedDayCPUPerRequest
	result, err := tune.Search(context.Background(), tune.Config{
		Environment: spec.Environment{Name: "prod", Region: "ap-southeast-1",
			OnDemandPrices: map[string]float64{"m4.large": 0.125},
			Clusters:       map[string]spec.Cluster{"web": {CertificateARN: "arn:aws:acm:ap-southeast-1:123456789012:certificate/web"}}},
		Cluster: "web",
		Prices: catalog.Catalog{
			Spot:  map[string]float64{"m4.large": 0.03},
			VCPUs: map[string]float64{"m4.large": 2},
		},
		Traces:     []tune.Trace{{Name: "a day", Scenario: simulate.Scenario{Load: demand, Model: model, Seed: 1}}},
		Keep:       keep,
		Candidates: 200,
		Seed:       1,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(result.Headline())
	for _, c := range result.Changes {
		fmt.Printf("%s: %s, was %s\n", c.Path, c.To, c.From)
	}
	// Output:
	// 4.81 USD instead of 5.49 USD, 12.5 % less; keeps over_slo_minutes <= 30 && unserved_percent == 0
	// on_demand.scale_out.sustained.threshold: 91, was 65
	// on_demand.scale_out.sustained.steps: 91–: +10, was 65–80: +10, 80–95: +20, 95–: +30
	// spot.scale_out.sustained.threshold: 63, was 50
	// spot.scale_out.sustained.evaluation_periods: 3, was 1
	// spot.scale_out.sustained.steps: 63–78: +10, 78–93: +20, 93–: +30, was 50–65: +10, 65–80: +20, 80–: +30
}
