package render_test

import (
	"strings"
	"testing"

	"github.com/tandem-iac/tandem/internal/review"
	"github.com/tandem-iac/tandem/internal/review/behaviour"
)

// hostile is what a plan may hold instead of names.
const hostile = "x`|</details>\n## @everyone <b>_*[a](b)$1<script>alert(1)</script>\" onload=\"x"

func hostileReport() review.Report {
	return review.Report{Headline: hostile, Stacks: []review.Stack{{
		Name: hostile, Notes: []string{hostile}, Outputs: []string{hostile},
		Findings: []review.Finding{{Title: hostile, Address: hostile, Detail: hostile, Rule: "r", Reason: hostile}},
		Changes: []review.Change{{Address: hostile, Action: review.Updated, Group: review.Other, Summary: hostile, Consequences: []string{hostile},
			Attributes: []review.Attribute{{Path: hostile, Before: hostile, After: hostile}}}},
		Uncovered: []review.TypeCount{{Type: hostile, Count: 1}},
		Behaviour: &behaviour.Behaviour{Load: hostile, Notes: []string{hostile}},
	}}}
}

// Nothing that a plan holds becomes markup of the page.
func TestHTMLIsPlain(t *testing.T) {
	text := rendered(t, "html", hostileReport())
	for _, markup := range []string{"<b>", "<script", "\" onload", "src=", "href=", "url(", "@import"} {
		if strings.Contains(text, markup) {
			t.Errorf("the page holds %s", markup)
		}
	}
	if n := strings.Count(text, "&lt;b&gt;"); n < 10 {
		t.Errorf("%d of the names are on the page", n)
	}
}

// Nothing that a plan holds becomes markup of the comment.
func TestMarkdownIsPlain(t *testing.T) {
	r := hostileReport()
	text := rendered(t, "md", r)
	for line := range strings.Lines(text) {
		outside := withoutCode(line)
		for _, markup := range []string{"<b>", "@everyone", "[a](b)", "$1", "</details> "} {
			if strings.Contains(outside, markup) {
				t.Errorf("%q is markup in %q", markup, line)
			}
		}
		if strings.HasPrefix(line, "## @") {
			t.Errorf("a line break goes through: %q", line)
		}
	}
}

// withoutCode takes code spans out of a line.
func withoutCode(line string) string {
	var b strings.Builder
	for line != "" {
		start := strings.IndexByte(line, '`')
		if start < 0 || start > 0 && line[start-1] == '\\' {
			b.WriteString(line[:start+1])
			if start < 0 {
				b.WriteString(line)
				break
			}
			line = line[start+1:]
			continue
		}
		b.WriteString(line[:start])
		fence := line[start : len(line)-len(strings.TrimLeft(line[start:], "`"))]
		rest := line[start+len(fence):]
		_, after, closed := strings.Cut(rest, fence)
		if !closed {
			b.WriteString(rest)
			break
		}
		line = after
	}
	return b.String()
}
