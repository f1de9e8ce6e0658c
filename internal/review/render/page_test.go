package render_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/tandem-iac/tandem/internal/needs"
)

// browse opens a page in a window of a width. A picture of it is among the
// test's artifacts: go test -artifacts keeps them.
func browse(t *testing.T, name, html string, width int, actions ...chromedp.Action) {
	t.Helper()
	needs.Tool(t, "chromium")
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(html)) }))
	defer server.Close()
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath("chromium"), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.WindowSize(width, 900))
	allocator, stop := chromedp.NewExecAllocator(t.Context(), options...)
	defer stop()
	ctx, quit := chromedp.NewContext(allocator)
	defer quit()
	ctx, late := context.WithTimeout(ctx, 2*time.Minute)
	defer late()

	var picture []byte
	var loaded, overflow int
	actions = append([]chromedp.Action{chromedp.Navigate(server.URL), chromedp.FullScreenshot(&picture, 100),
		chromedp.Evaluate(`performance.getEntriesByType("resource").filter(r => !r.name.endsWith("/favicon.ico")).length`, &loaded),
		chromedp.Evaluate(`document.documentElement.scrollWidth - innerWidth`, &overflow)}, actions...)
	if err := chromedp.Run(ctx, actions...); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(t.ArtifactDir(), fmt.Sprintf("%s-%d.png", name, width)), picture, 0o600); err != nil {
		t.Fatal(err)
	}
	if loaded != 0 || overflow > 0 {
		t.Errorf("%s loads %d files and is %d pixels wider than its window of %d", name, loaded, overflow, width)
	}
}

// TestPage opens the page of a plan that changes scaling in a browser, and that
// of a dangerous one in windows wide and narrow.
func TestPage(t *testing.T) {
	page := func(name string) string {
		return rendered(t, "html", reviewOf(t, map[string][]byte{name: file(t, name)}, name))
	}
	var headline, color string
	var chart, lines []float64
	browse(t, "resize", page("resize"), 1100,
		chromedp.Evaluate(`document.querySelector("h1").innerText.trim()`, &headline),
		chromedp.Evaluate(`getComputedStyle(document.querySelector("h1 .light")).backgroundColor`, &color),
		chromedp.Evaluate(`(() => { const b = document.querySelector("figure svg").getBoundingClientRect(); return [b.width, b.height]; })()`, &chart),
		chromedp.Evaluate(`[...document.querySelectorAll("figure svg path")].map(p => p.getTotalLength()).filter(n => n > 300)`, &lines))
	if headline != "Safe: 3 changed, none of it risky" || color != "rgb(26, 127, 55)" {
		t.Errorf("the page begins with %q in %s", headline, color)
	}
	if len(chart) != 2 || chart[0] < 400 || chart[1] < 150 {
		t.Errorf("the chart is %v pixels large", chart)
	}
	if len(lines) < 3 {
		t.Errorf("%d lines are drawn, want demand and capacity before and after", len(lines))
	}
	browse(t, "risky", page("risky"), 1280)
	browse(t, "risky", page("risky"), 500)
}

// github is about how GitHub sets a comment.
const github = `<!doctype html><meta charset="utf-8"><style>body{font:14px/1.5 "Noto Sans",Helvetica,Arial,sans-serif;max-width:760px;margin:16px auto;padding:0 16px;color:#1f2328}
table{border-collapse:collapse;display:block;max-width:100%;overflow:auto}td,th{border:1px solid #d1d9e0;padding:6px 13px}code{background:#eff1f3;padding:.2em .4em;font-size:85%;border-radius:6px}
h2,h3{border-bottom:1px solid #d1d9e0;padding-bottom:.3em}ul{padding-left:2em}</style>`

// TestComment has GitHub's own program turn the comment into a page, and a
// browser show it.
func TestComment(t *testing.T) {
	needs.Tool(t, "cmark-gfm")
	names := []string{"risky", "resize"}
	inputs := map[string][]byte{"risky": file(t, "risky"), "resize": file(t, "resize")}
	for _, c := range []struct {
		names    []string
		headline string
	}{
		{names[:1], "🔴 Dangerous: instances are open to the world, and 5 more risks"},
		{names[1:], "🟢 Safe: 3 changed, none of it risky"},
		{names, "🔴 Dangerous: risky.json: instances are open to the world, and 5 more risks"},
	} {
		cmd := exec.Command("cmark-gfm", "--unsafe", "-e", "table", "-e", "strikethrough", "-e", "autolink", "-e", "tagfilter", "-e", "tasklist")
		cmd.Stdin = strings.NewReader(rendered(t, "md", reviewOf(t, inputs, c.names...)))
		html, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		var headline, text string
		var open int
		var firstScreen float64
		browse(t, strings.Join(c.names, "-"), github+string(html), 900,
			chromedp.Evaluate(`document.querySelector("h2").innerText`, &headline),
			chromedp.Evaluate(`document.querySelectorAll("details[open]").length`, &open),
			chromedp.Evaluate(`document.querySelector("table").getBoundingClientRect().bottom`, &firstScreen),
			chromedp.Evaluate(`document.querySelectorAll("details").forEach(d => d.open = true)`, nil),
			chromedp.Evaluate(`[...document.querySelectorAll("code")].forEach(c => c.remove()), document.body.innerText`, &text))
		if headline != c.headline || open > 0 || firstScreen > 900 {
			t.Errorf("%q: it begins with %q, %d details are open and the first table ends at %.0f", c.names, headline, open, firstScreen)
		}
		for _, markup := range []string{"**", "|", "`", `\_`, "<", "##", "&#"} {
			if i := strings.Index(text, markup); i >= 0 {
				t.Errorf("%q: a reader sees %q: %q", c.names, markup, text[max(0, i-60):min(len(text), i+60)])
			}
		}
	}
}
