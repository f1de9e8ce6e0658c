package check_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tandem-iac/tandem/internal/check"
)

func TestFieldErrorError(t *testing.T) {
	for want, fault := range map[string]check.FieldError{
		"a.yaml:3:7: spot.min is 0, want 1..1000": {File: "a.yaml", Line: 3, Column: 7, Path: "spot.min", Value: "0", Want: "1..1000"},
		"a.yaml: spot.min is 0, want 1..1000":     {File: "a.yaml", Path: "spot.min", Value: "0", Want: "1..1000"},
		"spot.min is unset, want 1..1000":         {Path: "spot.min", Want: "1..1000"},
	} {
		if got := fault.Error(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// TestErrors proves that all faults come back, in the order of their places,
// and that callers can find one.
func TestErrors(t *testing.T) {
	var none check.Errors
	none.Require(true, "a", "1", "2")
	if err := none.Err(); err != nil {
		t.Errorf("no fault is %v, want nil", err)
	}

	faults := check.Errors{
		{Line: 2, Column: 5, Path: "late", Value: "1", Want: "2"},
		{Line: 2, Column: 1, Path: "b", Value: "1", Want: "2"},
		{Line: 2, Column: 1, Path: "a", Value: "1", Want: "2"},
	}
	faults.Require(false, "unplaced", "", "a value")
	err := fmt.Errorf("environment: %w", faults.Err())

	want := "environment: unplaced is unset, want a value\n:2:1: a is 1, want 2\n:2:1: b is 1, want 2\n:2:5: late is 1, want 2"
	if diff := cmp.Diff(want, err.Error()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	var all check.Errors
	if !errors.As(err, &all) || len(all) != 4 {
		t.Errorf("errors.As finds %d faults, want 4", len(all))
	}
	var first *check.FieldError
	if !errors.As(err, &first) || first.Path != "unplaced" {
		t.Errorf("errors.As finds %v, want the first fault", first)
	}
}

func TestPaths(t *testing.T) {
	for got, want := range map[string]string{
		check.Join("", "network"):             "network",
		check.Join("network", "cidr"):         "network.cidr",
		check.Index("network.subnets", 0):     "network.subnets[0]",
		check.Join(check.Index("s", 1), "to"): "s[1].to",
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
