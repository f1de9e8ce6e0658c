package dashboard

import (
	"bytes"
	"encoding/json"

	"github.com/tandem-iac/tandem/internal/watch"
)

// body is a CloudWatch dashboard
// (https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html).
type body struct {
	Start          string   `json:"start"`
	PeriodOverride string   `json:"periodOverride"`
	Widgets        []widget `json:"widgets"`
}

type widget struct {
	Type       string `json:"type"`
	X          int    `json:"x"`
	Y          int    `json:"y"`
	Width      int    `json:"width"`
	Height     int    `json:"height"`
	Properties any    `json:"properties"`
}

type textWidget struct {
	Markdown string `json:"markdown"`
}

type alarmWidget struct {
	Title  string   `json:"title"`
	Alarms []string `json:"alarms"`
}

type metricWidget struct {
	Title       string       `json:"title"`
	View        string       `json:"view"`
	Stacked     bool         `json:"stacked"`
	Region      string       `json:"region"`
	Period      int          `json:"period"`
	YAxis       yAxis        `json:"yAxis"`
	Metrics     [][]any      `json:"metrics"`
	Annotations *annotations `json:"annotations,omitempty"`
}

type yAxis struct {
	Left axis `json:"left"`
}

type axis struct {
	Min       float64 `json:"min"`
	Max       float64 `json:"max,omitempty"`
	Label     string  `json:"label,omitempty"`
	ShowUnits bool    `json:"showUnits"`
}

type annotations struct {
	Horizontal []annotation `json:"horizontal"`
}

type annotation struct {
	Label string  `json:"label"`
	Value float64 `json:"value"`
	Color Color   `json:"color"`
}

// metricOptions end a metric's list, or are an expression by themselves.
type metricOptions struct {
	ID         string `json:"id"`
	Label      string `json:"label"`
	Expression string `json:"expression,omitempty"`
	Stat       string `json:"stat,omitempty"`
	Visible    *bool  `json:"visible,omitempty"`
}

// CloudWatch writes the body of a CloudWatch dashboard. What is a token in the
// configuration stays one.
func (d Dashboard) CloudWatch() ([]byte, error) {
	b := body{
		Start: "-PT6H",
		// Releases that are taken by the minute would show no skew.
		PeriodOverride: "inherit",
	}
	for i, at := range place(d.Panels) {
		p := d.Panels[i]
		b.Widgets = append(b.Widgets, p.widget(d.Cluster.Region, at.x, at.y))
	}
	return encode(b, "")
}

// encode writes JSON with < and > as they are, which expressions have.
func encode(value any, indent string) ([]byte, error) {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", indent)
	err := encoder.Encode(value)
	return bytes.TrimSpace(b.Bytes()), err
}

func (p Panel) widget(region string, x, y int) widget {
	w := widget{X: x, Y: y, Width: p.Width, Height: p.Height}
	switch p.Kind {
	case Text:
		w.Type, w.Properties = "text", textWidget{p.Text}
	case States:
		w.Type, w.Properties = "alarm", alarmWidget{p.Title, p.ARNs}
	case Lines, Stacked:
		w.Type, w.Properties = "metric", p.chart(region)
	}
	return w
}

func (p Panel) chart(region string) metricWidget {
	w := metricWidget{
		Title: p.Title, View: "timeSeries", Stacked: p.Kind == Stacked, Region: region, Period: p.Period,
		YAxis: yAxis{axis{Max: p.Max, Label: p.unitLabel()}},
	}
	for _, q := range p.Queries {
		w.Metrics = append(w.Metrics, metricOf(q))
	}
	for _, m := range p.Marks {
		if w.Annotations == nil {
			w.Annotations = &annotations{}
		}
		w.Annotations.Horizontal = append(w.Annotations.Horizontal, annotation(m))
	}
	return w
}

// unitLabel is what stands beside the axis. Counts need none.
func (p Panel) unitLabel() string {
	return map[Unit]string{Percent: "%", Seconds: "s", Money: p.Currency}[p.Unit]
}

func metricOf(q watch.Query) []any {
	options := metricOptions{ID: q.ID, Label: q.Label, Expression: q.Expression, Stat: q.Metric.Stat}
	if q.Hidden {
		options.Visible = new(bool)
	}
	if q.Expression != "" {
		return []any{options}
	}
	metric := []any{q.Metric.Namespace, q.Metric.Name}
	for _, d := range q.Metric.Dimensions {
		metric = append(metric, d.Name, d.Value)
	}
	return append(metric, options)
}
