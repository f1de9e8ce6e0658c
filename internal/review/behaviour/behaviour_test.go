package behaviour_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tandem-iac/tandem/internal/price"
	"github.com/tandem-iac/tandem/internal/review/behaviour"
	"github.com/tandem-iac/tandem/internal/review/plan"
	"github.com/tandem-iac/tandem/internal/review/plantest"
	"github.com/tandem-iac/tandem/simulate"
	"github.com/tandem-iac/tandem/simulate/catalog"
	"github.com/tandem-iac/tandem/simulate/load"
	"github.com/tandem-iac/tandem/simulate/report"
	"github.com/tandem-iac/tandem/simulate/terraform"
)

const (
	plans   = "../testdata/"
	foreign = "../../../simulate/terraform/testdata/foreign/plan.json"
)

func config(t *testing.T) behaviour.Config {
	t.Helper()
	prices, err := price.Default()
	if err != nil {
		t.Fatal(err)
	}
	demand, err := load.Parse(load.SeedDay, load.Config{})
	if err != nil {
		t.Fatal(err)
	}
	model := simulate.DefaultModel()
	model.CPUPerRequest = load.SeedDayCPUPerRequest
	return behaviour.Config{Load: demand, LoadName: "a day", Model: model, Prices: prices}
}

func data(t *testing.T, file string) []byte {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func read(t *testing.T, data []byte) *plan.Plan {
	t.Helper()
	p, err := plan.Read("plan.json", bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func of(t *testing.T, p *plan.Plan) *behaviour.Behaviour {
	t.Helper()
	b, err := behaviour.Of(t.Context(), p, config(t))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// What a streamed plan leaves behind is enough to find the clusters that the
// simulator finds in the whole file: modules, count and for_each among it.
func TestClustersAreThoseOfTheSimulator(t *testing.T) {
	files, err := filepath.Glob(plans + "*.json")
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, file := range append(files, foreign) {
		p := read(t, data(t, file))
		_, after, err := behaviour.Clusters(p, config(t))
		if err != nil {
			t.Fatal(err)
		}
		want, err := terraform.Parse(file, data(t, file), terraform.Config{Catalog: catalog.Catalog{List: config(t).Prices}, Region: p.Region, Idle: true})
		if err != nil && !strings.HasSuffix(file, "destroy.json") {
			t.Fatal(err)
		}
		found += len(after)
		if diff := cmp.Diff(want, after); diff != "" {
			t.Errorf("%s (-whole file +streamed):\n%s", file, diff)
		}
	}
	if found < len(files) {
		t.Errorf("%d clusters in %d plans", found, len(files)+1)
	}
}

// Before and after are what the simulator says of each alone.
func TestResize(t *testing.T) {
	b := of(t, read(t, data(t, plans+"resize.json")))
	if b == nil || len(b.Clusters) != 1 || len(b.Notes) != 0 {
		t.Fatalf("behaviour: %+v", b)
	}
	c := b.Clusters[0]
	cfg := config(t)
	clusters, err := terraform.Read(plans+"resize.json", terraform.Config{Catalog: catalog.Catalog{List: cfg.Prices}})
	if err != nil {
		t.Fatal(err)
	}
	for side, threshold := range []float64{50, 55} {
		cluster := clusters[0].Cluster
		for i, g := range cluster.Groups {
			cluster.Groups[i].Max = 10 * (side + 1)
			for _, policy := range g.Policies {
				if policy.Name == "out" {
					policy.Alarms[0].Threshold = threshold
				}
			}
		}
		result, err := simulate.Run(t.Context(), simulate.Scenario{Cluster: cluster, Load: cfg.Load, Model: cfg.Model, Seed: 1})
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range report.Metrics() {
			i := slices.IndexFunc(c.Figures, func(f behaviour.Figure) bool { return f.Metric == m.Name })
			if i < 0 {
				continue
			}
			got := []float64{c.Figures[i].Before, c.Figures[i].After}[side]
			if want := m.Of(result.Summary); got != want {
				t.Errorf("%s at a threshold of %g is %g, want %g", m.Name, threshold, got, want)
			}
		}
	}
	if svg, err := c.SVG(); err != nil || !strings.HasPrefix(svg, "<svg") || strings.Count(svg, "<path") < 3 {
		t.Errorf("the chart: %v %.60q", err, svg)
	}
}

// changed is resize.json with one resource's change edited.
func changed(t *testing.T, file, address string, edit func(change map[string]any)) *plan.Plan {
	t.Helper()
	var p map[string]any
	if err := json.Unmarshal(data(t, plans+file), &p); err != nil {
		t.Fatal(err)
	}
	for _, item := range p["resource_changes"].([]any) {
		if r := item.(map[string]any); r["address"] == address {
			edit(r["change"].(map[string]any))
		}
	}
	out, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	return read(t, out)
}

func TestWhatIsNotSimulated(t *testing.T) {
	nothing := func(map[string]any) {}
	for name, c := range map[string]struct {
		plan *plan.Plan
		want string
	}{
		"nothing changes":   {changed(t, "unchanged.json", "", nothing), ""},
		"another image":     {changed(t, "new-image.json", "", nothing), ""},
		"a new cluster":     {changed(t, "create.json", "", nothing), "Cluster tg is new"},
		"a destroyed one":   {changed(t, "destroy.json", "", nothing), "Cluster tg is destroyed"},
		"what is refused":   {changed(t, "resize.json", "aws_cloudwatch_metric_alarm.a", func(change map[string]any) { change["after"].(map[string]any)["statistic"] = "Sum" }), `Cluster tg cannot be simulated as it is after: aws_cloudwatch_metric_alarm.a: statistic is "Sum"`},
		"refused all along": {changed(t, "unchanged.json", "aws_autoscaling_group.on_demand", func(change map[string]any) { protect(change["before"]); protect(change["after"]) }), ""},
		"an unknown type": {changed(t, "resize.json", "aws_launch_template.lt", func(change map[string]any) {
			change["actions"] = []any{"update"}
			change["after"].(map[string]any)["instance_type"] = "m99.large"
		}), "Cluster tg cannot be simulated as it is after: aws_autoscaling_group.on_demand: number of vCPUs of m99.large is not known, and 1 more."},
	} {
		got := ""
		if b := of(t, c.plan); b != nil {
			got = strings.Join(b.Notes, " ")
			if len(b.Clusters) > 0 {
				t.Errorf("%s: it is simulated", name)
			}
		}
		if !strings.HasPrefix(got, c.want) || (got == "") != (c.want == "") {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
	cfg := config(t)
	cfg.Load = nil
	if b, err := behaviour.Of(t.Context(), read(t, data(t, plans+"resize.json")), cfg); b != nil || err != nil {
		t.Errorf("without a load: %v %v", b, err)
	}
}

func protect(group any) { group.(map[string]any)["protect_from_scale_in"] = true }

// A plan of many clusters is not simulated for ever, and says so.
func TestManyClusters(t *testing.T) {
	large, err := plantest.Large(data(t, plans+"resize.json"), 1000)
	if err != nil {
		t.Fatal(err)
	}
	p := read(t, large)
	b := of(t, p)
	if len(b.Clusters) != behaviour.MaxClusters {
		t.Errorf("%d clusters are simulated, want %d", len(b.Clusters), behaviour.MaxClusters)
	}
	all := 0
	for _, c := range p.Changes {
		if strings.HasSuffix(c.Address, "aws_cloudwatch_metric_alarm.a") {
			all++
		}
	}
	if want := fmt.Sprintf("of %d more clusters", all-behaviour.MaxClusters); len(b.Notes) != 1 || !strings.Contains(b.Notes[0], want) {
		t.Errorf("notes %q, want %q", b.Notes, want)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := behaviour.Of(ctx, p, config(t)); !errors.Is(err, context.Canceled) {
		t.Errorf("when told to stop: %v", err)
	}
}

// Configuration has expressions, and clusters are compared all the same.
func TestConfiguration(t *testing.T) {
	base, head := t.TempDir(), t.TempDir()
	stack := data(t, "../../../testdata/stacks/prod-obelix.json")
	for dir, text := range map[string][]byte{base: stack, head: bytes.ReplaceAll(stack, []byte(`"max_size": 10`), []byte(`"max_size": 3`))} {
		stacks := filepath.Join(dir, "stacks", "prod-obelix")
		if err := os.MkdirAll(stacks, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(stacks, "cdk.tf.json"), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for head, clusters := range map[string]int{head: 1, base: 0} {
		all, err := plan.Configuration(base, head)
		if err != nil {
			t.Fatal(err)
		}
		got := 0
		if b := of(t, all[0]); b != nil {
			got = len(b.Clusters)
			if len(b.Notes) > 0 {
				t.Errorf("notes %q", b.Notes)
			}
		}
		if got != clusters {
			t.Errorf("%d clusters, want %d", got, clusters)
		}
	}
}
