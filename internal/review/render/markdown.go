package render

import (
	"fmt"
	"io"
	"strings"

	"github.com/tandem-iac/tandem/internal/review"
	"github.com/tandem-iac/tandem/internal/review/rule"
)

const (
	// Marker begins every comment, so that the next push finds and replaces it.
	Marker = "<!-- tandem review -->"
	// MaxComment is what GitHub takes: 65,536 characters. It is counted in
	// bytes here, of which there are at least as many.
	MaxComment = 65536
	// closing is room for what ends a comment.
	closing = 600
	// reserve is room for saying how much of a list is missing.
	reserve = 200
)

var lights = map[rule.Severity]string{rule.Safe: "🟢", rule.Look: "🟡", rule.Dangerous: "🔴"}

// Markdown writes the review as a comment of at most MaxComment bytes. What
// does not fit is left out by importance, and the comment says so.
func Markdown(w io.Writer, r review.Report) error {
	m := &markdown{}
	m.line("%s", Marker)
	m.line("## %s %s: %s\n", lights[r.Severity], words[r.Severity], plain(r.Headline))
	stacks := worstFirst(r.Stacks)
	m.limit = MaxComment - closing
	if len(stacks) > 1 {
		m.overview(stacks)
	}
	sizes := make([]int, len(stacks))
	for i, s := range stacks {
		alone := &markdown{limit: MaxComment - closing}
		alone.titled(s, len(stacks) > 1)
		sizes[i] = alone.Len()
	}
	for i, s := range stacks {
		if m.limit = m.room(sizes[i+1:]); m.limit-m.Len() < leastStack {
			m.line("*%s not shown: a comment takes %d characters.*", count(len(stacks)-i, "more stack"), MaxComment)
			break
		}
		m.titled(s, len(stacks) > 1)
	}
	_, err := io.WriteString(w, m.String())
	return err
}

// leastStack is the room that a stack is shown in, if at all.
const leastStack = 3000

// room is the length up to which a stack may write, as others with these sizes
// come after it: what they do not need of a fair share is left to it.
func (m *markdown) room(after []int) int {
	free := MaxComment - closing - m.Len()
	fair := free / (len(after) + 1)
	limit := free
	for _, size := range after {
		limit -= min(size, fair)
	}
	return m.Len() + min(max(limit, leastStack), free)
}

// overview has every stack in one line.
func (m *markdown) overview(stacks []review.Stack) {
	m.line("| | stack | why |\n|---|---|---|")
	var rows []string
	for _, s := range stacks {
		rows = append(rows, fmt.Sprintf("| %s | %s | %s: %s |\n", lights[s.Severity], cell(code(s.Name)), words[s.Severity], cell(plain(s.Headline))))
	}
	m.list(rows, 0.25, "stack")
	m.line("")
}

func (m *markdown) titled(s review.Stack, several bool) {
	if several {
		m.line("## %s %s\n\n%s: %s\n", lights[s.Severity], code(s.Name), words[s.Severity], plain(s.Headline))
	}
	m.stack(s)
}

// markdown is a comment that is being written.
type markdown struct {
	strings.Builder
	// limit is the length that the present stack may grow to.
	limit int
}

func (m *markdown) line(format string, args ...any) { fmt.Fprintf(m, format+"\n", args...) }

// list writes items in their order until they have taken a share of the room
// that is left, and then says how many are missing.
func (m *markdown) list(items []string, share float64, noun string) {
	room := int(float64(m.limit-m.Len()) * share)
	end := m.Len() + room
	for i, item := range items {
		if m.Len()+len(item)+reserve > end {
			m.line("\n*%s not shown: a comment takes %d characters.*", count(len(items)-i, "more "+noun), MaxComment)
			return
		}
		m.WriteString(item)
	}
}

func (m *markdown) stack(s review.Stack) {
	if text := gist(s); text != "" {
		m.line("%s\n", plain(text))
	}
	for _, note := range append([]string{kindNote(s)}, s.Notes...) {
		if note != "" {
			m.line("> %s\n", plain(note))
		}
	}
	m.findings(s.Findings)
	m.changes(s.Changes)
	m.cost(s.Cost)
	m.behaviour(s.Behaviour)
	m.folded(s)
}

// findings are a table for the eye, and the reasons behind it.
func (m *markdown) findings(list []review.Finding) {
	if len(list) == 0 {
		return
	}
	m.line("| | risk | where |\n|---|---|---|")
	const share = 0.3
	noun := "finding"
	rows := riskRows(list, len(list))
	// Every rule is told before all addresses of one.
	for _, most := range []int{50, 20, 10, 5, 2, 1} {
		if len(strings.Join(rows, ""))+reserve <= int(float64(m.limit-m.Len())*share) {
			break
		}
		if rows = riskRows(list, most); most == 1 {
			noun = "rule"
		}
	}
	m.list(rows, share, noun)
	m.line("")
	var why []string
	for _, f := range reasons(list) {
		why = append(why, fmt.Sprintf("- **%s** (%s). %s *Fix:* %s\n", plain(f.Title), code(f.Rule), plain(f.Why), plain(f.Fix)))
	}
	m.details("Why, and what to do about it", why, 0.25, "rule")
}

// riskRows are the rows of findings, at most so many of each rule; the last of
// them says how many there are more.
func riskRows(list []review.Finding, most int) (rows []string) {
	left, shown := map[string]int{}, map[string]int{}
	for _, f := range list {
		left[f.Rule]++
	}
	for _, f := range list {
		if shown[f.Rule] == most {
			continue
		}
		shown[f.Rule]++
		where := code(f.Address)
		if more := left[f.Rule] - most; more > 0 && shown[f.Rule] == most {
			where += fmt.Sprintf(" and %d more", more)
		}
		rows = append(rows, fmt.Sprintf("| %s | **%s**: %s | %s |\n", lights[f.Severity], cell(plain(f.Title)), cell(plain(f.Detail)), cell(where)))
	}
	return rows
}

// details folds a list under a summary, which is HTML.
func (m *markdown) details(summary string, items []string, share float64, noun string) {
	if len(items) == 0 {
		return
	}
	m.line("<details><summary>%s</summary>\n", summary)
	m.list(items, share, noun)
	m.line("\n</details>\n")
}

// folded is what a reader may want to look up.
func (m *markdown) folded(s review.Stack) {
	if lines := quiet(s); len(lines) > 0 {
		var items []string
		for _, text := range lines {
			items = append(items, "- "+plain(text)+"\n")
		}
		for _, r := range s.Quiet.Restated {
			items = append(items, fmt.Sprintf("  - %s: %s\n", code(r.Address), code(restated(r))))
		}
		m.details(foldedTitle(s.Quiet), items, 0.4, "line")
	}
	m.details(fmt.Sprintf("There already: %s", count(len(s.Existing), "finding")), found(s.Existing), 0.5, "finding")
	m.details(fmt.Sprintf("Accepted: %s", count(len(s.Accepted), "finding")), found(s.Accepted), 0.6, "finding")
	if len(s.Outputs) > 0 {
		m.details(fmt.Sprintf("Outputs that change: %d", len(s.Outputs)), []string{code(strings.Join(s.Outputs, ", ")) + "\n"}, 0.8, "output")
	}
	if text := uncovered(s); text != "" {
		m.line("%s\n", plain(text))
	}
}

func found(list []review.Finding) (items []string) {
	for _, f := range list {
		reason := ""
		if f.Reason != "" {
			reason = " Accepted: " + plain(f.Reason)
		}
		items = append(items, fmt.Sprintf("- %s %s: %s, %s (%s).%s\n", lights[f.Severity], code(f.Address), plain(f.Title), plain(f.Detail), code(f.Rule), reason))
	}
	return items
}
