package report

import (
	"fmt"
	"image/color"
	"io"
	"math"
	"strconv"
	"time"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
	"gonum.org/v1/plot/vg/vgsvg"

	"github.com/tandem-iac/tandem/simulate"
)

// Format is a picture's.
type Format string

const (
	// SVG is a drawing for pages.
	SVG Format = "svg"
	// PNG is a picture for everything else.
	PNG Format = "png"
)

const (
	chartWidth, panelHeight = 24 * vg.Centimeter, 6 * vg.Centimeter
	margin                  = 5 * vg.Millimeter
	chartPoints             = 1500
	// headroom leaves the legend a place above the lines.
	headroom = 1.35
)

// WriteChart draws demand, instances and CPU of every run, one below the
// other. Runs without series are an error.
func (r Report) WriteChart(w io.Writer, format Format) error {
	var panels [][]*plot.Plot
	for _, run := range r.runs {
		if run.Result.Series == nil {
			return fmt.Errorf("%s: nothing was recorded to draw", run.Name)
		}
		s := thin(*run.Result.Series, chartPoints)
		for _, panel := range []func(Run, simulate.Series) (*plot.Plot, error){workPanel, instancePanel, cpuPanel} {
			p, err := panel(run, s)
			if err != nil {
				return err
			}
			panels = append(panels, []*plot.Plot{p})
		}
	}
	canvas, err := newCanvas(format, chartWidth, panelHeight*vg.Length(len(panels)))
	if err != nil {
		return err
	}
	whole := draw.Crop(draw.New(canvas), margin, -margin, margin, -margin)
	tiles := draw.Tiles{Rows: len(panels), Cols: 1, PadY: vg.Millimeter * 3}
	for row, places := range plot.Align(panels, tiles, whole) {
		panels[row][0].Draw(places[0])
	}
	_, err = canvas.WriteTo(w)
	return err
}

type canvas interface {
	vg.CanvasSizer
	io.WriterTo
}

func newCanvas(format Format, width, height vg.Length) (canvas, error) {
	switch format {
	case SVG:
		return vgsvg.New(width, height), nil
	case PNG:
		return vgimg.PngCanvas{Canvas: vgimg.New(width, height)}, nil
	}
	return nil, fmt.Errorf("chart format is %q, want svg or png", format)
}

var (
	red      = color.RGBA{R: 0xcf, G: 0x22, B: 0x2e, A: 255}
	blue     = color.RGBA{R: 0x09, G: 0x69, B: 0xda, A: 255}
	green    = color.RGBA{R: 0x1a, G: 0x7f, B: 0x37, A: 255}
	byGroup  = []color.Color{blue, color.RGBA{R: 0xbc, G: 0x4c, A: 255}, color.RGBA{R: 0x82, G: 0x50, B: 0xdf, A: 255}, green}
	dashed   = []vg.Length{vg.Points(5), vg.Points(4)}
	thinLine = vg.Points(0.8)
)

func workPanel(run Run, s simulate.Series) (*plot.Plot, error) {
	p := newPanel(run, s, run.Name+": demand and capacity, cores")
	err := addLines(p, s,
		line{"demand", s.Demand, blue, nil}, line{"in service", s.Capacity, green, nil}, line{"not served", s.Unserved, red, nil})
	p.Y.Max *= headroom
	return p, err
}

func instancePanel(run Run, s simulate.Series) (*plot.Plot, error) {
	p := newPanel(run, s, run.Name+": instances in service; dashed: desired")
	for n, g := range s.Groups {
		colour := byGroup[n%len(byGroup)]
		if err := addLines(p, s, line{g.Name, floats(g.InService), colour, nil}, line{"", floats(g.Desired), colour, dashed}); err != nil {
			return nil, err
		}
	}
	p.Y.Max *= headroom
	return p, nil
}

func cpuPanel(run Run, s simulate.Series) (*plot.Plot, error) {
	p := newPanel(run, s, run.Name+": CPU, percent; dashed: alarm thresholds")
	p.Y.Max = 100 * headroom
	p.Y.Tick.Marker = plot.ConstantTicks{{Value: 0, Label: "0"}, {Value: 25}, {Value: 50, Label: "50"}, {Value: 75}, {Value: 100, Label: "100"}}
	for n, g := range s.Groups {
		colour := byGroup[n%len(byGroup)]
		if err := addLines(p, s, line{g.Name, g.CPU, colour, nil}); err != nil {
			return nil, err
		}
		for _, a := range g.Alarms {
			threshold := alarmOf(run.Cluster.Groups[n], a).Threshold
			if err := addLines(p, s, line{"", repeat(threshold, len(g.CPU)), colour, dashed}); err != nil {
				return nil, err
			}
		}
	}
	return p, nil
}

func newPanel(run Run, s simulate.Series, title string) *plot.Plot {
	p := plot.New()
	p.Title.Text = title
	p.Title.TextStyle.Font.Size = vg.Points(11)
	p.X.Tick.Marker = wholeHours{}
	p.Y.Tick.Marker = plainTicks{}
	p.Legend.Top, p.Legend.Left = true, true
	p.Legend.TextStyle.Font.Size = vg.Points(9)
	p.BackgroundColor = color.White
	p.X.Min = float64(run.Start.Unix())
	p.X.Max = p.X.Min + s.Step.Seconds()*float64(len(s.Demand))
	p.Add(plotter.NewGrid())
	return p
}

// wholeHours marks round times of day, or days where there are many.
type wholeHours struct{}

// Ticks returns at most a dozen marks.
func (wholeHours) Ticks(from, until float64) []plot.Tick {
	const hour = 3600.0
	step, format := 0.0, "15:04"
	for _, step = range []float64{300, 900, hour, 2 * hour, 6 * hour, 24 * hour, 7 * 24 * hour, 30 * 24 * hour, 365 * 24 * hour} {
		if (until-from)/step <= 12 {
			break
		}
	}
	if step > 2*hour {
		format = "01-02 15:04"
	}
	var ticks []plot.Tick
	for at := math.Ceil(from/step) * step; at <= until; at += step {
		ticks = append(ticks, plot.Tick{Value: at, Label: time.Unix(int64(at), 0).UTC().Format(format)})
	}
	return ticks
}

// plainTicks are gonum's, without decimals that say nothing.
type plainTicks struct{ plot.DefaultTicks }

// Ticks returns the marks of an axis.
func (t plainTicks) Ticks(from, until float64) []plot.Tick {
	ticks := t.DefaultTicks.Ticks(from, until)
	for n := range ticks {
		if ticks[n].Label != "" {
			ticks[n].Label = strconv.FormatFloat(ticks[n].Value, 'g', 4, 64)
		}
	}
	return ticks
}

// line is what is drawn of one value. Without a name it has no legend.
type line struct {
	name   string
	values []float64
	colour color.Color
	dashes []vg.Length
}

func addLines(p *plot.Plot, s simulate.Series, lines ...line) error {
	for _, l := range lines {
		for n, points := range l.pieces(p.X.Min, s.Step.Seconds()) {
			drawn, err := plotter.NewLine(points)
			if err != nil {
				return fmt.Errorf("%s: %w", l.name, err)
			}
			drawn.Color, drawn.Dashes, drawn.Width = l.colour, l.dashes, thinLine
			p.Add(drawn)
			if n == 0 && l.name != "" {
				p.Legend.Add(l.name, drawn)
			}
		}
	}
	p.Y.Min = 0
	return nil
}

// pieces are the points of a line between its gaps, which are NaN.
func (l line) pieces(start, step float64) []plotter.XYs {
	var pieces []plotter.XYs
	inGap := true
	for n, v := range l.values {
		gap := math.IsNaN(v)
		if inGap && !gap {
			pieces = append(pieces, nil)
		}
		if inGap = gap; !gap {
			last := &pieces[len(pieces)-1]
			*last = append(*last, plotter.XY{X: start + float64(n)*step, Y: v})
		}
	}
	return pieces
}

func floats(values []int32) []float64 {
	converted := make([]float64, len(values))
	for n, v := range values {
		converted[n] = float64(v)
	}
	return converted
}

func repeat(value float64, times int) []float64 {
	values := make([]float64, times)
	for n := range values {
		values[n] = value
	}
	return values
}
