package report

import (
	"fmt"
	"image/color"
	"io"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

const (
	smallWidth, smallHeight = 18 * vg.Centimeter, 6 * vg.Centimeter
	smallPoints             = 480
)

var (
	grey   = color.RGBA{R: 0x8c, G: 0x95, B: 0x9f, A: 255}
	orange = color.RGBA{R: 0xbc, G: 0x4c, A: 255}
)

// WriteComparison draws one small chart of two runs on the same load: demand,
// and the capacity of the first run, before, and of the second, after. Other
// numbers of runs, and runs without series, are an error.
func (r Report) WriteComparison(w io.Writer, format Format) error {
	if len(r.runs) != 2 {
		return fmt.Errorf("%d runs, want two to compare", len(r.runs))
	}
	for _, run := range r.runs {
		if run.Result.Series == nil {
			return fmt.Errorf("%s: nothing was recorded to draw", run.Name)
		}
	}
	before, after := thin(*r.runs[0].Result.Series, smallPoints), thin(*r.runs[1].Result.Series, smallPoints)
	p := newPanel(r.runs[0], before, "")
	p.Y.Label.Text = "cores"
	err := addLines(p, before,
		line{"demand", before.Demand, grey, nil}, line{"capacity before", before.Capacity, blue, dashed}, line{"capacity after", after.Capacity, orange, nil})
	if err != nil {
		return err
	}
	canvas, err := newCanvas(format, smallWidth, smallHeight)
	if err != nil {
		return err
	}
	p.Draw(draw.Crop(draw.New(canvas), margin, -margin, 0, 0))
	_, err = canvas.WriteTo(w)
	return err
}
