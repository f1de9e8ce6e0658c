package cli

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/tandem-iac/tandem/simulate"
)

// TestParametersDocs finds every parameter in docs/simulate-model.md, as --set
// takes it.
func TestParametersDocs(t *testing.T) {
	docs, err := os.ReadFile("../../docs/simulate-model.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range simulate.Parameters() {
		var sweep []string
		for _, value := range p.Sweep {
			sweep = append(sweep, fmt.Sprint(value))
		}
		row := fmt.Sprintf("| `%s` | %s | %g | %s | %s | %s |\n", flagName(p), p.Unit, p.Default, strings.Join(sweep, ", "), p.Mark, p.Source)
		if !strings.Contains(string(docs), row) {
			t.Errorf("docs/simulate-model.md has no\n%s", row)
		}
	}
}
