package render_test

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/tandem-iac/tandem/internal/golden"
	"github.com/tandem-iac/tandem/internal/price"
	"github.com/tandem-iac/tandem/internal/review"
	"github.com/tandem-iac/tandem/internal/review/behaviour"
	"github.com/tandem-iac/tandem/internal/review/plan"
	"github.com/tandem-iac/tandem/internal/review/plantest"
	"github.com/tandem-iac/tandem/internal/review/render"
	"github.com/tandem-iac/tandem/simulate"
	"github.com/tandem-iac/tandem/simulate/load"
)

var plans = []string{"create", "unchanged", "resize", "new-image", "risky", "destroy"}

// formats are all renderings; text is for the narrowest terminal.
var formats = map[string]func(io.Writer, review.Report) error{
	"md":    render.Markdown,
	"html":  render.HTML,
	"json":  render.JSON,
	"sarif": render.SARIF,
	"txt":   func(w io.Writer, r review.Report) error { return render.Text(w, r, render.Terminal{Width: 40}) },
}

func file(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "testdata", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// config has made-up prices and simulates a day.
func config(t testing.TB) review.Config {
	t.Helper()
	prices, err := price.Load("testdata/prices.json")
	if err != nil {
		t.Fatal(err)
	}
	demand, err := load.Parse(load.SeedDay, load.Config{})
	if err != nil {
		t.Fatal(err)
	}
	model := simulate.DefaultModel()
	model.CPUPerRequest = load.SeedDayCPUPerRequest
	return review.Config{Prices: prices, Behaviour: behaviour.Config{Load: demand, LoadName: "Simulated on a day.", Model: model}}
}

func reviewOf(t testing.TB, inputs map[string][]byte, names ...string) review.Report {
	t.Helper()
	var list []*plan.Plan
	for _, name := range names {
		p, err := plan.Read(name+".json", bytes.NewReader(inputs[name]))
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, p)
	}
	r, err := review.New(t.Context(), list, config(t))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func rendered(t testing.TB, format string, r review.Report) string {
	t.Helper()
	var b bytes.Buffer
	if err := formats[format](&b, r); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestGolden(t *testing.T) {
	for _, name := range plans {
		r := reviewOf(t, map[string][]byte{name: file(t, name)}, name)
		for format := range formats {
			golden.Equal(t, filepath.Join("testdata", "golden", name+"."+format), []byte(rendered(t, format, r)))
		}
	}
	// Several plans: the worst first in a comment, and one headline.
	inputs := map[string][]byte{"resize": file(t, "resize"), "risky": file(t, "risky")}
	golden.Equal(t, "testdata/golden/two.md", []byte(rendered(t, "md", reviewOf(t, inputs, "resize", "risky"))))
}

// A reader decides by the first line.
func TestHeadline(t *testing.T) {
	for name, want := range map[string]string{
		"unchanged": "🟢 Safe: nothing that matters changes",
		"resize":    "🟢 Safe: 3 changed, none of it risky",
		"risky":     "🔴 Dangerous: instances are open to the world, and 5 more risks",
		"destroy":   "🔴 Dangerous: everything is destroyed, and 1 more risk",
	} {
		lines := strings.Split(rendered(t, "md", reviewOf(t, map[string][]byte{name: file(t, name)}, name)), "\n")
		if lines[0] != render.Marker || lines[1] != "## "+want {
			t.Errorf("%s begins with %q, want the marker and %q", name, lines[:2], want)
		}
	}
}

func TestTextFitsTheTerminal(t *testing.T) {
	for _, name := range plans {
		for line := range strings.Lines(rendered(t, "txt", reviewOf(t, map[string][]byte{name: file(t, name)}, name))) {
			if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > 40 {
				t.Errorf("%s: %d columns: %q", name, n, line)
			}
		}
	}
}

func TestColor(t *testing.T) {
	r := reviewOf(t, map[string][]byte{"risky": file(t, "risky")}, "risky")
	for _, color := range []bool{true, false} {
		var b bytes.Buffer
		if err := render.Text(&b, r, render.Terminal{Color: color}); err != nil {
			t.Fatal(err)
		}
		if got := strings.Contains(b.String(), "\x1b["); got != color {
			t.Errorf("colour %t: escape sequences %t", color, got)
		}
	}
}

// A plan of 5,000 resources fits into a comment, and the comment says that it
// is not all; so do many plans.
func TestLargePlanFits(t *testing.T) {
	large, err := plantest.Large(file(t, "risky"), 5000)
	if err != nil {
		t.Fatal(err)
	}
	inputs := map[string][]byte{"large": large, "risky": file(t, "risky"), "resize": file(t, "resize")}
	many := []string{"resize", "risky", "large"}
	for range 60 {
		many = append(many, "risky")
	}
	for _, names := range [][]string{{"large"}, {"resize", "large", "risky"}, many} {
		r := reviewOf(t, inputs, names...)
		text := rendered(t, "md", r)
		if len(text) > render.MaxComment || len(text) < render.MaxComment/2 {
			t.Errorf("%d plans: %d bytes, want at most %d, and that used", len(names), len(text), render.MaxComment)
		}
		if !strings.Contains(text, "not shown") {
			t.Errorf("%d plans: it does not say that something is cut", len(names))
		}
		if open, closed := strings.Count(text, "<details>"), strings.Count(text, "</details>"); open != closed {
			t.Errorf("%d plans: %d details begin and %d end", len(names), open, closed)
		}
	}
	r := reviewOf(t, inputs, "large")
	if got := len(r.Stacks[0].Findings); got < 1000 {
		t.Errorf("the large plan has %d findings", got)
	}
	text := rendered(t, "md", r)
	// Every rule is told before all addresses of one.
	for _, f := range r.Stacks[0].Findings {
		if !strings.Contains(text, "| **"+f.Title+"**: ") {
			t.Fatalf("the table has nothing of %s", f.Rule)
		}
	}
	if !regexp.MustCompile(`\| .*world\*\*.* and \d+ more \|`).MatchString(text) {
		t.Error("it does not say how many more instances are open")
	}
	// What ends is told before what only changes.
	replaced, changed := strings.Index(text, "- **replaced**"), strings.Index(text, "- **changed**")
	if replaced < 0 || changed >= 0 && changed < replaced {
		t.Errorf("replaced is at %d, changed at %d", replaced, changed)
	}
}

// The schema is OASIS's: https://docs.oasis-open.org/sarif/sarif/v2.1.0/os/schemas/sarif-schema-2.1.0.json
func TestSARIFKeepsItsSchema(t *testing.T) {
	compiler := jsonschema.NewCompiler()
	schema, err := compiler.Compile("testdata/sarif-schema-2.1.0.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range plans {
		text := rendered(t, "sarif", reviewOf(t, map[string][]byte{name: file(t, name)}, name))
		v, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(v); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	broken, err := jsonschema.UnmarshalJSON(strings.NewReader(`{"version":"2.1.0","runs":[{}]}`))
	if err != nil {
		t.Fatal(err)
	}
	if schema.Validate(broken) == nil {
		t.Error("the schema takes a run without a tool")
	}
}
