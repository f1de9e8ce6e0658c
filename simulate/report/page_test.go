package report_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"

	"github.com/tandem-iac/tandem/internal/needs"
	"github.com/tandem-iac/tandem/simulate/report"
)

// browser starts Chromium and returns a context whose actions go there.
func browser(t *testing.T) context.Context {
	t.Helper()
	needs.Tool(t, "chromium")
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath("chromium"), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.WindowSize(1280, 1600))
	allocator, stop := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(stop)
	ctx, quit := chromedp.NewContext(allocator)
	t.Cleanup(quit)
	ctx, late := context.WithTimeout(ctx, 2*time.Minute)
	t.Cleanup(late)
	return ctx
}

func TestPage(t *testing.T) {
	r := report.New(aDay("prod-obelix", 0), aDay("prod-obelix, changed", 8640))
	var html, asJSON bytes.Buffer
	if err := r.WritePage(&html); err != nil {
		t.Fatal(err)
	}
	if err := r.WriteJSON(&asJSON, true); err != nil {
		t.Fatal(err)
	}
	for _, elsewhere := range []string{"src=", "href=", "@import", "url("} {
		if strings.Contains(html.String(), elsewhere) {
			t.Errorf("the page holds %s, but may need nothing else", elsewhere)
		}
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(html.Bytes()) }))
	defer server.Close()
	ctx := browser(t)
	if err := chromedp.Run(ctx, chromedp.Navigate(server.URL), chromedp.WaitVisible(".u-over", chromedp.ByQuery)); err != nil {
		t.Fatal(err)
	}
	checkFigures(ctx, t, asJSON.Bytes())
	checkDrawing(ctx, t)
	checkZoom(ctx, t)
	screenshot(ctx, t)
}

// checkFigures compares what the page shows with the JSON output.
func checkFigures(ctx context.Context, t *testing.T, raw []byte) {
	t.Helper()
	var document struct {
		Runs []struct {
			Summary map[string]float64
			Verdict report.Verdict
		}
	}
	if err := json.Unmarshal(raw, &document); err != nil {
		t.Fatal(err)
	}
	for n, run := range document.Runs {
		var headline string
		if err := chromedp.Run(ctx, chromedp.Evaluate(fmt.Sprintf("document.querySelectorAll('.headline')[%d].textContent", n), &headline)); err != nil {
			t.Fatal(err)
		}
		if headline != run.Verdict.Headline {
			t.Errorf("the page says %q of run %d, JSON %q", headline, n, run.Verdict.Headline)
		}
	}
	for _, m := range report.Metrics() {
		for n, run := range document.Runs {
			var shown string
			cell := fmt.Sprintf("document.querySelector('tr[data-metric=%s]').cells[%d].textContent", m.Name, n+1)
			if err := chromedp.Run(ctx, chromedp.Evaluate(cell, &shown)); err != nil {
				t.Fatal(err)
			}
			if want := m.Format(run.Summary[m.Name]); shown != want {
				t.Errorf("%s of run %d is %q on the page, %q in JSON", m.Name, n, shown, want)
			}
		}
	}
	var points int
	if err := chromedp.Run(ctx, chromedp.Evaluate("charts[0].data[1].length", &points)); err != nil || points != 1440 {
		t.Errorf("%d points are drawn (%v), want 1440", points, err)
	}
}

// checkDrawing finds a fair part of every chart's pixels to be painted.
func checkDrawing(ctx context.Context, t *testing.T) {
	t.Helper()
	const painted = `[...document.querySelectorAll("canvas")].map(c => {
		const d = c.getContext("2d").getImageData(0, 0, c.width, c.height).data;
		let n = 0;
		for (let i = 3; i < d.length; i += 4) n += d[i] > 0;
		return n / (c.width * c.height);
	})`
	var shares []float64
	if err := chromedp.Run(ctx, chromedp.Evaluate(painted, &shares)); err != nil {
		t.Fatal(err)
	}
	if len(shares) != 8 {
		t.Errorf("%d charts, want four a run", len(shares))
	}
	var rows []string
	if err := chromedp.Run(ctx, chromedp.Evaluate("charts[3].axes[1].values()", &rows)); err != nil {
		t.Fatal(err)
	}
	if want := []string{"reclaim", "spot ≥ 50 %"}; !slices.Equal(rows, want) { // from below
		t.Errorf("rows of alarms and activities are %q, want %q", rows, want)
	}
	for n, share := range shares {
		if share < 0.01 {
			t.Errorf("chart %d: %.2f %% is painted", n, 100*share)
		}
	}
}

// checkZoom drags over the first chart and expects all to follow.
func checkZoom(ctx context.Context, t *testing.T) {
	t.Helper()
	const at = `(() => { const b = document.querySelector(".u-over").getBoundingClientRect(); return [b.left, b.top, b.width, b.height]; })()`
	const spans = `charts.map(c => c.scales.x.max - c.scales.x.min)`
	var box, before, after, reset []float64
	err := chromedp.Run(ctx, chromedp.Evaluate(at, &box), chromedp.Evaluate(spans, &before))
	if err != nil {
		t.Fatal(err)
	}
	x, y := box[0], box[1]+box[3]/2
	err = chromedp.Run(ctx,
		chromedp.MouseEvent(input.MouseMoved, x+box[2]*0.25, y),
		chromedp.MouseEvent(input.MousePressed, x+box[2]*0.25, y, chromedp.ButtonLeft),
		chromedp.MouseEvent(input.MouseMoved, x+box[2]*0.5, y, chromedp.ButtonLeft),
		chromedp.MouseEvent(input.MouseReleased, x+box[2]*0.5, y, chromedp.ButtonLeft),
		chromedp.Sleep(200*time.Millisecond), chromedp.Evaluate(spans, &after),
		chromedp.MouseClickXY(x+box[2]*0.4, y, chromedp.ClickCount(2)),
		chromedp.Sleep(200*time.Millisecond), chromedp.Evaluate(spans, &reset))
	if err != nil {
		t.Fatal(err)
	}
	for n := range after {
		if ratio := after[n] / before[n]; ratio < 0.2 || ratio > 0.3 {
			t.Errorf("chart %d shows %.2f of the time after a drag over a quarter", n, ratio)
		}
		if reset[n] != before[n] {
			t.Errorf("chart %d shows %.0f s after a double click, want %.0f s", n, reset[n], before[n])
		}
	}
}

// screenshot leaves a picture where SCREENSHOT names a directory.
func screenshot(ctx context.Context, t *testing.T) {
	t.Helper()
	dir := os.Getenv("SCREENSHOT")
	if dir == "" {
		return
	}
	var picture []byte
	if err := chromedp.Run(ctx, chromedp.FullScreenshot(&picture, 100)); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "page.png"), picture, 0o644); err != nil {
		t.Fatal(err)
	}
}
