// Package render writes a review: as markdown for a pull request, as a page, as text
// for a terminal, as JSON for programs and as SARIF for code scanning.
package render

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/tandem-iac/tandem/internal/cost"
	"github.com/tandem-iac/tandem/internal/review"
	"github.com/tandem-iac/tandem/internal/review/behaviour"
	"github.com/tandem-iac/tandem/internal/review/rule"
)

// JSON writes the review with its schema version.
func JSON(w io.Writer, r review.Report) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	return encoder.Encode(r)
}

// words name a severity at the head of a review.
var words = map[rule.Severity]string{rule.Safe: "Safe", rule.Look: "Look", rule.Dangerous: "Dangerous"}

// grouped orders changes by group: those in which something is replaced or
// destroyed first, and the rest as engineers think of them.
func grouped(changes []review.Change) (order []review.Group, by map[review.Group][]review.Change) {
	by = map[review.Group][]review.Change{}
	ends := map[review.Group]int{}
	for _, c := range changes {
		by[c.Group] = append(by[c.Group], c)
		if c.Action == review.Replaced || c.Action == review.Destroyed {
			ends[c.Group] = -1
		}
	}
	for _, g := range review.GroupOrder {
		if len(by[g]) > 0 {
			order = append(order, g)
		}
	}
	slices.SortStableFunc(order, func(a, b review.Group) int { return ends[a] - ends[b] })
	return order, by
}

// worstFirst orders stacks as a reader wants them.
func worstFirst(stacks []review.Stack) []review.Stack {
	stacks = slices.Clone(stacks)
	slices.SortStableFunc(stacks, func(a, b review.Stack) int { return int(b.Severity - a.Severity) })
	return stacks
}

// reasons are findings of which each rule is told once.
func reasons(list []review.Finding) (once []review.Finding) {
	told := map[string]bool{}
	for _, f := range list {
		if !told[f.Rule] {
			told[f.Rule] = true
			once = append(once, f)
		}
	}
	return once
}

// isWord tells words about a value from values.
func isWord(text string) bool {
	switch text {
	case review.NotRead, "unset", "known after apply", "(sensitive)", "(sensitive, changed)", "(looks like a secret)":
		return true
	}
	return false
}

// foldedTitle says how much was folded away.
func foldedTitle(q review.Quiet) string {
	again := ""
	if n := len(q.Restated); n > 0 {
		again = fmt.Sprintf("; %d written again in full", n)
	}
	total := q.Tags + q.Computed + q.Equivalent + len(q.Restated)
	return fmt.Sprintf("Folded away: %s in which nothing seems to change%s", count(total, "resource"), again)
}

// quiet says in a sentence each what was folded away.
func quiet(s review.Stack) (lines []string) {
	q := s.Quiet
	for _, part := range []struct {
		n    int
		text string
	}{
		{q.Equivalent, "written differently and means the same"},
		{q.Tags, "changes its tags only"},
		{q.Computed, "changes computed values only"},
	} {
		if part.n > 0 {
			lines = append(lines, fmt.Sprintf("%s: %s.", count(part.n, "resource"), part.text))
		}
	}
	if n := len(q.Restated); n > 0 {
		lines = append(lines, fmt.Sprintf("%s: written again in full, because the state lacks what no such resource can be without. Whether a value is new cannot be told; these are set:", count(n, "resource")))
	}
	return lines
}

// uncovered says of which types nothing is known.
func uncovered(s review.Stack) string {
	const shown = 8
	total, names := 0, []string{}
	for i, t := range s.Uncovered {
		total += t.Count
		if i < shown {
			names = append(names, fmt.Sprintf("%s (%d)", t.Type, t.Count))
		}
	}
	if total == 0 {
		return ""
	}
	text := fmt.Sprintf("%s of types that tandem knows nothing of: %s", count(total, "resource"), strings.Join(names, ", "))
	if more := len(s.Uncovered) - shown; more > 0 {
		text += fmt.Sprintf(" and %s", count(more, "other type"))
	}
	return text + "."
}

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// money is an amount of a month with two decimals.
func money(amount float64) string { return fmt.Sprintf("%.2f", amount) }

// signed is money with its sign.
func signed(amount float64) string {
	if text := fmt.Sprintf("%+.2f", amount); text != "-0.00" {
		return text
	}
	return "+0.00"
}

// moneyRows are the rows of a cost table.
func moneyRows(c *review.Cost) [][4]string {
	row := func(name string, r cost.Range, format func(float64) string) [4]string {
		return [4]string{name, format(r.Minimum), format(r.Expected), format(r.Maximum)}
	}
	return [][4]string{row("before", c.Before.Total, money), row("after", c.After.Total, money), row("difference", c.Difference, signed)}
}

// basis says what an estimate rests on.
func basis(e cost.Estimate) string {
	return fmt.Sprintf("%s a month in %s, list prices of %s. Minimum: every group at its least; maximum: at its most, spot at the bid.", e.Currency, e.Region, e.PriceDate)
}

// unknowns are what the estimates leave out: what there will be, and what goes.
func unknowns(c *review.Cost) (lines []string) {
	for _, u := range c.After.Unknown {
		lines = append(lines, unknown(u))
	}
	for _, u := range c.Before.Unknown {
		if !slices.ContainsFunc(c.After.Unknown, func(after cost.Unknown) bool { return uncounted(after) == uncounted(u) }) {
			lines = append(lines, "before, "+unknown(u))
		}
	}
	return lines
}

// uncounted is an unknown without how many there are of it.
func uncounted(u cost.Unknown) cost.Unknown {
	u.Name, _, _ = strings.Cut(u.Name, " (")
	return u
}

func unknown(u cost.Unknown) string {
	line := u.What + ": " + u.Why
	if u.Name != "" {
		line = u.Name + ": " + line
	}
	return line
}

// kindNote says what was reviewed where it was no plan.
func kindNote(s review.Stack) string {
	if s.Kind == "configuration" {
		return "This compares configuration, not what exists: it was not planned. What is not known before then is shown as an expression."
	}
	return ""
}

// restated are the values that a resource is written with again, by the last
// part of their names.
func restated(r review.Restated) string {
	var values []string
	for _, a := range r.Attributes {
		name := a.Path[strings.LastIndexByte(a.Path, '.')+1:]
		values = append(values, name+" "+a.After)
	}
	return strings.Join(values, ", ")
}

// outcome is the answer at one look on a simulated cluster.
func outcome(c behaviour.Cluster) string {
	if c.Before == c.After {
		return fmt.Sprintf("Before and after: %s.", c.After.Headline)
	}
	return fmt.Sprintf("Before: %s. After: %s.", c.Before.Headline, c.After.Headline)
}

// gist is what a plan does and costs in one line. Empty: nothing.
func gist(s review.Stack) string {
	var parts []string
	if s.Counts != (review.Counts{}) {
		parts = append(parts, s.Counts.String())
	}
	if s.Cost != nil && s.Cost.Difference != (cost.Range{}) {
		d := s.Cost.Difference
		parts = append(parts, fmt.Sprintf("%s to %s %s a month", signed(min(d.Minimum, d.Maximum)), signed(max(d.Minimum, d.Maximum)), s.Cost.After.Currency))
	}
	if len(parts) == 0 {
		return ""
	}
	return upperFirst(strings.Join(parts, "; ")) + "."
}

// sameCost says that a plan does not change what a month costs.
func sameCost(c *review.Cost) string {
	t := c.After.Total
	return fmt.Sprintf("As before: %s to %s, expected %s.", money(t.Minimum), money(t.Maximum), money(t.Expected))
}

func upperFirst(text string) string { return strings.ToUpper(text[:1]) + text[1:] }
