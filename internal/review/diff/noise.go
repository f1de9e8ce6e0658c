package diff

import (
	"encoding/json"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/tandem-iac/tandem/internal/review/plan"
)

func isTags(resourceType, attribute string) bool {
	return attribute == "tags" || attribute == "tags_all" ||
		resourceType == "aws_autoscaling_group" && (attribute == "tag" || attribute == "tags")
}

// ordered are lists whose order has a meaning: which rule is tried first.
var ordered = map[string]bool{"termination_policies": true, "command": true, "entry_point": true, "ordered_cache_behavior": true}

// identical compares values as they are.
func identical(a, b any) bool { return reflect.DeepEqual(a, b) }

// account is what AWS puts before a security group's id on reading a rule of
// another account's or of a peered network's group.
var account = regexp.MustCompile(`^\d{12}/`)

// equivalent says that two different values mean the same to AWS.
func equivalent(path string, before, after any) bool {
	switch b := before.(type) {
	case []any:
		a, ok := after.([]any)
		name := path[strings.LastIndexByte(path, '.')+1:]
		return ok && len(a) == len(b) && !ordered[name] && len(without(a, b)) == 0
	case string:
		a, ok := after.(string)
		if !ok {
			return fmt.Sprint(after) == b && isScalar(after)
		}
		if strings.HasSuffix(path, "security_group_id") && account.ReplaceAllString(a, "") == account.ReplaceAllString(b, "") {
			return true
		}
		x, isDocument := document(a)
		y, alsoDocument := document(b)
		return isDocument && alsoDocument && identical(normal(x), normal(y))
	}
	a, ok := after.(string)
	return ok && isScalar(before) && fmt.Sprint(before) == a
}

func isScalar(v any) bool {
	switch v.(type) {
	case float64, bool, json.Number:
		return true
	}
	return false
}

// document parses a string that holds a JSON object or list.
func document(text string) (any, bool) {
	text = strings.TrimSpace(text)
	if !strings.HasPrefix(text, "{") && !strings.HasPrefix(text, "[") {
		return nil, false
	}
	var v any
	err := json.Unmarshal([]byte(text), &v)
	return v, err == nil
}

// normal is a document without what IAM does not tell apart: a list of one and
// its item, and the order of lists of names.
func normal(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for name, inner := range v {
			out[name] = normal(inner)
		}
		return out
	case []any:
		out := make([]any, len(v))
		names := true
		for i, inner := range v {
			out[i] = normal(inner)
			_, isName := inner.(string)
			names = names && isName
		}
		if len(out) == 1 {
			return out[0]
		}
		if names {
			slices.SortFunc(out, func(a, b any) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
		}
		return out
	}
	return v
}

// impossible are states that no resource of a type can be in, by which one
// knows that the provider did not read back what it wrote.
var impossible = map[string]struct {
	is func(before map[string]any) bool
	// leftover is an attribute that is there by mistake.
	leftover string
}{
	// Every group starts its instances from one of these:
	// https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_CreateAutoScalingGroup.html
	"aws_autoscaling_group": {is: func(before map[string]any) bool {
		return before["launch_template"] == nil && before["mixed_instances_policy"] == nil && before["launch_configuration"] == nil
	}},
	// https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_PutScalingPolicy.html
	"aws_autoscaling_policy": {is: func(before map[string]any) bool {
		return before["predictive_scaling_configuration"] != nil && before["policy_type"] != "PredictiveScaling"
	}, leftover: "predictive_scaling_configuration"},
}

func unread(c *plan.Change) bool {
	state, known := impossible[c.Type]
	return known && state.is(c.Before)
}

func isZero(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case float64:
		return v == 0
	case bool:
		return !v
	}
	return false
}

// index is a list index in a path. Those of blocks that occur once are left
// out here and written by Terraform.
var index = regexp.MustCompile(`\[\d+\]`)

func undotted(path string) string { return index.ReplaceAllString(path, "") }
