package scaling

import (
	"encoding/json"
	"maps"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tandem-iac/tandem/spec"
)

// The arguments are made without a jsii call, and so tested without Node.

func TestStepArgs(t *testing.T) {
	to65, to80, warmup := 65.0, 80.0, spec.Duration(90*time.Second)
	steps := []spec.Step{{From: 50, To: &to65, Add: 10}, {From: 65, To: &to80, Add: 20}, {From: 80, Add: 30}}
	for _, test := range []struct {
		name string
		rule spec.StepPolicy
		want string
	}{
		{"percent", spec.StepPolicy{Threshold: 50, Unit: spec.UnitPercent, MinimumAdd: 2, Steps: steps},
			`{"adjustmentType":"PercentChangeInCapacity","autoscalingGroupName":"g","metricAggregationType":"Average","minAdjustmentMagnitude":2,"name":"sustained","policyType":"StepScaling",` +
				`"stepAdjustment":[{"scalingAdjustment":10,"metricIntervalLowerBound":"0","metricIntervalUpperBound":"15"},` +
				`{"scalingAdjustment":20,"metricIntervalLowerBound":"15","metricIntervalUpperBound":"30"},{"scalingAdjustment":30,"metricIntervalLowerBound":"30"}]}`},
		{"instances and a warm-up", spec.StepPolicy{Threshold: 49.5, Unit: spec.UnitInstances, MinimumAdd: 2, Warmup: &warmup, Steps: []spec.Step{{From: 49.5, Add: 3}}},
			`{"adjustmentType":"ChangeInCapacity","autoscalingGroupName":"g","estimatedInstanceWarmup":90,"metricAggregationType":"Average","name":"sustained","policyType":"StepScaling",` +
				`"stepAdjustment":[{"scalingAdjustment":3,"metricIntervalLowerBound":"0"}]}`},
	} {
		t.Run(test.name, func(t *testing.T) { sameJSON(t, stepArgs("sustained", "g", test.rule), test.want) })
	}
}

func TestScaleInArgs(t *testing.T) {
	rule := spec.ScaleIn{Unit: spec.UnitPercent, Remove: 10, Cooldown: spec.Duration(5 * time.Minute)}
	sameJSON(t, scaleInArgs("scale-in", "g", rule),
		`{"adjustmentType":"PercentChangeInCapacity","autoscalingGroupName":"g","cooldown":300,"minAdjustmentMagnitude":1,"name":"scale-in","policyType":"SimpleScaling","scalingAdjustment":-10}`)
	rule.Unit, rule.Remove = spec.UnitInstances, 2
	sameJSON(t, scaleInArgs("scale-in", "g", rule),
		`{"adjustmentType":"ChangeInCapacity","autoscalingGroupName":"g","cooldown":300,"name":"scale-in","policyType":"SimpleScaling","scalingAdjustment":-2}`)
}

func sameJSON(t *testing.T, args any, want string) {
	t.Helper()
	data, err := json.Marshal(args)
	if err != nil {
		t.Fatal(err)
	}
	var got, wanted any
	if err := json.Unmarshal(data, &got); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(want), &wanted); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(wanted, withoutNulls(got)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// withoutNulls drops the arguments that are unset.
func withoutNulls(value any) any {
	switch v := value.(type) {
	case map[string]any:
		maps.DeleteFunc(v, func(_ string, item any) bool { return withoutNulls(item) == nil })
	case []any:
		for _, item := range v {
			withoutNulls(item)
		}
	}
	return value
}
