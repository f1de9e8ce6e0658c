package dashboard

import (
	"cmp"
	"slices"
)

// fieldConfig is how a panel's values look
// (https://grafana.com/docs/grafana/latest/panels-visualizations/configure-standard-options/).
type fieldConfig struct {
	Defaults  fieldDefaults `json:"defaults"`
	Overrides []any         `json:"overrides"`
}

type fieldDefaults struct {
	Unit       string     `json:"unit"`
	Min        float64    `json:"min"`
	Max        *float64   `json:"max,omitempty"`
	Color      fieldColor `json:"color"`
	Custom     any        `json:"custom"`
	Mappings   []mapping  `json:"mappings"`
	Thresholds thresholds `json:"thresholds"`
}

type fieldColor struct {
	Mode string `json:"mode"`
}

type thresholds struct {
	Mode  string      `json:"mode"`
	Steps []threshold `json:"steps"`
}

// threshold begins at Value; nil is minus infinity.
type threshold struct {
	Value *float64 `json:"value"`
	Color Color    `json:"color"`
}

type mapping struct {
	Type    string                `json:"type"`
	Options map[string]mappedText `json:"options"`
}

type mappedText struct {
	Text  string `json:"text"`
	Color Color  `json:"color"`
	Index int    `json:"index"`
}

// lineCustom are a time series' options by field
// (https://grafana.com/docs/grafana/latest/panels-visualizations/visualizations/time-series/).
type lineCustom struct {
	DrawStyle       string   `json:"drawStyle"`
	LineWidth       int      `json:"lineWidth"`
	FillOpacity     int      `json:"fillOpacity"`
	ShowPoints      string   `json:"showPoints"`
	SpanNulls       bool     `json:"spanNulls"`
	Stacking        stacking `json:"stacking"`
	ThresholdsStyle style    `json:"thresholdsStyle"`
}

type stacking struct {
	Mode  string `json:"mode"`
	Group string `json:"group"`
}

type style struct {
	Mode string `json:"mode"`
}

// stateCustom are a state timeline's.
type stateCustom struct {
	FillOpacity int `json:"fillOpacity"`
	LineWidth   int `json:"lineWidth"`
}

type textOptions struct {
	Mode    string `json:"mode"`
	Content string `json:"content"`
}

type seriesOptions struct {
	Legend  legend  `json:"legend"`
	Tooltip tooltip `json:"tooltip"`
}

type timelineOptions struct {
	seriesOptions
	ShowValue   string  `json:"showValue"`
	RowHeight   float64 `json:"rowHeight"`
	MergeValues bool    `json:"mergeValues"`
}

type legend struct {
	DisplayMode string   `json:"displayMode"`
	Placement   string   `json:"placement"`
	ShowLegend  bool     `json:"showLegend"`
	Calcs       []string `json:"calcs"`
}

type tooltip struct {
	Mode string `json:"mode"`
	Sort string `json:"sort"`
}

func lineOptions() seriesOptions {
	return seriesOptions{legend{"list", "bottom", true, []string{}}, tooltip{"multi", "desc"}}
}

func stateOptions() timelineOptions {
	return timelineOptions{
		seriesOptions: seriesOptions{legend{"list", "bottom", false, []string{}}, tooltip{"single", "none"}},
		ShowValue:     "never", RowHeight: 0.8, MergeValues: true,
	}
}

// colour of what is as it should be.
const green Color = "#2ca02c"

func (p Panel) fieldConfig() *fieldConfig {
	d := fieldDefaults{
		Unit:       p.grafanaUnit(),
		Color:      fieldColor{"palette-classic"},
		Mappings:   []mapping{},
		Thresholds: thresholds{"absolute", []threshold{{nil, green}}},
	}
	if p.Max > 0 {
		d.Max = &p.Max
	}
	if p.Kind == States {
		d.Custom = stateCustom{FillOpacity: 80}
		d.Color = fieldColor{"thresholds"}
		d.Mappings = append(d.Mappings, mapping{"value", map[string]mappedText{"0": {"ok", green, 0}, "1": {"alarm", Red, 1}}})
		one := 1.0
		d.Thresholds.Steps = append(d.Thresholds.Steps, threshold{&one, Red})
		return &fieldConfig{d, []any{}}
	}
	custom := lineCustom{DrawStyle: "line", LineWidth: 1, ShowPoints: "auto", Stacking: stacking{"none", "A"}, ThresholdsStyle: style{"off"}}
	if p.Kind == Stacked {
		custom.FillOpacity, custom.Stacking.Mode = 30, "normal"
	}
	if len(p.Marks) > 0 {
		custom.ThresholdsStyle.Mode = "dashed"
	}
	marks := slices.SortedFunc(slices.Values(p.Marks), func(a, b Mark) int { return cmp.Compare(a.Value, b.Value) })
	for _, m := range marks { // steps have to rise
		d.Thresholds.Steps = append(d.Thresholds.Steps, threshold{&m.Value, m.Color})
	}
	d.Custom = custom
	return &fieldConfig{d, []any{}}
}

// grafanaUnit is the id of a unit
// (https://github.com/grafana/grafana/blob/main/packages/grafana-data/src/valueFormats/categories.ts).
func (p Panel) grafanaUnit() string {
	return map[Unit]string{Count: "short", Percent: "percent", Seconds: "s", Money: currencyUnits[p.Currency]}[p.Unit]
}

// currencyUnits are the ids of currencies. Grafana has none of the yuan, and so
// is told its sign.
var currencyUnits = map[string]string{"USD": "currencyUSD", "CNY": "currency:¥"}
