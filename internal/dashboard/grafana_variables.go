package dashboard

import (
	"strings"

	"github.com/tandem-iac/tandem/internal/watch"
)

type templating struct {
	List []variable `json:"list"`
}

// variable is what a reader may choose
// (https://grafana.com/docs/grafana/latest/dashboards/variables/).
type variable struct {
	Name       string      `json:"name"`
	Label      string      `json:"label"`
	Type       string      `json:"type"`
	Query      any         `json:"query"`
	Datasource *datasource `json:"datasource,omitempty"`
	Regex      string      `json:"regex,omitempty"`
	Current    *option     `json:"current,omitempty"`
	Options    []option    `json:"options"`
	Multi      bool        `json:"multi"`
	IncludeAll bool        `json:"includeAll"`
	Refresh    int         `json:"refresh"`
	Hide       int         `json:"hide"`
	Sort       int         `json:"sort"`
}

// option is a value: text, or a list where several may be chosen.
type option struct {
	Selected bool `json:"selected"`
	Text     any  `json:"text"`
	Value    any  `json:"value"`
}

// variableQuery is a query of the CloudWatch data source for the values of a
// dimension (https://grafana.com/docs/grafana/latest/datasources/aws-cloudwatch/template-variables/).
type variableQuery struct {
	RefID            string            `json:"refId"`
	QueryType        string            `json:"queryType"`
	Region           string            `json:"region"`
	Namespace        string            `json:"namespace"`
	MetricName       string            `json:"metricName"`
	DimensionKey     string            `json:"dimensionKey"`
	DimensionFilters map[string]string `json:"dimensionFilters"`
	InstanceID       string            `json:"instanceID"`
	AttributeName    string            `json:"attributeName"`
	ResourceType     string            `json:"resourceType"`
}

const (
	// onTimeRange asks for a variable's values when the time range changes.
	onTimeRange = 2
	// onLoad asks when the dashboard is opened.
	onLoad = 1
)

// templating has the variables, each after those that it uses. The load balancer
// and the target group have names that AWS ends; they are found by the metric
// that they have even without a request.
func (d Dashboard) templating() templating {
	c := d.Cluster
	lifecycles := []string{}
	for _, g := range c.Groups() {
		lifecycles = append(lifecycles, g.Lifecycle)
	}
	healthy := c.HealthyHosts().Metric
	find := func(dimension string, filters map[string]string) variableQuery {
		return variableQuery{
			RefID: "CloudWatchVariableQueryEditor-VariableQuery", QueryType: "dimensionValues", Region: "${region}",
			Namespace: healthy.Namespace, MetricName: healthy.Name, DimensionKey: dimension, DimensionFilters: filters,
		}
	}
	return templating{[]variable{
		{Name: "datasource", Label: "Data source", Type: "datasource", Query: "cloudwatch", Options: []option{}, Refresh: onLoad},
		typed("region", "Region", c.Region),
		typed("environment", "Environment", c.Environment),
		typed("cluster", "Cluster", c.Name),
		{
			Name: "lifecycle", Label: "Group", Type: "custom", Query: strings.Join(lifecycles, ","), Multi: true, IncludeAll: true,
			Current: &option{true, []string{"All"}, []string{"$__all"}},
			Options: lifecycleOptions(lifecycles),
		},
		{
			Name: "load_balancer", Label: "Load balancer", Type: "query", Datasource: cloudwatch(), Refresh: onTimeRange,
			Query: find("LoadBalancer", map[string]string{}), Regex: `/^app\/${environment}-${cluster}\//`, Options: []option{},
		},
		{
			Name: "target_group", Label: "Target group", Type: "query", Datasource: cloudwatch(), Refresh: onTimeRange,
			Query: find("TargetGroup", map[string]string{"LoadBalancer": "${load_balancer}"}), Options: []option{},
		},
	}}
}

// typed is a variable that the reader types, with what it is at first.
func typed(name, label, value string) variable {
	current := option{true, value, value}
	return variable{Name: name, Label: label, Type: "textbox", Query: value, Current: &current, Options: []option{current}}
}

func lifecycleOptions(names []string) []option {
	options := []option{{true, "All", "$__all"}}
	for _, name := range names {
		options = append(options, option{false, name, name})
	}
	return options
}

// grafanaAnnotation draws events into all charts
// (https://grafana.com/docs/grafana/latest/datasources/aws-cloudwatch/#cloudwatch-annotations).
type grafanaAnnotation struct {
	Name       string           `json:"name"`
	Enable     bool             `json:"enable"`
	IconColor  Color            `json:"iconColor"`
	Datasource *datasource      `json:"datasource"`
	Target     annotationTarget `json:"target"`
}

// annotationTarget finds alarms by what they do and how their names begin, or
// by the metric that they watch.
type annotationTarget struct {
	RefID           string            `json:"refId"`
	QueryMode       string            `json:"queryMode"`
	Region          string            `json:"region"`
	PrefixMatching  bool              `json:"prefixMatching"`
	ActionPrefix    string            `json:"actionPrefix"`
	AlarmNamePrefix string            `json:"alarmNamePrefix"`
	Namespace       string            `json:"namespace"`
	MetricName      string            `json:"metricName"`
	Dimensions      map[string]string `json:"dimensions"`
	Statistic       string            `json:"statistic"`
	Period          string            `json:"period"`
}

// annotations are the alarms' changes of state: those by which groups scale, and
// those that watch one metric.
func (d Dashboard) annotations() []grafanaAnnotation {
	add := func(name string, color Color, t annotationTarget) grafanaAnnotation {
		t.RefID, t.QueryMode, t.Region, t.Period = "annotationQuery", "Annotations", "${region}", "60"
		if t.Dimensions == nil {
			t.Dimensions = map[string]string{}
		}
		return grafanaAnnotation{Name: name, Enable: true, IconColor: color, Datasource: cloudwatch(), Target: t}
	}
	onMetric := func(m watch.Metric) annotationTarget {
		t := annotationTarget{Namespace: m.Namespace, MetricName: m.Name, Statistic: m.Stat, Dimensions: map[string]string{}}
		for _, dimension := range m.Dimensions {
			t.Dimensions[dimension.Name] = variables[dimension.Name]
		}
		return t
	}
	return []grafanaAnnotation{
		add("Scaling", Blue, annotationTarget{
			PrefixMatching: true, ActionPrefix: "arn:", AlarmNamePrefix: "${environment}-${cluster}-", Statistic: "Average",
		}),
		add("No healthy host", Red, onMetric(d.Cluster.HealthyHosts().Metric)),
		add("Rescue failed", Orange, onMetric(d.Cluster.RescueFailures().Metric)),
	}
}
