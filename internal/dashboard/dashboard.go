// Package dashboard draws what is measured of a cluster: one model of panels
// and queries, and two ways to write it down.
//
//	tandem.yaml ── Of ──> Config ── New ──> Dashboard ──┬─ CloudWatch ──> body of a dashboard
//	                                                    └─ Grafana ─────> dashboard to import
package dashboard

import (
	"cmp"
	"fmt"

	"github.com/tandem-iac/tandem/internal/watch"
)

// Dashboard is what there is to see of a cluster.
type Dashboard struct {
	// Title is what people read.
	Title string
	// Cluster is whose it is.
	Cluster watch.Cluster
	// Panels are in reading order.
	Panels []Panel
}

// Kind is how a panel shows its queries.
type Kind int

const (
	// Lines draws each query as a line.
	Lines Kind = iota
	// Stacked draws them upon each other.
	Stacked
	// States shows alarms: CloudWatch those of its own, by ARN, Grafana the
	// queries, which are 1 while what an alarm waits for is so.
	States
	// Text is Markdown, without queries.
	Text
)

// Unit is what a panel's values are in.
type Unit int

const (
	// Count is a number of anything.
	Count Unit = iota
	// Percent is a share of a hundred.
	Percent
	// Seconds is a time.
	Seconds
	// Money is an amount of the region's currency an hour.
	Money
)

// Panel is one chart.
type Panel struct {
	Title string
	Kind  Kind
	Unit  Unit
	// Currency is of what Money is an amount: USD or CNY.
	Currency string
	// Text is Markdown: a Text's content, or what explains the others.
	Text    string
	Queries []watch.Query
	// Marks are horizontal lines, such as thresholds.
	Marks []Mark
	// ARNs are the alarms of States.
	ARNs []string
	// Max is the end of the axis. 0: as high as the values.
	Max float64
	// Period is what a point stands for, in seconds. 0: what most things are
	// measured by, a minute.
	Period int
	// Lifecycle is the group that the panel is about, where that of the other
	// group differs in nothing else. Empty: the panel stands for itself.
	Lifecycle string
	// Width and Height are in columns, of which there are 24, and rows.
	Width, Height int
}

// Mark is a horizontal line.
type Mark struct {
	Label string
	Value float64
	Color Color
}

// Color is a colour in hex.
type Color string

// Colours of marks.
const (
	Red    Color = "#d62728"
	Orange Color = "#ff7f0e"
	Blue   Color = "#1f77b4"
)

const (
	// columns is the width of both kinds of dashboard.
	columns = 24
	// minute is how often most things are measured, in seconds.
	minute = 60
	// fiveMinutes is how often instances report their release, and their CPU with
	// basic monitoring.
	fiveMinutes = 300
)

// New lays out the dashboard of a cluster.
func New(cfg Config) Dashboard {
	d := Dashboard{
		Title:   fmt.Sprintf("%s of %s, %s", cfg.Name, cfg.Environment, cfg.Region),
		Cluster: cfg.Cluster,
	}
	for _, row := range [][]Panel{
		{cfg.header()},
		{cfg.alarms()},
		cfg.sizes(),
		{cfg.cpu(0), cfg.cpu(1), cfg.hosts()},
		{cfg.requests(), cfg.latency(), cfg.errorPercent()},
		{cfg.clientErrors(), cfg.serverErrors(), cfg.interruptions()},
		{cfg.rescues(), cfg.noticeLeft(), cfg.releases()},
		{cfg.spend()},
	} {
		for _, p := range row {
			p.Width = columns / len(row)
			p.Height = cmp.Or(p.Height, 6)
			p.Period = cmp.Or(p.Period, minute)
			d.Panels = append(d.Panels, p)
		}
	}
	return d
}

// place returns the corner of each panel, row by row.
func place(panels []Panel) (at []struct{ x, y int }) {
	x, y, height := 0, 0, 0
	for _, p := range panels {
		if x+p.Width > columns {
			x, y, height = 0, y+height, 0
		}
		at = append(at, struct{ x, y int }{x, y})
		x, height = x+p.Width, max(height, p.Height)
	}
	return at
}

// Name is the dashboard's in CloudWatch, where dashboards belong to an account
// and know no regions.
func (d Dashboard) Name() string { return d.Cluster.FullName() + "-" + d.Cluster.Region }
