package rule

import (
	"fmt"
	"strings"
)

//go:generate env UPDATE_GOLDEN=1 go test -count=1 -run ^TestDocument$ .

// Document describes every rule in markdown, as docs/rules.md has it.
func Document() string {
	var b strings.Builder
	b.WriteString(documentHead)
	rules := All()
	b.WriteString("| rule | severity | what is wrong |\n|---|---|---|\n")
	for _, r := range rules {
		fmt.Fprintf(&b, "| [%s](#%s) | %s | %s |\n", r.ID, r.ID, r.Severity, r.Title)
	}
	for _, r := range rules {
		fmt.Fprintf(&b, "\n## %s\n\n**%s.** Severity: %s.\n\n%s\n\nFix: %s\n", r.ID, r.Title, r.Severity, r.Why, r.Fix)
		if r.Source != "" {
			fmt.Fprintf(&b, "\nSource: <%s>\n", r.Source)
		}
	}
	return b.String()
}

const documentHead = `# Rules of tandem review

<!-- Generated from the rules in internal/review/rule: make generate. -->

A finding counts for the headline if the plan brings it in; what was there
already is listed apart. *Dangerous* loses service, data, money or control as it
stands; *look* wants a person's judgement. What is known only after the apply
breaks no rule.

A rule is switched off in [tandem.yaml](spec.md#review), for all resources or
for some, and the review goes on naming what it would have found, with the
reason:

` + "```yaml" + `
review:
  disable:
    - rule: access-logs-off
      address: module.internal.aws_lb.*
      reason: internal load balancers are logged by the service itself
` + "```" + `

`
