package dashboard

import (
	"strconv"
	"strings"

	"github.com/tandem-iac/tandem/internal/watch"
)

// grafana is a dashboard in Grafana's JSON model
// (https://grafana.com/docs/grafana/latest/dashboards/build-dashboards/view-dashboard-json-model/).
type grafana struct {
	UID           string     `json:"uid"`
	Title         string     `json:"title"`
	Description   string     `json:"description"`
	Tags          []string   `json:"tags"`
	Timezone      string     `json:"timezone"`
	Editable      bool       `json:"editable"`
	GraphTooltip  int        `json:"graphTooltip"`
	SchemaVersion int        `json:"schemaVersion"`
	Version       int        `json:"version"`
	Refresh       string     `json:"refresh"`
	Time          timeRange  `json:"time"`
	Templating    templating `json:"templating"`
	Annotations   listOf     `json:"annotations"`
	Panels        []panel    `json:"panels"`
}

type timeRange struct {
	From string `json:"from"`
	To   string `json:"to"`
}

type listOf struct {
	List []grafanaAnnotation `json:"list"`
}

// schemaVersion is that of Grafana 10; later ones read it and migrate.
const schemaVersion = 39

type panel struct {
	ID          int          `json:"id"`
	Type        string       `json:"type"`
	Title       string       `json:"title"`
	Description string       `json:"description,omitempty"`
	GridPos     gridPos      `json:"gridPos"`
	Datasource  *datasource  `json:"datasource,omitempty"`
	Repeat      string       `json:"repeat,omitempty"`
	Direction   string       `json:"repeatDirection,omitempty"`
	FieldConfig *fieldConfig `json:"fieldConfig,omitempty"`
	Options     any          `json:"options"`
	Targets     []target     `json:"targets,omitempty"`
}

type gridPos struct {
	H int `json:"h"`
	W int `json:"w"`
	X int `json:"x"`
	Y int `json:"y"`
}

type datasource struct {
	Type string `json:"type"`
	UID  string `json:"uid"`
}

// cloudwatch is the data source that the reader has chosen.
func cloudwatch() *datasource { return &datasource{"cloudwatch", "${datasource}"} }

// target is a query of Grafana's CloudWatch data source
// (https://grafana.com/docs/grafana/latest/datasources/aws-cloudwatch/query-editor/).
type target struct {
	RefID            string            `json:"refId"`
	ID               string            `json:"id"`
	Datasource       *datasource       `json:"datasource"`
	QueryMode        string            `json:"queryMode"`
	MetricQueryType  int               `json:"metricQueryType"`
	MetricEditorMode int               `json:"metricEditorMode"`
	Region           string            `json:"region"`
	Namespace        string            `json:"namespace"`
	MetricName       string            `json:"metricName"`
	Dimensions       map[string]string `json:"dimensions"`
	MatchExact       bool              `json:"matchExact"`
	Statistic        string            `json:"statistic"`
	Period           string            `json:"period"`
	Expression       string            `json:"expression"`
	SQLExpression    string            `json:"sqlExpression"`
	Label            string            `json:"label"`
	Hide             bool              `json:"hide"`
}

// Grafana writes a dashboard for Grafana's import. The data source, the region
// and the names of AWS's are variables, so that it needs nothing of AWS to be
// written, nor to be changed to be imported.
func (d Dashboard) Grafana() ([]byte, error) {
	g := grafana{
		UID:           uid(d.Cluster),
		Title:         d.Title,
		Tags:          []string{"tandem", d.Cluster.Environment, d.Cluster.Name},
		Timezone:      "browser",
		Editable:      true,
		GraphTooltip:  1, // one crosshair for all charts
		SchemaVersion: schemaVersion,
		Version:       1,
		Refresh:       "1m",
		Time:          timeRange{"now-6h", "now"},
		Templating:    d.templating(),
		Annotations:   listOf{d.annotations()},
	}
	repeated := false
	for i, at := range place(d.Panels) {
		p := d.Panels[i]
		if p.Lifecycle != "" {
			if repeated {
				continue // it is the first one's repetition
			}
			repeated = true
		}
		if p.Kind == Text {
			g.Description = p.Text
		}
		g.Panels = append(g.Panels, d.panel(p, i+1, gridPos{p.Height, p.Width, at.x, at.y}))
	}
	return encode(g, "  ")
}

// uid makes an import replace the dashboard of the same cluster; Grafana allows
// 40 characters.
func uid(c watch.Cluster) string {
	id := "tandem-" + c.FullName()
	return id[:min(len(id), 40)]
}

func (d Dashboard) panel(p Panel, id int, at gridPos) panel {
	out := panel{ID: id, Title: p.Title, Description: p.Text, GridPos: at}
	if p.Kind == Text {
		out.Type, out.Description, out.Options = "text", "", textOptions{Mode: "markdown", Content: p.Text}
		return out
	}
	out.Type, out.Options = "timeseries", lineOptions()
	if p.Kind == States {
		out.Type, out.Options = "state-timeline", stateOptions()
	}
	names := d.names()
	if p.Lifecycle != "" {
		names = strings.NewReplacer(d.Cluster.FullName()+"-"+p.Lifecycle, "${environment}-${cluster}-${lifecycle}")
		out.Title = strings.ReplaceAll(p.Title, p.Lifecycle, "${lifecycle}")
		out.Repeat, out.Direction = "lifecycle", "h"
	}
	out.Datasource = cloudwatch()
	out.FieldConfig = p.fieldConfig()
	for i, q := range p.Queries {
		t := targetOf(q, i, names)
		if p.Period != minute && q.Expression == "" { // or else Grafana chooses by the time range
			t.Period = strconv.Itoa(p.Period)
		}
		out.Targets = append(out.Targets, t)
	}
	return out
}

// names turns the names of the cluster into variables.
func (d Dashboard) names() *strings.Replacer {
	var pairs []string
	for _, g := range d.Cluster.Groups() {
		pairs = append(pairs, g.Name, "${environment}-${cluster}-"+g.Lifecycle)
	}
	return strings.NewReplacer(pairs...)
}

// variables are the dimensions that are variables whatever their value.
var variables = map[string]string{
	"LoadBalancer": "${load_balancer}",
	"TargetGroup":  "${target_group}",
	"Environment":  "${environment}",
	"Cluster":      "${cluster}",
}

// Modes of the editor that Grafana opens a query in.
const (
	builderMode = 0
	codeMode    = 1
)

func targetOf(q watch.Query, i int, names *strings.Replacer) target {
	t := target{
		RefID: refID(i), ID: q.ID, Datasource: cloudwatch(), QueryMode: "Metrics", Region: "${region}",
		Label: q.Label, Hide: q.Hidden, Expression: q.Expression, Dimensions: map[string]string{}, MatchExact: true,
		Namespace: q.Metric.Namespace, MetricName: q.Metric.Name, Statistic: q.Metric.Stat,
	}
	if q.Expression != "" {
		t.MetricEditorMode, t.Statistic = codeMode, "Average"
		return t
	}
	t.MetricEditorMode = builderMode
	for _, d := range q.Metric.Dimensions {
		value, variable := variables[d.Name]
		if !variable {
			value = names.Replace(d.Value)
		}
		t.Dimensions[d.Name] = value
	}
	return t
}

// refID names queries as Grafana does: A, B, …, Z, AA, AB, …
func refID(i int) string {
	const letters = 26
	last := string(rune('A' + i%letters))
	if i < letters {
		return last
	}
	return refID(i/letters-1) + last
}
