package dashboard

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/tandem-iac/tandem/internal/watch"
	"github.com/tandem-iac/tandem/internal/watchtest"
)

const agentMetrics = "../rescue/metric/metric.go"

// object is any JSON object.
type object = map[string]any

func grafanaOf(t *testing.T, name string) object {
	t.Helper()
	var g object
	if err := json.Unmarshal(written(t, dashboardOf(t, environment(t), name).Grafana), &g); err != nil {
		t.Fatal(err)
	}
	return g
}

func objects(list any) (all []object) {
	items, _ := list.([]any)
	for _, item := range items {
		all = append(all, item.(object))
	}
	return all
}

var variableUse = regexp.MustCompile(`\$\{?([a-z_]+)\}?`)

// resolve has a value's variables be those of the dashboard.
func resolve(value string, variables map[string]string) (string, error) {
	var err error
	out := variableUse.ReplaceAllStringFunc(value, func(use string) string {
		name := variableUse.FindStringSubmatch(use)[1]
		if _, known := variables[name]; !known {
			err = fmt.Errorf("%s uses variable %s, which stands nowhere before it", value, name)
		}
		return variables[name]
	})
	return out, err
}

// TestGrafanaQueries resolves the variables as Grafana does, and then holds
// queries against the metrics there are.
func TestGrafanaQueries(t *testing.T) {
	g := grafanaOf(t, "web")
	variables := map[string]string{}
	must := func(value any) string {
		text, _ := value.(string)
		resolved, err := resolve(text, variables)
		if err != nil {
			t.Error(err)
		}
		return resolved
	}
	for _, v := range objects(g["templating"].(object)["list"]) {
		name := v["name"].(string)
		must(v["regex"])
		if query, ok := v["query"].(object); ok {
			must(query["region"])
			for _, filter := range query["dimensionFilters"].(object) {
				must(filter)
			}
			if query["queryType"] != "dimensionValues" || query["namespace"] != "AWS/ApplicationELB" {
				t.Errorf("%s: %v finds no name", name, query)
			}
			regex := strings.TrimSuffix(strings.TrimPrefix(must(v["regex"]), "/"), "/") // JavaScript's
			for value, want := range map[string]bool{
				"app/prod-web/0123456789abcdef": true, "app/prod-web-2/0123456789abcdef": false,
				"app/my-prod-web/0123456789abcdef": false, "net/prod-web/0123456789abcdef": false,
			} {
				if regex != "" && regexp.MustCompile(regex).MatchString(value) != want {
					t.Errorf("%s: %s matches %s: %t, want %t", name, regex, value, !want, want)
				}
			}
		}
		variables[name] = "some-" + name
		if current, ok := v["current"].(object); ok && v["multi"] != true {
			variables[name] = current["value"].(string)
		}
		if name == "lifecycle" {
			variables[name] = "spot"
		}
	}
	if variables["environment"] != "prod" || variables["cluster"] != "web" || variables["region"] != "ap-southeast-1" {
		t.Errorf("the variables begin as %v", variables)
	}
	var uses []watchtest.Use
	groups := map[string]bool{"prod-web-spot": true, "prod-web-on-demand": true, "": true}
	add := func(where string, query object) {
		u := watchtest.Use{Where: where, Namespace: query["namespace"].(string), Name: query["metricName"].(string), Stat: query["statistic"].(string), Dimensions: map[string]string{}}
		for name, value := range query["dimensions"].(object) {
			u.Dimensions[name] = must(value)
		}
		if group := u.Dimensions["AutoScalingGroupName"]; !groups[group] {
			t.Errorf("%s: there is no group %s", where, group)
		}
		uses = append(uses, u)
	}
	for _, p := range objects(g["panels"]) {
		for _, query := range objects(p["targets"]) {
			if must(query["region"]); query["expression"] == "" {
				add(p["title"].(string), query)
			}
		}
	}
	for _, a := range objects(g["annotations"].(object)["list"]) {
		query := a["target"].(object)
		// Grafana asks for neither half without the other.
		if by := query["prefixMatching"] == true; by != (query["actionPrefix"] != "" && must(query["alarmNamePrefix"]) == "prod-web-") {
			t.Errorf("annotation %v finds nothing", a["name"])
		} else if !by {
			add("annotation", query)
		}
	}
	watchtest.Check(t, agentMetrics, uses)
}

// TestManyQueries has a panel go on after Z as Grafana does.
func TestManyQueries(t *testing.T) {
	var p Panel
	for range 28 {
		p.Queries = append(p.Queries, watch.Query{})
	}
	targets := dashboardOf(t, environment(t), "web").panel(p, 1, gridPos{}).Targets
	for i, want := range map[int]string{0: "A", 25: "Z", 26: "AA", 27: "AB"} {
		if got := targets[i].RefID; got != want {
			t.Errorf("query %d is %s, want %s", i, got, want)
		}
	}
}

// TestGrafanaPanels keeps ids apart and panels on the grid.
func TestGrafanaPanels(t *testing.T) {
	g := grafanaOf(t, "web")
	ids, repeats := map[any]bool{}, 0
	for _, p := range objects(g["panels"]) {
		at := p["gridPos"].(object)
		if ids[p["id"]] || at["x"].(float64)+at["w"].(float64) > 24 {
			t.Errorf("%v: id %v, at %v", p["title"], p["id"], at)
		}
		ids[p["id"]] = true
		refs := map[any]bool{}
		for _, query := range objects(p["targets"]) {
			if refs[query["refId"]] || !regexp.MustCompile(`^[A-Z]+$`).MatchString(query["refId"].(string)) {
				t.Errorf("%v: refId %v", p["title"], query["refId"])
			}
			refs[query["refId"]] = true
		}
		if p["repeat"] != nil {
			repeats++
		}
		if config, ok := p["fieldConfig"].(object); ok {
			before := -1.0
			for _, step := range objects(config["defaults"].(object)["thresholds"].(object)["steps"])[1:] {
				if value := step["value"].(float64); value <= before {
					t.Errorf("%v: thresholds do not rise", p["title"])
				} else {
					before = value
				}
			}
		}
	}
	if repeats != 1 {
		t.Errorf("%d panels are repeated by group, want one", repeats)
	}
	if uid := g["uid"].(string); len(uid) > 40 || regexp.MustCompile(`[^a-zA-Z0-9_-]`).MatchString(uid) {
		t.Errorf("Grafana takes no uid %s", uid)
	}
}

// Grafana writes an id that it does not know behind the number.
func TestGrafanaCurrencies(t *testing.T) {
	for currency, want := range map[string]string{"USD": "currencyUSD", "CNY": "currency:¥"} {
		if got := (Panel{Unit: Money, Currency: currency}).grafanaUnit(); got != want {
			t.Errorf("%s is in %q, want %q", currency, got, want)
		}
	}
}

// types is what Grafana publishes of its dashboards, in TypeScript. Plain turns
// its enumerations into the values that stand in JSON.
const types = `import type { Dashboard } from '@grafana/schema/dist/esm/raw/dashboard/x/dashboard_types.gen';
import type { CloudWatchMetricsQuery, CloudWatchAnnotationQuery } from '@grafana/schema/dist/esm/raw/composable/cloudwatch/dataquery/x/CloudWatchDataQuery_types.gen';
import type * as timeseries from '@grafana/schema/dist/esm/raw/composable/timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen';
import type * as statetimeline from '@grafana/schema/dist/esm/raw/composable/statetimeline/panelcfg/x/StateTimelinePanelCfg_types.gen';
import type * as text from '@grafana/schema/dist/esm/raw/composable/text/panelcfg/x/TextPanelCfg_types.gen';
type Plain<T> = T extends string ? ` + "`${T}`" + `
  : T extends number ? (` + "`${T}`" + ` extends ` + "`${infer N extends number}`" + ` ? N : never)
  : T extends (infer U)[] ? Plain<U>[]
  : T extends object ? { [K in keyof T]: Plain<T[K]> }
  : T;
// @ts-expect-error an unknown key
export const unknownKey: Plain<Dashboard> = { schemaVersion: 39, panles: [] };
// @ts-expect-error an unknown key below
export const unknownBelow: Plain<timeseries.Options> = { legend: { displayMode: 'list', placement: 'bottom', showLegend: true, calcs: [], sideways: 1 }, tooltip: { mode: 'multi', sort: 'desc' } };
// @ts-expect-error no value of an enumeration
export const noValue: Plain<Dashboard> = { schemaVersion: 39, graphTooltip: 7 };
// @ts-expect-error a missing key
export const missing: Plain<CloudWatchMetricsQuery> = { refId: 'A', namespace: 'AWS/EC2' };
`

// TestGrafanaTypes has TypeScript compare the dashboard with Grafana's own types,
// which know every key and value, for each kind of panel and for queries.
func TestGrafanaTypes(t *testing.T) {
	modules, err := filepath.Abs("../../node_modules")
	if err != nil {
		t.Fatal(err)
	}
	compiler := filepath.Join(modules, ".bin", "tsc")
	for _, needed := range []string{compiler, filepath.Join(modules, "@grafana/schema")} {
		if _, err := os.Stat(needed); err != nil {
			t.Fatalf("%v: run `npm ci`, as `make test` does", err)
		}
	}
	var source strings.Builder
	source.WriteString(types)
	n := 0
	typed := func(kind string, value any) {
		t.Helper()
		data, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		n++
		fmt.Fprintf(&source, "export const value%d: Plain<%s> = %s;\n", n, kind, data)
	}
	g := grafanaOf(t, "mixed")
	for _, p := range objects(g["panels"]) {
		for _, query := range objects(p["targets"]) {
			typed("CloudWatchMetricsQuery", query)
		}
		module := strings.ReplaceAll(p["type"].(string), "-", "")
		typed(module+".Options", p["options"])
		if config, ok := p["fieldConfig"].(object); ok {
			typed(module+".FieldConfig", config["defaults"].(object)["custom"])
		}
	}
	for _, a := range objects(g["annotations"].(object)["list"]) {
		typed("CloudWatchAnnotationQuery", a["target"])
		delete(a, "target") // whose type is that of Grafana's own annotations
	}
	typed("Dashboard", g)
	dir := t.TempDir()
	if err := os.Symlink(modules, filepath.Join(dir, "node_modules")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "dashboard.ts"), []byte(source.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	const config = `{"files": ["dashboard.ts"], "compilerOptions": {"noEmit": true, "strict": true, "exactOptionalPropertyTypes": true,
		"skipLibCheck": true, "types": [], "target": "es2022", "module": "commonjs", "moduleResolution": "node10"}}`
	if err := os.WriteFile(filepath.Join(dir, "tsconfig.json"), []byte(config), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(compiler, "--project", dir)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
