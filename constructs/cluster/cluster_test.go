package cluster

import (
	"strings"
	"testing"
)

func TestTargetGroupName(t *testing.T) {
	for _, test := range []struct {
		stem     string
		forceNew []string
		want     string
	}{
		{"prod-obelix", []string{"80", "vpc-1"}, "prod-obelix-5efc62fa"},
		{"prod-obelix", []string{"80", "vpc-2"}, "prod-obelix-4b63e73b"},
		{"environment-with-a-long-cluster-1", []string{"80"}, ""},
		{"environment-with-a-long-cluster-2", []string{"80"}, ""},
		{"a-stem-cut-at-a-hyphen-x-cluster", []string{"80"}, ""},
	} {
		got := targetGroupName(test.stem, test.forceNew...)
		if len(got) > 32 || strings.Contains(got, "--") {
			t.Errorf("%s: %s has %d characters", test.stem, got, len(got))
		}
		if test.want != "" && got != test.want {
			t.Errorf("%s %v: got %s, want %s", test.stem, test.forceNew, got, test.want)
		}
	}
	if a, b := targetGroupName("environment-with-a-long-cluster-1", "80"), targetGroupName("environment-with-a-long-cluster-2", "80"); a == b {
		t.Errorf("two clusters share the name %s", a)
	}
}
