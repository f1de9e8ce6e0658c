package spec

import (
	"bytes"
	"errors"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"

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
	body := filler.ReplaceAllStringFunc(c.body, func(s string) string {
		return strings.Repeat("#", atoi(filler.FindStringSubmatch(s)[1]))
	})
	if strings.HasSuffix(c.name, "(whole file)") {
		return body
	}
	return smallest + body
}

// filler stands for what would be too long to read.
var filler = regexp.MustCompile(`<(\d+) bytes>`)

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
// rejects what it can know, and accepts the example and what only Parse knows
// to be wrong.
func TestJSONSchema(t *testing.T) {
	compiled := compileSchema(t)
	example, err := os.ReadFile("../tandem.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, accepted := range []string{string(example), smallest, smallest + "tags: {Owner: }\n"} {
		if err := validateSchema(compiled, accepted); err != nil {
			t.Error(err)
		}
	}
	testSyntax(t, compiled)
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

// structural is what a fault wants that has the wrong type.
var structural = regexp.MustCompile(`^(a (map|list|string|number|whole number|duration)\b|true or false)`)

// testSyntax finds each unknown key and wrong type in what the schema rejects.
func testSyntax(t *testing.T, compiled *jsonschema.Schema) {
	t.Helper()
	_, cases := badCases(t, syntaxCases)
	found := 0
	for _, c := range cases {
		var doc any
		if err := yaml.Unmarshal([]byte(c.source()), &doc); err != nil {
			continue // an editor shows that by itself
		}
		err := compiled.Validate(doc)
		var rejected []string
		if invalid := (*jsonschema.ValidationError)(nil); errors.As(err, &invalid) {
			rejected = rejectedPaths(invalid)
		}
		for _, f := range c.faults() {
			if f.Value != "an unknown key" && !structural.MatchString(f.Want) || strings.HasSuffix(f.Path, mergeKey) {
				continue
			}
			if found++; !slices.Contains(rejected, strings.TrimPrefix(f.Path, wholeFile)) {
				t.Errorf("%s: %s: the schema accepts %s: %v", syntaxCases, c.name, f.Path, err)
			}
		}
	}
	if found < 30 {
		t.Errorf("only %d faults compared", found)
	}
}

// rejectedPaths lists the fields that an error of the schema is about.
func rejectedPaths(err *jsonschema.ValidationError) (paths []string) {
	for _, cause := range err.Causes {
		paths = append(paths, rejectedPaths(cause)...)
	}
	path := ""
	for _, element := range err.InstanceLocation {
		if i, notIndex := strconv.Atoi(element); notIndex == nil {
			path = check.Index(path, i)
		} else {
			path = check.Join(path, element)
		}
	}
	if unknown, ok := err.ErrorKind.(*kind.AdditionalProperties); ok {
		for _, key := range unknown.Properties {
			paths = append(paths, check.Join(path, key))
		}
	}
	if len(err.Causes) == 0 {
		paths = append(paths, path)
	}
	return paths
}

// TestNulls proves that a key without a value is unset, to Parse and to the
// schema, wherever it may be left out.
func TestNulls(t *testing.T) {
	compiled := compileSchema(t)
	for _, p := range allProperties() {
		if p.rule.required {
			continue
		}
		around := everythingSet
		if strings.HasPrefix(p.path, "network.existing.") {
			around = existingNetwork
		}
		var doc any
		if err := yaml.Unmarshal([]byte(smallest+around), &doc); err != nil {
			t.Fatal(err)
		}
		path := strings.Replace(p.path, "<name>", "web", 1)
		if !setNull(doc, strings.Split(path, ".")) {
			continue // the same type stands elsewhere too
		}
		text, err := yaml.Marshal(doc)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Parse("tandem.yaml", text); err != nil {
			t.Errorf("%s: %v", p.path, err)
		}
		if err := validateSchema(compiled, string(text)); err != nil {
			t.Errorf("%s: %v", p.path, err)
		}
	}
}

// setNull writes null where keys lead, through maps that it adds and lists that
// are there; false: one is not.
func setNull(node any, keys []string) bool {
	if list, ok := node.([]any); ok {
		node = list[len(list)-1]
	}
	m := node.(map[string]any)
	key, isList := strings.CutSuffix(keys[0], "[i]")
	switch {
	case len(keys) == 1:
		m[key] = nil
		return true
	case m[key] != nil:
	case isList:
		return false
	default:
		m[key] = map[string]any{}
	}
	return setNull(m[key], keys[1:])
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
