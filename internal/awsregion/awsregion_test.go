package awsregion

import "testing"

func TestRegions(t *testing.T) {
	for _, test := range []struct{ region, partition, account string }{
		{"ap-southeast-1", "aws", "114774131450"},
		{"eu-central-2", "aws", ""}, // opened in November 2022
		{"cn-north-1", "aws-cn", "638102146993"},
		{"us-gov-west-1", "aws-us-gov", "048591011584"},
	} {
		if got := Partition(test.region); got != test.partition {
			t.Errorf("%s: partition is %s, want %s", test.region, got, test.partition)
		}
		if got, _ := LoadBalancerAccount(test.region); got != test.account {
			t.Errorf("%s: load balancers write as %q, want %q", test.region, got, test.account)
		}
	}
}
