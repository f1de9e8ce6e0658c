package rule_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/tandem-iac/tandem/internal/golden"
	"github.com/tandem-iac/tandem/internal/review/rule"
)

// TestDocument keeps docs/rules.md in step with the rules; make generate writes it.
func TestDocument(t *testing.T) {
	golden.Equal(t, "../../../docs/rules.md", []byte(rule.Document()))
}

var id = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)

func TestEveryRuleIsWhole(t *testing.T) {
	ids := rule.IDs()
	slices.Sort(ids)
	if len(slices.Compact(slices.Clone(ids))) != len(ids) || len(ids) < 25 {
		t.Errorf("%d rules, each of its own name: %q", len(ids), ids)
	}
	for _, r := range rule.All() {
		sentences := strings.HasSuffix(r.Why, ".") && strings.HasSuffix(r.Fix, ".") && !strings.HasSuffix(r.Title, ".")
		if !id.MatchString(r.ID) || r.Severity == rule.Safe || r.Title == "" || !sentences {
			t.Errorf("%+v lacks something", r)
		}
		if r.Source != "" && !strings.HasPrefix(r.Source, "https://") {
			t.Errorf("%s: %s is no page", r.ID, r.Source)
		}
	}
}
