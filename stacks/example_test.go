package stacks_test

import (
	"context"
	"fmt"
	"os"

	"github.com/tandem-iac/tandem/spec"
	"github.com/tandem-iac/tandem/stacks"
)

// A cluster without YAML: the types of the description are ordinary Go, and
// what is left out has the same defaults.
func ExampleSynth() {
	dir, _ := os.MkdirTemp("", "tandem-example-")
	defer os.RemoveAll(dir)

	made, err := stacks.Synth(context.Background(), spec.Environment{
		Name:   "prod",
		Region: "ap-southeast-1",
		Clusters: map[string]spec.Cluster{
			"obelix": {CertificateARN: "arn:aws:acm:ap-southeast-1:123456789012:certificate/obelix"},
		},
	}, dir)

	fmt.Println(err)
	for _, s := range made {
		fmt.Println(s.Stack, s.Resources)
	}
	// Output:
	// <nil>
	// prod-delivery 12
	// prod-network 22
	// prod-obelix 36
	// prod-monitoring 5
}

// Whatever is wrong is reported at once, by the path in the description.
func ExampleBuild_invalid() {
	err := stacks.Build(nil, spec.Environment{
		Name:   "prod",
		Region: "ap-southeast-1",
		Clusters: map[string]spec.Cluster{
			"obelix": {
				CertificateARN: "arn:aws:acm:us-east-1:123456789012:certificate/obelix",
				Spot:           spec.Spot{MaxPrice: 0.09},
			},
		},
	})
	fmt.Println(err)
	// Output:
	// clusters.obelix.certificate_arn is "arn:aws:acm:us-east-1:123456789012:certificate/obelix", want a certificate of the load balancer's region, ap-southeast-1
	// clusters.obelix.spot.max_price is 0.09, want above the on-demand price of m4.large, 0.125 by the price file of 2026-01-19
}
