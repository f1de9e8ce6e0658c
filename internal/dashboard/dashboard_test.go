package dashboard

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/tandem-iac/tandem/internal/golden"
	"github.com/tandem-iac/tandem/internal/watch"
	"github.com/tandem-iac/tandem/spec"
)

// environment has a cluster of defaults and one of several types.
func environment(t *testing.T) spec.Environment {
	t.Helper()
	env := spec.Environment{
		Name: "prod", Region: "ap-southeast-1",
		OnDemandPrices: map[string]float64{"m4.large": 0.125},
		Clusters: map[string]spec.Cluster{
			"web": {CertificateARN: "arn:aws:acm:ap-southeast-1:123456789012:certificate/web"},
			"mixed": {
				CertificateARN: "arn:aws:acm:ap-southeast-1:123456789012:certificate/mixed",
				Spot:           spec.Spot{InstanceTypes: []string{"m4.large", "m5.large", "m5a.large"}},
			},
		},
	}.WithDefaults()
	if err := env.Validate(); err != nil {
		t.Fatal(err)
	}
	return env
}

// dashboardOf is the dashboard of a cluster whose load balancer is known.
func dashboardOf(t *testing.T, env spec.Environment, name string) Dashboard {
	t.Helper()
	cfg, err := Of(env, name)
	if err != nil {
		t.Fatal(err)
	}
	cfg.LoadBalancer, cfg.TargetGroup = "app/"+cfg.FullName()+"/0123456789abcdef", "targetgroup/"+cfg.FullName()+"/fedcba9876543210"
	return New(cfg)
}

func written(t *testing.T, write func() ([]byte, error)) []byte {
	t.Helper()
	data, err := write()
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestWritten(t *testing.T) {
	d := dashboardOf(t, environment(t), "web")
	for file, write := range map[string]func() ([]byte, error){"cloudwatch": d.CloudWatch, "grafana": d.Grafana} {
		var pretty bytes.Buffer
		if err := json.Indent(&pretty, written(t, write), "", " "); err != nil {
			t.Fatal(err)
		}
		golden.Equal(t, "testdata/"+file+".json", append(pretty.Bytes(), '\n'))
	}
}

// TestCloudWatchBody holds the body against its documentation.
func TestCloudWatchBody(t *testing.T) {
	compiler := jsonschema.NewCompiler()
	schema, err := os.ReadFile("testdata/cloudwatch.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(schema))
	if err != nil {
		t.Fatal(err)
	}
	if err := compiler.AddResource("cloudwatch", doc); err != nil {
		t.Fatal(err)
	}
	compiled := compiler.MustCompile("cloudwatch")
	env := environment(t)
	for name := range env.Clusters {
		body := written(t, dashboardOf(t, env, name).CloudWatch)
		value, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		if err := compiled.Validate(value); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		for _, broken := range [][2]string{{`"period":60`, `"period":61`}, {`"stat":"p99"`, `"stat":"p990"`}, {`"width":8`, `"widht":8`}, {`"Sum"`, `"sum"`}} {
			wrong, err := jsonschema.UnmarshalJSON(strings.NewReader(strings.Replace(string(body), broken[0], broken[1], 1)))
			if err != nil {
				t.Fatal(err)
			}
			if compiled.Validate(wrong) == nil {
				t.Errorf("the schema accepts %s", broken[1])
			}
		}
	}
}

// TestLimits takes fifty clusters with the longest names and the most types
// there may be, and what CloudWatch takes of a dashboard
// (https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch_limits.html).
func TestLimits(t *testing.T) {
	const mostWidgets, mostMetrics, mostInWidget, mostAlarms, mostName = 500, 2500, 500, 100, 255
	env := environment(t)
	env.Clusters = map[string]spec.Cluster{}
	env.Name, env.OnDemandPrices = "environment-long", map[string]float64{"m4.large": 0.125}
	var types []string
	for i := range 40 {
		types = append(types, fmt.Sprintf("m%d.large", 100+i))
		env.OnDemandPrices[types[i]] = 0.1 + float64(i)/1000
	}
	for i := range 50 {
		env.Clusters[fmt.Sprintf("cluster-long-%02d", i)] = spec.Cluster{
			CertificateARN: "arn:aws:acm:ap-southeast-1:123456789012:certificate/web",
			Spot:           spec.Spot{InstanceTypes: types},
		}
	}
	env = env.WithDefaults()
	if err := env.Validate(); err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for cluster := range env.Clusters {
		d := dashboardOf(t, env, cluster)
		name := d.Name()
		if names[name] || len(name) > mostName || !regexp.MustCompile(`^[A-Za-z0-9_-]+$`).MatchString(name) {
			t.Errorf("%s: another dashboard's name, or none", name)
		}
		names[name] = true
		all := 0
		for _, p := range d.Panels {
			all += len(p.Queries)
			if len(p.Queries) > mostInWidget || len(p.ARNs) > mostAlarms {
				t.Errorf("%s has %d queries and %d alarms", p.Title, len(p.Queries), len(p.ARNs))
			}
		}
		if len(d.Panels) > mostWidgets || all > mostMetrics {
			t.Errorf("%s: %d widgets with %d metrics", name, len(d.Panels), all)
		}
		if grafana := written(t, d.Grafana); !json.Valid(grafana) {
			t.Errorf("%s: no JSON", name)
		}
	}
}

// TestLayout keeps panels from lying upon each other.
func TestLayout(t *testing.T) {
	d := dashboardOf(t, environment(t), "web")
	taken := map[[2]int]string{}
	for i, at := range place(d.Panels) {
		p := d.Panels[i]
		for x := at.x; x < at.x+p.Width; x++ {
			for y := at.y; y < at.y+p.Height; y++ {
				if other, ok := taken[[2]int{x, y}]; ok || x >= columns {
					t.Fatalf("%q is at %d, %d, where %q is", p.Title, x, y, other)
				}
				taken[[2]int{x, y}] = p.Title
			}
		}
	}
}

var (
	queryID    = regexp.MustCompile(`^[a-z][A-Za-z0-9_]*$`)
	identifier = regexp.MustCompile(`[A-Za-z_][A-Za-z0-9_]*`)
)

// TestExpressions has every expression name queries beside it and functions
// that CloudWatch has, and every hidden query serve one.
func TestExpressions(t *testing.T) {
	env := environment(t)
	for _, p := range dashboardOf(t, env, "mixed").Panels {
		known, used := map[string]bool{}, map[string]bool{}
		for _, q := range p.Queries {
			if !queryID.MatchString(q.ID) || known[q.ID] {
				t.Errorf("%s: id %s is none, or stands twice", p.Title, q.ID)
			}
			if (q.Expression == "") == (q.Metric.Name == "") || q.Label == "" {
				t.Errorf("%s: %s is neither a metric nor an expression, or has no label", p.Title, q.ID)
			}
			for _, name := range identifier.FindAllString(q.Expression, -1) {
				if name != "IF" && name != "FILL" && !known[name] {
					t.Errorf("%s: %s uses %s, which does not stand before it", p.Title, q.ID, name)
				}
				used[name] = true
			}
			if strings.Count(q.Expression, "(") != strings.Count(q.Expression, ")") {
				t.Errorf("%s: %s: %s", p.Title, q.ID, q.Expression)
			}
			known[q.ID] = true
		}
		for _, q := range p.Queries {
			if q.Hidden && !used[q.ID] {
				t.Errorf("%s: %s is hidden and nothing uses it", p.Title, q.ID)
			}
		}
	}
}

// TestPeriods takes releases, and the CPU of basic monitoring, no more often
// than they are sent.
func TestPeriods(t *testing.T) {
	env := environment(t)
	web := env.Clusters["web"]
	web.Instance.Monitoring = spec.MonitoringBasic
	env.Clusters["web"] = web
	for cluster, want := range map[string]int{"web": 300, "mixed": 60} {
		for _, p := range dashboardOf(t, env, cluster).Panels {
			switch {
			case strings.HasPrefix(p.Title, "CPU") && p.Period != want:
				t.Errorf("%s of %s: %d s, want %d", p.Title, cluster, p.Period, want)
			case p.Title == "Release skew" && p.Period != 300:
				t.Errorf("%s: %d s", p.Title, p.Period)
			}
		}
	}
}

// TestSpend computes prices as the description and the price file have them.
func TestSpend(t *testing.T) {
	env := environment(t)
	web, err := Of(env, "web")
	if err != nil {
		t.Fatal(err)
	}
	if s := web.Spend; s.OnDemand != 0.125 || s.Currency != "USD" || s.Spot != math.Round(1250*s.SpotPercent/100)/1e4 || s.SpotPercent < 20 || s.SpotPercent > 80 {
		t.Errorf("one type: %+v", s)
	}
	c := env.Clusters["web"]
	c.Spot.MaxPrice = 0.03
	env.Clusters["web"] = c
	if bound, err := Of(env, "web"); err != nil || bound.Spend.Spot != 0.03 {
		t.Errorf("%+v, %v, want no more than the bid", bound.Spend, err)
	}
	mixed, err := Of(env, "mixed")
	if err != nil {
		t.Fatal(err)
	}
	if s := mixed.Spend; s.Spot == web.Spend.Spot || s.Spot >= s.OnDemand {
		t.Errorf("three types: %+v", s)
	}
	at := slices.IndexFunc(dashboardOf(t, env, "mixed").Panels, func(p Panel) bool { return p.Unit == Money })
	panel := dashboardOf(t, env, "mixed").Panels[at]
	want := fmt.Sprintf("spot_total * %v", mixed.Spend.Spot)
	if !slices.ContainsFunc(panel.Queries, func(q watch.Query) bool { return q.Expression == want }) || !strings.Contains(panel.Title, "estimate") {
		t.Errorf("no %s in %+v", want, panel)
	}
}
