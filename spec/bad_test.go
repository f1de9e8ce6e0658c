package spec

import (
	"bytes"
	"errors"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/tandem-iac/tandem/internal/check"
	"github.com/tandem-iac/tandem/internal/golden"
)

// smallest is what the cases below testdata/bad add to: they begin on line 7,
// inside the cluster.
const smallest = `environment: prod
region: ap-southeast-1
on_demand_prices: {m4.large: 0.125}
clusters:
  web:
    certificate_arn: arn:aws:acm:ap-southeast-1:123456789012:certificate/1
`

// badCase is a section of a file below testdata/bad: a line "-- name --", the
// YAML, and the faults that it has to report, "> " before each.
type badCase struct{ name, body string }

// source is the whole YAML file.
func (c badCase) source() string {
	if strings.HasSuffix(c.name, "(whole file)") {
		return c.body
	}
	return smallest + c.body
}

func (c badCase) faults() (faults check.Errors) {
	_, err := Parse("tandem.yaml", []byte(c.source()))
	errors.As(err, &faults)
	return faults
}

const (
	syntaxCases   = "testdata/bad/syntax.txt"    // not a map of known keys
	fieldCases    = "testdata/bad/fields.txt"    // rules that the JSON Schema has too
	relationCases = "testdata/bad/relations.txt" // rules that only Parse has
)

var section = regexp.MustCompile(`(?m)^-- (.*) --\n`)

// badCases reads a file of cases; comment is what stands before the first.
func badCases(t testing.TB, file string) (comment string, cases []badCase) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	names := section.FindAllStringSubmatch(string(text), -1)
	parts := section.Split(string(text), -1)
	for i, name := range names {
		c := badCase{name: name[1]}
		for line := range strings.Lines(parts[i+1]) {
			if !strings.HasPrefix(line, "> ") {
				c.body += line
			}
		}
		cases = append(cases, c)
	}
	return parts[0], cases
}

func allBadCases(t testing.TB) (all []badCase) {
	for _, file := range []string{syntaxCases, fieldCases, relationCases} {
		_, cases := badCases(t, file)
		all = append(all, cases...)
	}
	return all
}

// TestBadFiles holds the exact message of every rule.
func TestBadFiles(t *testing.T) {
	if _, err := Parse("tandem.yaml", []byte(smallest)); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{syntaxCases, fieldCases, relationCases} {
		now, cases := badCases(t, file)
		for _, c := range cases {
			now += "-- " + c.name + " --\n" + c.body
			faults := c.faults()
			for _, f := range faults {
				now += "> " + f.Error() + "\n"
			}
			if len(faults) == 0 {
				t.Errorf("%s: %s: no fault", file, c.name)
			}
		}
		golden.Equal(t, file, []byte(now))
	}
}

// TestEveryRuleHasABadFile fails where a field has a rule in its tags that no
// case breaks.
func TestEveryRuleHasABadFile(t *testing.T) {
	var faults check.Errors
	for _, c := range allBadCases(t) {
		faults = append(faults, c.faults()...)
	}
	shown := func(path, want string, unset bool) bool {
		for _, f := range faults {
			if f.Want == want && (f.Value == "") == unset && generalPath(f.Path) == generalPath(path) {
				return true
			}
		}
		return false
	}
	// A type that stands at several places needs its cases at one of them.
	missing, found := map[string]string{}, map[string]bool{}
	for _, p := range allProperties() {
		for _, broken := range []struct {
			rule       string
			path, want string
			unset, has bool
		}{
			{"required", p.path, p.rule.want(), true, p.rule.required},
			{"value", p.path, p.rule.want(), false, p.rule.low != "" || p.rule.enum != nil || p.rule.format != ""},
			{"each", p.path + "[i]", p.rule.element().want(), false, p.rule.each != "" && p.typ().Kind() == reflect.Slice},
			{"each", p.path + ".<name>", p.rule.element().want(), false, p.rule.each != "" && p.typ().Kind() == reflect.Map},
			{"keys", p.path + ".<name>", formats[p.rule.keys].want, false, p.rule.keys != ""},
		} {
			id := p.declared.Name() + "." + p.key + ": " + broken.rule
			if broken.has && shown(broken.path, broken.want, broken.unset) {
				found[id] = true
			} else if broken.has {
				missing[id] = broken.path
			}
		}
	}
	for _, id := range sortedKeys(missing) {
		if !found[id] {
			t.Errorf("no case breaks %s (%s)", id, missing[id])
		}
	}
}

var (
	anyIndex = regexp.MustCompile(`\[(\d+|i)\]`)
	anyName  = regexp.MustCompile(`^(clusters\.[^.]*|(tags|on_demand_prices)\..*)`)
)

// generalPath replaces the indices and the keys of maps in a path.
func generalPath(path string) string {
	return anyName.ReplaceAllStringFunc(anyIndex.ReplaceAllString(path, "[i]"), func(s string) string {
		parent, _, _ := strings.Cut(s, ".")
		return parent + ".<name>"
	})
}

// TestJSONSchema holds the schema against the example and the bad files: it
// rejects what it can know, and nothing that Parse accepts.
func TestJSONSchema(t *testing.T) {
	compiled := compileSchema(t)
	example, err := os.ReadFile("../tandem.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, accepted := range []string{string(example), smallest} {
		if err := validateSchema(compiled, accepted); err != nil {
			t.Error(err)
		}
	}
	_, fields := badCases(t, fieldCases)
	for _, c := range fields {
		if validateSchema(compiled, c.source()) == nil {
			t.Errorf("%s: the schema accepts %s", fieldCases, c.name)
		}
	}
	_, relations := badCases(t, relationCases)
	for _, c := range relations {
		if err := validateSchema(compiled, c.source()); err != nil {
			t.Errorf("%s: %s: %v", relationCases, c.name, err)
		}
	}
}

func compileSchema(t testing.TB) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(Schema()))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource(schemaID, doc); err != nil {
		t.Fatal(err)
	}
	compiled, err := compiler.Compile(schemaID)
	if err != nil {
		t.Fatal(err)
	}
	return compiled
}

func validateSchema(schema *jsonschema.Schema, source string) error {
	text, err := yaml.YAMLToJSON([]byte(source))
	if err != nil {
		return err
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return err
	}
	return schema.Validate(doc)
}
