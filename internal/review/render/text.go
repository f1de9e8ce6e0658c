package render

import (
	"fmt"
	"io"
	"strings"

	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/tandem-iac/tandem/internal/cost"
	"github.com/tandem-iac/tandem/internal/review"
	"github.com/tandem-iac/tandem/internal/review/behaviour"
	"github.com/tandem-iac/tandem/internal/review/rule"
)

// Terminal is what text is written for.
type Terminal struct {
	// Width is the longest line, in columns; at least 20. Zero: lines are not
	// broken.
	Width int
	// Color marks severities with colours.
	Color bool
}

// Text writes the review for a terminal, nothing left out.
func Text(w io.Writer, r review.Report, t Terminal) error {
	p := &printer{terminal: t}
	p.say(0, "%s: %s", p.severity(r.Severity), r.Headline)
	for _, s := range r.Stacks {
		if len(r.Stacks) > 1 {
			p.say(0, "")
			p.say(0, "%s: %s: %s", s.Name, p.severity(s.Severity), s.Headline)
		}
		p.stack(s)
	}
	_, err := io.WriteString(w, p.String())
	return err
}

type printer struct {
	strings.Builder
	terminal Terminal
}

// minWidth keeps indented text readable on the narrowest terminal.
const minWidth = 20

// say writes a line, broken at the terminal's width and indented throughout.
func (p *printer) say(indent int, format string, args ...any) {
	line := fmt.Sprintf(format, args...)
	if p.terminal.Width > 0 {
		line = text.WrapSoft(line, max(p.terminal.Width, minWidth)-indent)
	}
	for part := range strings.SplitSeq(line, "\n") {
		if part = strings.TrimRight(part, " "); part != "" {
			part = strings.Repeat(" ", indent) + part
		}
		p.WriteString(part + "\n")
	}
}

var colors = map[rule.Severity]text.Color{rule.Safe: text.FgGreen, rule.Look: text.FgYellow, rule.Dangerous: text.FgRed}

func (p *printer) severity(s rule.Severity) string {
	word := strings.ToUpper(words[s])
	if p.terminal.Color {
		return colors[s].EscapeSeq() + word + text.Reset.EscapeSeq()
	}
	return word
}

func (p *printer) heading(format string, args ...any) {
	p.say(0, "")
	p.say(0, format, args...)
}

func (p *printer) stack(s review.Stack) {
	if text := gist(s); text != "" {
		p.say(0, "%s", text)
	}
	for _, note := range append([]string{kindNote(s)}, s.Notes...) {
		if note != "" {
			p.say(0, "%s", note)
		}
	}
	if len(s.Findings) > 0 {
		p.heading("Risks")
		p.findings(s.Findings, true)
	}
	p.changes(s.Changes)
	p.cost(s.Cost)
	p.behaviour(s.Behaviour)
	p.folded(s)
}

func (p *printer) findings(list []review.Finding, advise bool) {
	for _, f := range list {
		p.say(2, "%s %s: %s", p.severity(f.Severity), f.Title, f.Detail)
		p.say(4, "%s (%s)", f.Address, f.Rule)
		if advise {
			p.say(4, "%s", f.Why)
			p.say(4, "Fix: %s", f.Fix)
		}
		if f.Reason != "" {
			p.say(4, "Accepted: %s", f.Reason)
		}
	}
}

func (p *printer) changes(all []review.Change) {
	if len(all) == 0 {
		return
	}
	p.heading("Changes")
	order, by := grouped(all)
	for _, group := range order {
		p.say(2, "%s", group)
		for _, c := range by[group] {
			p.change(c)
		}
	}
}

func (p *printer) change(c review.Change) {
	line := string(c.Action) + " " + c.Address
	if c.Previous != "" {
		line += ", moved from " + c.Previous
	}
	if c.Summary != "" {
		line += ": " + c.Summary
	}
	p.say(4, "%s", line)
	for _, a := range c.Attributes {
		what := a.Summary
		if what == "" {
			what = a.Before + " -> " + a.After
		}
		if a.Forces {
			what += ", which forces the replacement"
		}
		p.say(6, "%s: %s", a.Path, what)
	}
	for _, consequence := range c.Consequences {
		p.say(6, "=> %s", consequence)
	}
}

func (p *printer) cost(c *review.Cost) {
	if c == nil {
		return
	}
	p.heading("Cost")
	p.say(2, "%s", basis(c.After))
	if c.Difference == (cost.Range{}) {
		p.say(2, "%s", sameCost(c))
	} else {
		p.moneyTable(c)
	}
	for _, item := range c.After.Items {
		p.say(4, "%s %s: %s", item.Name, strings.TrimSpace(item.Lifecycle+" "+item.What), money(item.Month.Minimum)+" to "+money(item.Month.Maximum)+", expected "+money(item.Month.Expected))
	}
	for _, line := range unknowns(c) {
		p.say(4, "not in it: %s", line)
	}
}

func (p *printer) moneyTable(c *review.Cost) {
	const narrow = 60
	for i, row := range moneyRows(c) {
		if p.terminal.Width > 0 && p.terminal.Width < narrow {
			p.say(2, "%s: %s to %s, expected %s", row[0], row[1], row[3], row[2])
			continue
		}
		if i == 0 {
			p.say(2, "%-12s%12s%12s%12s", "", "minimum", "expected", "maximum")
		}
		p.say(2, "%-12s%12s%12s%12s", row[0], row[1], row[2], row[3])
	}
}

func (p *printer) behaviour(b *behaviour.Behaviour) {
	if b == nil {
		return
	}
	p.heading("Behaviour")
	if len(b.Clusters) > 0 {
		p.say(2, "%s", b.Load)
	}
	for _, c := range b.Clusters {
		p.say(2, "%s: %s -> %s", c.Name, c.Before.Grade, c.After.Grade)
		for _, f := range c.Figures {
			before, after := f.Texts()
			p.say(4, "%s: %s -> %s", f.Title(), before, after)
		}
		p.say(4, "%s", outcome(c))
		for _, w := range c.Warnings {
			p.say(4, "not in it: %s", w)
		}
	}
	for _, note := range b.Notes {
		p.say(2, "%s", note)
	}
}

func (p *printer) folded(s review.Stack) {
	if lines := quiet(s); len(lines) > 0 {
		p.heading("Folded away")
		for _, line := range lines {
			p.say(2, "%s", line)
		}
		for _, r := range s.Quiet.Restated {
			p.say(4, "%s: %s", r.Address, restated(r))
		}
	}
	if len(s.Existing) > 0 {
		p.heading("There already")
		p.findings(s.Existing, false)
	}
	if len(s.Accepted) > 0 {
		p.heading("Accepted")
		p.findings(s.Accepted, false)
	}
	if len(s.Outputs) > 0 {
		p.heading("Outputs that change: %s", strings.Join(s.Outputs, ", "))
	}
	if line := uncovered(s); line != "" {
		p.heading("%s", line)
	}
}
