package review

import (
	"fmt"
	"strings"

	"github.com/tandem-iac/tandem/internal/review/plan"
	"github.com/tandem-iac/tandem/internal/review/rule"
)

// judge decides a stack's severity and says why.
func (s *Stack) judge() {
	for _, f := range s.Findings {
		s.Severity = max(s.Severity, f.Severity)
	}
	for _, c := range s.Changes {
		s.Severity = max(s.Severity, c.severity)
	}
	s.Headline = s.why()
}

// why says in one line why the severity is what it is.
func (s *Stack) why() string {
	switch worst := s.titles(s.Severity); {
	case s.Severity != rule.Safe && len(worst) > 0:
		text := lowerFirst(worst[0])
		if len(worst) > 1 {
			text += ", and " + plural(len(worst)-1, "more risk")
		}
		return text
	case s.Severity != rule.Safe:
		return s.worstConsequence()
	case s.Kind == plan.KindState:
		return "a state: nothing changes" + s.existing()
	case len(s.Changes) > 0:
		return s.Counts.String() + ", none of it risky"
	}
	return "nothing that matters changes"
}

func (s *Stack) existing() string {
	if len(s.Existing) == 0 {
		return ""
	}
	return fmt.Sprintf(", %s", plural(len(s.Existing), "finding"))
}

// titles are those of the findings of a severity, each once.
func (s *Stack) titles(severity rule.Severity) (list []string) {
	seen := map[string]bool{}
	for _, f := range s.Findings {
		if f.Severity == severity && !seen[f.Title] {
			seen[f.Title] = true
			list = append(list, f.Title)
		}
	}
	return list
}

// worstConsequence is what to look at where no rule is broken.
func (s *Stack) worstConsequence() string {
	for _, c := range s.Changes {
		if c.severity != s.Severity {
			continue
		}
		text := fmt.Sprintf("%s is %s", c.Address, c.Action)
		if len(c.Consequences) > 0 && c.Action == Updated {
			text += ": " + lowerFirst(strings.TrimSuffix(c.Consequences[0], "."))
		}
		return text
	}
	return s.Counts.String()
}

// lowerFirst leaves a word in capitals as it is.
func lowerFirst(text string) string {
	if len(text) > 1 && text[1] >= 'a' && text[1] <= 'z' || strings.HasPrefix(text, "A ") {
		return strings.ToLower(text[:1]) + text[1:]
	}
	return text
}

func (r *Report) headline() string {
	if len(r.Stacks) == 1 {
		return r.Stacks[0].Headline
	}
	for _, s := range r.Stacks {
		if s.Severity == r.Severity && r.Severity != rule.Safe {
			return s.Name + ": " + s.Headline
		}
	}
	var total Counts
	for _, s := range r.Stacks {
		total = total.plus(s.Counts)
	}
	if total == (Counts{}) {
		return fmt.Sprintf("nothing that matters changes in %s", plural(len(r.Stacks), "stack"))
	}
	return fmt.Sprintf("%s in %s, none of it risky", total, plural(len(r.Stacks), "stack"))
}

func (c Counts) plus(o Counts) Counts {
	return Counts{c.Replaced + o.Replaced, c.Destroyed + o.Destroyed, c.Changed + o.Changed, c.Created + o.Created, c.Other + o.Other}
}

// String is "1 replaced, 3 changed".
func (c Counts) String() string {
	var parts []string
	for _, part := range []struct {
		n    int
		verb Action
	}{{c.Replaced, Replaced}, {c.Destroyed, Destroyed}, {c.Changed, Updated}, {c.Created, Created}, {c.Other, "moved, imported or forgotten"}} {
		if part.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", part.n, part.verb))
		}
	}
	if len(parts) == 0 {
		return "nothing changed"
	}
	return strings.Join(parts, ", ")
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
