package tune_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"

	"github.com/tandem-iac/tandem/internal/needs"
	"github.com/tandem-iac/tandem/simulate/tune"
)

// document is what the tests look for in the JSON form.
type document struct {
	Version int
	Kept    bool
	Present struct {
		Cost float64 `json:"cost_usd"`
	}
	Chosen struct {
		Cost    float64                 `json:"cost_usd"`
		Changes []struct{ Path string } `json:"changes"`
		Runs    []map[string]float64
	}
	Front []struct {
		Cost    float64 `json:"cost_usd"`
		Minutes float64 `json:"over_slo_minutes"`
		Changes []struct{ Path, From, To string }
	}
}

// TestPage draws the front in a browser and points at its policies.
func TestPage(t *testing.T) {
	needs.Tool(t, "chromium")
	r := search(t, example(t, "over_slo_minutes <= 30 && unserved_percent <= 1", day))
	var html, asJSON bytes.Buffer
	if err := r.WritePage(&html); err != nil {
		t.Fatal(err)
	}
	if err := r.WriteJSON(&asJSON); err != nil {
		t.Fatal(err)
	}
	var want document
	if err := json.Unmarshal(asJSON.Bytes(), &want); err != nil {
		t.Fatal(err)
	}
	if want.Version != tune.Version || len(want.Front) < 3 || want.Chosen.Runs[0]["cost_usd"] != want.Chosen.Cost {
		t.Fatalf("version %d, %d policies in the front, %v USD of %v", want.Version, len(want.Front), want.Chosen.Runs, want.Chosen.Cost)
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
	checkShown(ctx, t, want)
	checkPointing(ctx, t, want)
	checkPainted(ctx, t, "#0969da", "#bc4c00", "#1a7f37", "#afb8c1")
	screenshot(ctx, t)
}

// browser starts Chromium and returns a context whose actions go there.
func browser(t *testing.T) context.Context {
	t.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath("chromium"), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.WindowSize(1280, 1000))
	allocator, stop := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(stop)
	ctx, quit := chromedp.NewContext(allocator)
	t.Cleanup(quit)
	ctx, late := context.WithTimeout(ctx, 2*time.Minute)
	t.Cleanup(late)
	return ctx
}

// evaluate returns the value of a script.
func evaluate[T any](ctx context.Context, t *testing.T, script string) (value T) {
	t.Helper()
	if err := chromedp.Run(ctx, chromedp.Evaluate(script, &value)); err != nil {
		t.Fatalf("%s: %v", script, err)
	}
	return value
}

// checkShown compares the page with the JSON form.
func checkShown(ctx context.Context, t *testing.T, want document) {
	t.Helper()
	headline := evaluate[string](ctx, t, `document.getElementById("headline").textContent`)
	if costs := fmt.Sprintf("%.2f USD instead of %.2f USD", want.Chosen.Cost, want.Present.Cost); !strings.HasPrefix(headline, costs) {
		t.Errorf("%q, want %s", headline, costs)
	}
	if rows := evaluate[int](ctx, t, `document.querySelectorAll("#front tbody tr").length`); rows != len(want.Front) {
		t.Errorf("%d rows, want %d", rows, len(want.Front))
	}
	if kind := evaluate[string](ctx, t, `document.getElementById("policy").dataset.kind`); kind != "chosen" {
		t.Errorf("the %s policy is shown first, want the chosen one", kind)
	}
	if n := evaluate[int](ctx, t, `document.querySelectorAll("#policy tr").length`); n != len(want.Chosen.Changes) {
		t.Errorf("%d changes, want %d", n, len(want.Chosen.Changes))
	}
}

// checkPainted looks for the colours of the present, chosen, front and other points.
func checkPainted(ctx context.Context, t *testing.T, colours ...string) {
	t.Helper()
	const script = `(() => {
		const c = document.querySelector("canvas"), d = c.getContext("2d").getImageData(0, 0, c.width, c.height).data, n = {};
		for (let i = 0; i < d.length; i += 4) {
			if (!d[i + 3]) continue;
			const key = "#" + [d[i], d[i + 1], d[i + 2]].map(v => v.toString(16).padStart(2, "0")).join("");
			n[key] = (n[key] || 0) + 1;
		}
		return n;
	})()`
	// A double click shows all that were tried.
	if err := chromedp.Run(ctx, chromedp.DoubleClick(".u-over", chromedp.ByQuery), chromedp.Sleep(200*time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	painted := evaluate[map[string]int](ctx, t, script)
	for _, colour := range colours {
		if painted[colour] < 10 {
			t.Errorf("%d pixels of %s", painted[colour], colour)
		}
	}
}

// checkPointing points at, and then clicks, a policy of the front: the one that
// is farthest from any other point.
func checkPointing(ctx context.Context, t *testing.T, want document) {
	t.Helper()
	const at = `(() => {
		chart.over.scrollIntoView();
		const box = chart.over.getBoundingClientRect();
		const places = points.map(p => [box.left + chart.valToPos(p.x, "x"), box.top + chart.valToPos(p.y, "y")]);
		const alone = places.map(([x, y], n) => Math.min(...places.map((q, m) => m === n ? Infinity : Math.hypot(q[0] - x, q[1] - y))));
		alone.splice(-2); // neither the present policy nor the chosen one
		const n = alone.indexOf(Math.max(...alone));
		return [n, ...places[n]];
	})()`
	const title = `document.querySelector("#policy h2").textContent`
	found := evaluate[[]float64](ctx, t, at)
	last, place := int(found[0]), found[1:]
	away := chromedp.MouseEvent(input.MouseMoved, 5, 5)
	if err := chromedp.Run(ctx, chromedp.MouseEvent(input.MouseMoved, place[0], place[1])); err != nil {
		t.Fatal(err)
	}
	name := fmt.Sprintf("policy %d of the front", last+1)
	if shown := evaluate[string](ctx, t, title); shown != name {
		t.Errorf("%q is shown under the pointer, want %q", shown, name)
	}
	if n := evaluate[int](ctx, t, `document.querySelectorAll("#policy tr").length`); n != len(want.Front[last].Changes) {
		t.Errorf("%d changes, want %d", n, len(want.Front[last].Changes))
	}
	if err := chromedp.Run(ctx, away); err != nil {
		t.Fatal(err)
	}
	if shown := evaluate[string](ctx, t, title); shown != "chosen policy" {
		t.Errorf("%q is shown after the pointer left, want the chosen policy", shown)
	}
	if err := chromedp.Run(ctx, chromedp.MouseClickXY(place[0], place[1]), away); err != nil {
		t.Fatal(err)
	}
	if shown := evaluate[string](ctx, t, title); shown != name {
		t.Errorf("%q is shown after a click, want %q", shown, name)
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
	if err := chromedp.Run(ctx, chromedp.Reload(), chromedp.WaitVisible(".u-over", chromedp.ByQuery), chromedp.FullScreenshot(&picture, 100)); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "tune.png"), picture, 0o644); err != nil {
		t.Fatal(err)
	}
}
