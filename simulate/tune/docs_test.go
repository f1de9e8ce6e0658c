package tune

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/tandem-iac/tandem/spec"
)

// TestDocs holds the table of ranges in docs/tune.md to the defaults of the
// smallest description.
func TestDocs(t *testing.T) {
	env := spec.Environment{
		Name: "prod", Region: "ap-southeast-1", OnDemandPrices: map[string]float64{"m4.large": 0.125},
		Clusters: map[string]spec.Cluster{"web": {CertificateARN: "arn:aws:acm:ap-southeast-1:123456789012:certificate/0c9a7f3e-5b1d-4f55-8a67-2f4e9d3b7c21"}},
	}.WithDefaults()
	if err := env.Validate(); err != nil {
		t.Fatal(err)
	}
	docs, err := os.ReadFile("../../docs/tune.md")
	if err != nil {
		t.Fatal(err)
	}
	var lines strings.Builder
	for _, p := range Parameters(env.Clusters["web"]) {
		values := p.Format(p.Low) + ".." + p.Format(p.High)
		if p.Low == p.High {
			values = "stays"
		}
		fmt.Fprintf(&lines, "| `%s` | %s | %s |\n", p.Path, values, p.Format(p.Step))
	}
	if !strings.Contains(string(docs), lines.String()) {
		t.Errorf("docs/tune.md does not hold these lines:\n%s", lines.String())
	}
}
