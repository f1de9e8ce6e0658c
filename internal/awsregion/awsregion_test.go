package awsregion

import (
	"slices"
	"testing"
)

func TestRegions(t *testing.T) {
	for _, test := range []struct{ region, partition, account, principal string }{
		{"ap-southeast-1", "aws", "114774131450", "ec2.amazonaws.com"},
		{"eu-central-2", "aws", "", "ec2.amazonaws.com"}, // opened in November 2022
		{"cn-north-1", "aws-cn", "638102146993", "ec2.amazonaws.com.cn"},
		{"us-isob-east-1", "aws-iso-b", "", "ec2.amazonaws.com"},
		{"eusc-de-east-1", "aws-eusc", "", "ec2.amazonaws.com"},
		{"us-gov-west-1", "aws-us-gov", "048591011584", "ec2.amazonaws.com"},
	} {
		if got := Partition(test.region); got != test.partition {
			t.Errorf("%s: partition is %s, want %s", test.region, got, test.partition)
		}
		if got, _ := LoadBalancerAccount(test.region); got != test.account {
			t.Errorf("%s: load balancers write as %q, want %q", test.region, got, test.account)
		}
		if got := EC2Principal(test.region); got != test.principal {
			t.Errorf("%s: roles trust %s, want %s", test.region, got, test.principal)
		}
	}
}

func TestKnown(t *testing.T) {
	known := Known()
	if !slices.IsSorted(known) || len(slices.Compact(slices.Clone(known))) != len(known) {
		t.Errorf("%v are not sorted, or not once each", known)
	}
	for region := range loadBalancerAccounts {
		if !slices.Contains(known, region) {
			t.Errorf("%s is missing", region)
		}
	}
}
