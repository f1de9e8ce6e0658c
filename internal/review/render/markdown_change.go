package render

import (
	"fmt"
	"strings"

	"github.com/tandem-iac/tandem/internal/review"
)

// changes takes as many as fit, the most important first, and groups those.
func (m *markdown) changes(all []review.Change) {
	if len(all) == 0 {
		return
	}
	m.line("### What changes\n")
	room := int(float64(m.limit-m.Len()) * 0.6)
	fit := 0
	for ; fit < len(all); fit++ {
		if room -= len(change(all[fit])) + 30; room < 0 {
			break
		}
	}
	order, by := grouped(all[:fit])
	for _, group := range order {
		m.line("**%s**\n", upperFirst(string(group)))
		for _, c := range by[group] {
			m.WriteString(change(c))
		}
		m.line("")
	}
	if fit < len(all) {
		m.line("*%s not shown, the least important: a comment takes %d characters.*\n", count(len(all)-fit, "more change"), MaxComment)
	}
}

// maxAttributes is how many attributes of one resource are shown.
const maxAttributes = 12

func change(c review.Change) string {
	var b strings.Builder
	fmt.Fprintf(&b, "- **%s** %s", c.Action, code(c.Address))
	if c.Previous != "" {
		fmt.Fprintf(&b, ", moved from %s", code(c.Previous))
	}
	if c.Summary != "" {
		fmt.Fprintf(&b, ": %s", code(c.Summary))
	}
	b.WriteString("\n")
	for i, a := range c.Attributes {
		if i == maxAttributes {
			fmt.Fprintf(&b, "  - %s\n", count(len(c.Attributes)-i, "more attribute"))
			break
		}
		fmt.Fprintf(&b, "  - %s\n", attribute(a))
	}
	for _, text := range c.Consequences {
		fmt.Fprintf(&b, "  - ➜ %s\n", plain(text))
	}
	return b.String()
}

func attribute(a review.Attribute) string {
	forces := ""
	if a.Forces {
		forces = ", which forces the replacement"
	}
	if a.Summary != "" {
		return fmt.Sprintf("%s: %s%s", code(a.Path), code(a.Summary), forces)
	}
	return fmt.Sprintf("%s: %s → %s%s", code(a.Path), value(a.Before), value(a.After), forces)
}
