package render

import (
	"fmt"
	"strings"

	"github.com/tandem-iac/tandem/internal/cost"
	"github.com/tandem-iac/tandem/internal/review"
	"github.com/tandem-iac/tandem/internal/review/behaviour"
)

func (m *markdown) cost(c *review.Cost) {
	if c == nil {
		return
	}
	m.line("### Cost\n")
	if c.Difference == (cost.Range{}) {
		m.line("%s", plain(sameCost(c)))
	} else {
		m.line("| | minimum | expected | maximum |\n|---|--:|--:|--:|")
		for _, row := range moneyRows(c) {
			m.line("| %s | %s | %s | %s |", row[0], row[1], row[2], row[3])
		}
	}
	m.line("\n%s\n", plain(basis(c.After)))
	var items []string
	for _, i := range c.After.Items {
		name := strings.TrimSpace(i.Lifecycle + " " + i.What)
		items = append(items, fmt.Sprintf("| %s | %s | %s | %s | %s |\n", cell(code(i.Name)), cell(plain(name)), money(i.Month.Minimum), money(i.Month.Expected), money(i.Month.Maximum)))
	}
	if len(items) > 0 {
		items[0] = "| item | what | minimum | expected | maximum |\n|---|---|--:|--:|--:|\n" + items[0]
	}
	m.details("By item", items, 0.3, "item")
	var rest []string
	for _, line := range unknowns(c) {
		rest = append(rest, "- "+plain(line)+"\n")
	}
	m.details(fmt.Sprintf("Not in it: %s", count(len(rest), "unknown")), rest, 0.2, "unknown")
}

func (m *markdown) behaviour(b *behaviour.Behaviour) {
	if b == nil {
		return
	}
	m.line("### Behaviour\n")
	if len(b.Clusters) > 0 {
		m.line("%s\n", plain(b.Load))
	}
	var clusters []string
	for _, c := range b.Clusters {
		clusters = append(clusters, simulated(c))
	}
	m.list(clusters, 0.3, "cluster")
	for _, note := range b.Notes {
		m.line("%s\n", plain(note))
	}
}

// simulated is a cluster as a table, with what it leaves out.
func simulated(c behaviour.Cluster) string {
	var b strings.Builder
	fmt.Fprintf(&b, "| %s | before | after |\n|---|--:|--:|\n", cell(code(c.Name)))
	fmt.Fprintf(&b, "| verdict | %s | %s |\n", c.Before.Grade, c.After.Grade)
	for _, f := range c.Figures {
		before, after := f.Texts()
		fmt.Fprintf(&b, "| %s | %s | %s |\n", cell(plain(f.Title())), cell(plain(before)), cell(plain(after)))
	}
	fmt.Fprintf(&b, "\n%s\n\n", plain(outcome(c)))
	if len(c.Warnings) > 0 {
		fmt.Fprintf(&b, "<details><summary>Not in it: %s</summary>\n\n", count(len(c.Warnings), "limit"))
		for _, w := range c.Warnings {
			fmt.Fprintf(&b, "- %s\n", plain(w))
		}
		b.WriteString("\n</details>\n\n")
	}
	return b.String()
}
