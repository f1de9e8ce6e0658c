package render_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/tandem-iac/tandem/internal/needs"
)

// TestPage opens the page of a plan that changes scaling in a browser.
func TestPage(t *testing.T) {
	needs.Tool(t, "chromium")
	html := rendered(t, "html", reviewOf(t, map[string][]byte{"resize": file(t, "resize")}, "resize"))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(html)) }))
	defer server.Close()
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath("chromium"), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.WindowSize(1100, 1600))
	allocator, stop := chromedp.NewExecAllocator(t.Context(), options...)
	defer stop()
	ctx, quit := chromedp.NewContext(allocator)
	defer quit()
	ctx, late := context.WithTimeout(ctx, 2*time.Minute)
	defer late()

	var headline, color string
	var chart, lines []float64
	var loaded, overflow int
	err := chromedp.Run(ctx, chromedp.Navigate(server.URL),
		chromedp.Evaluate(`document.querySelector("h1").innerText.trim()`, &headline),
		chromedp.Evaluate(`getComputedStyle(document.querySelector("h1 .light")).backgroundColor`, &color),
		chromedp.Evaluate(`(() => { const b = document.querySelector("figure svg").getBoundingClientRect(); return [b.width, b.height]; })()`, &chart),
		chromedp.Evaluate(`[...document.querySelectorAll("figure svg path")].map(p => p.getTotalLength()).filter(n => n > 300)`, &lines),
		chromedp.Evaluate(`performance.getEntriesByType("resource").filter(r => !r.name.endsWith("/favicon.ico")).length`, &loaded),
		chromedp.Evaluate(`document.documentElement.scrollWidth - innerWidth`, &overflow))
	if err != nil {
		t.Fatal(err)
	}
	if headline != "Safe: 3 changed, none of it risky" || color != "rgb(26, 127, 55)" {
		t.Errorf("the page begins with %q in %s", headline, color)
	}
	if len(chart) != 2 || chart[0] < 400 || chart[1] < 150 {
		t.Errorf("the chart is %v pixels large", chart)
	}
	if len(lines) < 3 {
		t.Errorf("%d lines are drawn, want demand and capacity before and after", len(lines))
	}
	if loaded != 0 || overflow > 0 {
		t.Errorf("the page loads %d files and is %d pixels wider than its window", loaded, overflow)
	}
}
