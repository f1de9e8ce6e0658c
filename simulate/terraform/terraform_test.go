package terraform_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tandem-iac/tandem/internal/check"
	"github.com/tandem-iac/tandem/internal/golden"
	"github.com/tandem-iac/tandem/simulate"
	"github.com/tandem-iac/tandem/simulate/catalog"
	"github.com/tandem-iac/tandem/simulate/terraform"
)

// fixed knows a few types everywhere.
var fixed = catalog.Catalog{
	OnDemand: map[string]float64{"m4.large": 0.1, "m5.large": 0.096, "m5.xlarge": 0.192, "m5a.large": 0.086, "c5.xlarge": 0.17, "t3.small": 0.02},
	Spot:     map[string]float64{"m4.large": 0.03, "m5.large": 0.035, "m5.xlarge": 0.07, "m5a.large": 0.03, "c5.xlarge": 0.06, "t3.small": 0.007},
	VCPUs:    map[string]float64{"m4.large": 2, "m5.large": 2, "m5.xlarge": 4, "m5a.large": 2, "c5.xlarge": 4, "t3.small": 2},
}

// describe writes clusters short enough to be read.
func describe(clusters []terraform.Cluster) []byte {
	var b strings.Builder
	for _, c := range clusters {
		fmt.Fprintf(&b, "cluster %s in %s\n", c.Name, c.Region)
		for _, f := range c.Findings {
			fmt.Fprintf(&b, "  %s: %s\n", map[bool]string{true: "refused", false: "warning"}[f.Refuses], f)
		}
		for _, g := range c.Groups {
			describeGroup(&b, g)
		}
	}
	return []byte(b.String())
}

func describeGroup(b *strings.Builder, g simulate.Group) {
	fmt.Fprintf(b, "  group %s (%s) %d..%d from %d, on-demand %d + %g %%, bid %g, every %s, warm-up %s, cooldown %s, grace %s, hooks %s %s, draining %s, rebalance %t, rescued by %q\n",
		g.Name, g.Address, g.Min, g.Max, g.Initial, g.OnDemandBase, g.OnDemandPercent, g.Bid, g.Monitoring, text(g.Warmup), text(g.Cooldown), g.GracePeriod,
		g.LaunchHook, g.TerminateHook, g.DeregistrationDelay, g.CapacityRebalance, g.RescuedBy)
	for _, t := range g.Types {
		fmt.Fprintf(b, "    %s %g vCPUs, %g or %g\n", t.Name, t.VCPUs, t.OnDemandPrice, t.SpotPrice)
	}
	for _, p := range g.Policies {
		fmt.Fprintf(b, "    %s %s (%s) %s %d, at least %d, cooldown %s, warm-up %s", p.Kind, p.Name, p.Address, p.Adjustment, p.Amount, p.MinMagnitude, text(p.Cooldown), text(p.Warmup))
		for _, s := range p.Steps {
			fmt.Fprintf(b, ", [%s %s) %+d", text(s.Lower), text(s.Upper), s.Amount)
		}
		for _, a := range p.Alarms {
			fmt.Fprintf(b, "\n      %s (%s) %s %s %g, %d of %d × %s, %s %s", a.Name, a.Address, a.Statistic, a.Comparison, a.Threshold, a.DatapointsToAlarm, a.EvaluationPeriods, a.Period, a.MissingData, a.Group)
		}
		b.WriteByte('\n')
	}
}

func text[T any](p *T) string {
	if p == nil {
		return "-"
	}
	return fmt.Sprint(*p)
}

// TestRead reads real Terraform: stacks that were synthesized, plans of a
// cluster of another make, and a plan and a state with modules, count and
// for_each (testdata/foreign, whose provider has the schemas of these types).
func TestRead(t *testing.T) {
	for name, path := range map[string]string{
		"prod-obelix":   "../../testdata/stacks/prod-obelix.json",
		"prod-dogmatix": "../../testdata/stacks/prod-dogmatix.json",
		"create":        "testdata/plans/create.json",
		"unchanged":     "testdata/plans/unchanged.json",
		"resize":        "testdata/plans/resize.json",
		"new-image":     "testdata/plans/new-image.json",
		"risky":         "testdata/plans/risky.json",
		"foreign-plan":  "testdata/foreign/plan.json",
		"foreign-state": "testdata/foreign/state.json",
	} {
		t.Run(name, func(t *testing.T) {
			found, err := terraform.Read(path, terraform.Config{Catalog: fixed})
			if err != nil {
				t.Fatal(err)
			}
			golden.Equal(t, filepath.Join("testdata/golden", name+".txt"), describe(found))
		})
	}
}

// TestDirectory finds every stack below a directory.
func TestDirectory(t *testing.T) {
	dir := t.TempDir()
	for _, stack := range []string{"prod-obelix", "prod-dogmatix", "prod-network"} {
		data, err := os.ReadFile("../../testdata/stacks/" + stack + ".json")
		if err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(dir, stack, "cdk.tf.json"), string(data))
	}
	found, err := terraform.Read(dir, terraform.Config{Catalog: fixed})
	if err != nil {
		t.Fatal(err)
	}
	if len(found) != 2 || found[0].Name != "prod-dogmatix" || found[1].Name != "prod-obelix" {
		t.Fatalf("%s", describe(found))
	}
	if _, err := terraform.Select(found, ""); err == nil || err.Error() != "2 clusters, want one: name it; there are prod-dogmatix, prod-obelix" {
		t.Error(err)
	}
	if _, err := terraform.Select(found, "prod-obelics"); err == nil || err.Error() != `cluster "prod-obelics" is not there; did you mean prod-obelix?` {
		t.Error(err)
	}
	if c, err := terraform.Select(found, "prod-obelix"); err != nil || c.Name != "prod-obelix" {
		t.Error(c.Name, err)
	}
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
}

func TestFiles(t *testing.T) {
	for _, test := range []struct{ name, text, want string }{
		{"a binary plan", "PK\x03\x04rest", "f is a plan in Terraform's own format, want JSON: terraform show -json f > plan.json"},
		{"a raw state", `{"version": 4, "terraform_version": "1.11.0", "serial": 3, "lineage": "x", "resources": []}`, "f is a state file as Terraform keeps it, want JSON: terraform show -json f > state.json"},
		{"no JSON", "resource {}", "f: not valid JSON (invalid character 'r' looking for beginning of value at byte 1), want cdk.tf.json"},
		{"nothing", "", "f: not valid JSON"},
		{"a list", "[]", "f: not a JSON object"},
		{"other JSON", `{"a": 1}`, "f is JSON that is not Terraform's, want cdk.tf.json"},
		{"a plan of a later format", `{"format_version": "2.0", "planned_values": {}}`, `f: format_version is "2.0", want 0.1, 0.2 or 1.x`},
		{"a plan without a format", `{"planned_values": {}}`, `f: format_version is , want 0.1`},
		{"a state of a later format", `{"format_version": "3.1", "values": {}}`, `f: format_version is "3.1", want`},
		{"no groups", `{"resource": {"aws_lb": {"x": {}}}}`, "f has no aws_autoscaling_group in it"},
		{"an empty state", `{"format_version": "1.0"}`, "f has no aws_autoscaling_group in it"},
		{"a stack of another shape", `{"resource": []}`, "f: json: cannot unmarshal array"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := terraform.Parse("f", []byte(test.text), terraform.Config{})
			var input check.InputError
			if !errors.As(err, &input) || !strings.HasPrefix(err.Error(), test.want) {
				t.Errorf("%v, want %s", err, test.want)
			}
		})
	}
	destroy, err := os.ReadFile("testdata/plans/destroy.json")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := terraform.Parse("destroy.json", destroy, terraform.Config{}); err == nil || err.Error() != "destroy.json has no aws_autoscaling_group in it, want one at least" {
		t.Error(err)
	}
	if _, err := terraform.Read("testdata/golden", terraform.Config{}); err == nil || !strings.Contains(err.Error(), "has no cdk.tf.json in it") {
		t.Error(err)
	}
	if _, err := terraform.Read("nowhere", terraform.Config{}); err == nil || !strings.Contains(err.Error(), "nowhere") {
		t.Error(err)
	}
}

// base is a stack with one group that can be simulated.
const base = `{
 "provider": {"aws": [{"region": "eu-west-1"}]},
 "variable": {"size": {"default": 3}, "nothing": {}},
 "locals": {"type": "m5.large", "loop": "${local.loop}"},
 "resource": {
  "aws_launch_template": {"t": {"instance_type": "${local.type}", "monitoring": {"enabled": true}}},
  "aws_autoscaling_group": {"g": {"name": "g", "min_size": 1, "max_size": "${var.size}", "launch_template": {"id": "${aws_launch_template.t.id}"}}},
  "aws_autoscaling_policy": {
   "out": {"name": "out", "autoscaling_group_name": "${aws_autoscaling_group.g.name}", "adjustment_type": "ChangeInCapacity", "scaling_adjustment": 1},
   "in": {"name": "in", "autoscaling_group_name": "${aws_autoscaling_group.g.id}", "adjustment_type": "ChangeInCapacity", "scaling_adjustment": -1}},
  "aws_cloudwatch_metric_alarm": {
   "high": {"alarm_name": "high", "namespace": "AWS/EC2", "metric_name": "CPUUtilization", "statistic": "Average", "period": 60, "evaluation_periods": 2, "threshold": 70,
    "comparison_operator": "GreaterThanThreshold", "dimensions": {"AutoScalingGroupName": "${aws_autoscaling_group.g.name}"}, "alarm_actions": ["${aws_autoscaling_policy.out.arn}"]},
   "low": {"alarm_name": "low", "namespace": "AWS/EC2", "metric_name": "CPUUtilization", "statistic": "Average", "period": 60, "evaluation_periods": 2, "threshold": 20,
    "comparison_operator": "LessThanThreshold", "dimensions": {"AutoScalingGroupName": "g"}, "alarm_actions": ["${aws_autoscaling_policy.in.arn}"]}}}}`

// changed is base with patch merged into it: null removes.
func changed(t testing.TB, patch string) []byte {
	t.Helper()
	var stack, change map[string]any
	for text, into := range map[string]*map[string]any{base: &stack, patch: &change} {
		if err := json.Unmarshal([]byte(text), into); err != nil {
			t.Fatalf("%v in %s", err, text)
		}
	}
	merge(stack, change)
	data, err := json.Marshal(stack)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func merge(into, change map[string]any) {
	for key, value := range change {
		inner, isObject := value.(map[string]any)
		old, was := into[key].(map[string]any)
		switch {
		case value == nil:
			delete(into, key)
		case isObject && was:
			merge(old, inner)
		default:
			into[key] = value
		}
	}
}

func group(text string) string { return `{"resource": {"aws_autoscaling_group": {"g": ` + text + `}}}` }
func policy(text string) string {
	return `{"resource": {"aws_autoscaling_policy": {"out": ` + text + `}}}`
}
func alarm(text string) string {
	return `{"resource": {"aws_cloudwatch_metric_alarm": {"high": ` + text + `}}}`
}
func template(text string) string {
	return `{"resource": {"aws_launch_template": {"t": ` + text + `}}}`
}
