package spec

import (
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/invopop/jsonschema"

	"github.com/tandem-iac/tandem/internal/golden"
)

const (
	schemaID  = "https://github.com/tandem-iac/tandem/spec/schema.json"
	reference = "../docs/spec.md"
	// handwritten ends the part of the reference that is not generated.
	handwritten = "<!-- The rest is generated from the types in spec/: make generate. -->\n"
)

// TestGenerated keeps the JSON Schema and the reference in step with the types.
func TestGenerated(t *testing.T) {
	docs := newDocs(t)
	golden.Equal(t, "schema.json", docs.schema(t))

	file, err := os.ReadFile(reference)
	if err != nil {
		t.Fatal(err)
	}
	intro, _, found := strings.Cut(string(file), handwritten)
	if !found {
		t.Fatalf("%s has lost the line %s", reference, handwritten)
	}
	golden.Equal(t, reference, []byte(intro+handwritten+docs.reference()))
	if t.Failed() {
		t.Log("make generate writes both")
	}
}

// docs turns the types and their comments into texts for users.
type docs struct{ reflector jsonschema.Reflector }

func newDocs(t *testing.T) *docs {
	d := &docs{jsonschema.Reflector{
		FieldNameTag:   "yaml",
		ExpandedStruct: true,
		Mapper: func(t reflect.Type) *jsonschema.Schema {
			if t != reflect.TypeFor[Duration]() {
				return nil
			}
			return &jsonschema.Schema{Type: "string", Pattern: durationPattern.String()}
		},
	}}
	pkg := reflect.TypeFor[Environment]().PkgPath()
	if err := d.reflector.AddGoComments(pkg, ".", jsonschema.WithFullComment()); err != nil {
		t.Fatal(err)
	}
	return d
}

var (
	requiredNote = regexp.MustCompile(` ?Required\.`)
	defaultNote  = regexp.MustCompile(` ?Default: (.+?)\.( |$)`)
)

// comment returns the comment of t, or of a field of it, without the Go name
// that it begins with.
func (d *docs) comment(t reflect.Type, field string) string {
	path, name := t.PkgPath()+"."+t.Name(), t.Name()
	if field != "" {
		path, name = path+"."+field, field
	}
	text := strings.Join(strings.Fields(d.reflector.CommentMap[path]), " ")
	text = strings.TrimPrefix(text, goName(name).FindString(text))
	f, _ := t.FieldByName(field)
	if begin, _, _ := strings.Cut(text, ","); slices.Contains(ruleOf(f).enum, begin) {
		return text // as it has to be written
	}
	return strings.ToUpper(text[:1]) + text[1:]
}

// goName matches what a comment can do without.
func goName(name string) *regexp.Regexp {
	return regexp.MustCompile("^" + name + " (is |are )?")
}

// describe returns a property's comment, and apart from it the default.
func (d *docs) describe(p property) (meaning, initial string) {
	meaning = requiredNote.ReplaceAllString(d.comment(p.declared, p.field.Name), "")
	if m := defaultNote.FindStringSubmatch(meaning); m != nil {
		initial = m[1]
		meaning = strings.TrimSpace(defaultNote.ReplaceAllString(meaning, "$2"))
	}
	return meaning, initial
}

func (d *docs) schema(t *testing.T) []byte {
	root := d.reflector.Reflect(Environment{})
	root.ID = schemaID
	root.Title = "tandem environment"
	root.Description = d.comment(reflect.TypeFor[Environment](), "")
	done := map[*jsonschema.Schema]bool{}
	required := map[reflect.Type]bool{} // the types of what a list or map holds
	for _, p := range allProperties() {
		owner := root
		if p.owner != reflect.TypeFor[Environment]() {
			owner = root.Definitions[p.owner.Name()]
			owner.Description = d.comment(p.owner, "")
		}
		s, _ := owner.Properties.Get(p.key)
		if done[s] {
			continue // its type stands elsewhere too
		}
		done[s] = true
		meaning, initial := d.describe(p)
		if s.Description = meaning; initial != "" {
			s.Description += " Default: " + initial + "."
		}
		p.rule.constrain(s, p.typ())
		if below, _ := p.below(); below != p.typ() && below != nil {
			required[below] = true
		}
		if !p.rule.required {
			nullable(s)
		}
	}
	for _, t := range typesFrom(reflect.TypeFor[Environment](), nil)[1:] {
		if !required[t] {
			nullable(root.Definitions[t.Name()])
		}
	}
	text, err := json.MarshalIndent(root, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	text = twoTypes.ReplaceAll(text, []byte(`[$1, "null"]`))
	// The library escapes for HTML.
	return []byte(strings.NewReplacer(`\u003c`, "<", `\u003e`, ">", `\u0026`, "&").Replace(string(text)) + "\n")
}

// twoTypes is what nullable writes, over four lines.
var twoTypes = regexp.MustCompile(`\[\s+("[a-z]+"),\s+"null"\s+\]`)

// nullable makes a schema accept null, which is unset. One that refers to a
// definition leaves it to that.
func nullable(s *jsonschema.Schema) {
	if s.Ref != "" {
		return
	}
	s.Extras, s.Type = map[string]any{"type": []string{s.Type, "null"}}, ""
	if s.Enum != nil {
		s.Enum = append(s.Enum, nil)
	}
}

// constrain says the rule in the terms of JSON Schema.
func (r rule) constrain(s *jsonschema.Schema, t reflect.Type) {
	switch {
	case r.items && t.Kind() == reflect.Slice:
		s.MinItems, s.MaxItems = length(r.low), length(r.high)
	case r.items:
		s.MaxProperties = length(r.high)
	case r.low != "" && t != reflect.TypeFor[Duration]():
		s.Minimum, s.Maximum = json.Number(r.low), json.Number(r.high)
	case r.format != "":
		s.Pattern = formats[r.format].pattern.String()
	}
	for _, allowed := range r.enum {
		s.Enum = append(s.Enum, allowed)
	}
	if t.Kind() == reflect.Map && r.required {
		s.MinProperties = length("1")
	}
	if r.keys != "" {
		s.PropertyNames = &jsonschema.Schema{Pattern: formats[r.keys].pattern.String()}
	}
	if r.each != "" {
		values := s.Items
		if t.Kind() == reflect.Map {
			values = s.AdditionalProperties
		}
		r.element().constrain(values, t.Elem())
		if _, ok := r.element().check(reflect.Zero(t.Elem())); ok {
			nullable(values)
		}
	}
}

func length(s string) *uint64 {
	n := uint64(atoi(s))
	return &n
}

// reference is a section with a table for each type.
func (d *docs) reference() string {
	places := map[reflect.Type][]string{}
	for _, p := range allProperties() {
		if t, path := p.below(); t != nil {
			places[t] = append(places[t], "`"+path+"`")
		}
	}
	var b strings.Builder
	for _, t := range typesFrom(reflect.TypeFor[Environment](), nil) {
		fmt.Fprintf(&b, "\n## %s\n\n", title(t))
		if at := places[t]; at != nil {
			fmt.Fprintf(&b, "At %s.\n\n", strings.Join(at, ", "))
		}
		fmt.Fprintf(&b, "%s\n\n| key | value | default | meaning |\n|---|---|---|---|\n", markdown(d.comment(t, "")))
		for _, p := range properties(t, "") {
			if p.owner != t {
				continue
			}
			meaning, initial := d.describe(p)
			initial = p.literals(initial)
			if p.rule.required {
				initial = "**required**"
			}
			fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", p.key, markdown(p.value()), initial, p.literals(meaning))
		}
	}
	return b.String()
}

// typesFrom adds t and the structs below it that are not known, each behind
// the one that leads to it.
func typesFrom(t reflect.Type, known []reflect.Type) []reflect.Type {
	if slices.Contains(known, t) {
		return known
	}
	known = append(known, t)
	for _, p := range properties(t, "") {
		if below, _ := p.below(); p.owner == t && below != nil {
			known = typesFrom(below, known)
		}
	}
	return known
}

// value says what a property may hold.
func (p property) value() string {
	t, r := p.typ(), p.rule
	switch t.Kind() {
	case reflect.Struct:
		return fmt.Sprintf("[%s](#%s)", title(t), anchor(t))
	case reflect.Map, reflect.Slice:
		values := valueOf(t.Elem(), r.element())
		if t.Elem().Kind() == reflect.Struct {
			values = fmt.Sprintf("[%s](#%s)", title(t.Elem()), anchor(t.Elem()))
		}
		if t.Kind() == reflect.Map {
			return "map to " + values
		}
		size := ""
		if r.items {
			size = fmt.Sprintf(" of %s to %s", r.low, r.high)
		}
		return fmt.Sprintf("list%s: %s", size, values)
	}
	return valueOf(t, r)
}

func valueOf(t reflect.Type, r rule) string {
	if r.enum != nil {
		return "`" + strings.Join(r.enum, "` or `") + "`"
	}
	kind := map[reflect.Kind]string{reflect.Int: "whole number", reflect.Float64: "number", reflect.Bool: "true or false", reflect.String: "text"}[t.Kind()]
	switch {
	case r.format != "":
		return formats[r.format].want
	case t == reflect.TypeFor[Duration]():
		kind = "duration"
	}
	if r.low != "" {
		kind += fmt.Sprintf(", %s to %s", r.low, r.high)
	}
	return kind
}

var capital = regexp.MustCompile(`([a-z0-9]|[A-Z]+)([A-Z][a-z])`)

// title splits a type's name into words: Step policy.
func title(t reflect.Type) string {
	name := capital.ReplaceAllString(t.Name(), "$1 $2")
	first, rest, _ := strings.Cut(name, " ")
	return strings.TrimSpace(first + " " + strings.ToLower(rest))
}

func anchor(t reflect.Type) string {
	return strings.ReplaceAll(strings.ToLower(title(t)), " ", "-")
}

var unsafeMarkdown = strings.NewReplacer("|", `\|`, "<", `\<`, "*", `\*`)

func markdown(s string) string { return unsafeMarkdown.Replace(s) }

// literal matches a default that can be written as it stands.
var literal = regexp.MustCompile(`^(true|false|[^ ]*[0-9/<][^ ]*)$`)

// literals is markdown, and shows as code what can stand in the file.
func (p property) literals(s string) string {
	if literal.MatchString(s) {
		return "`" + s + "`"
	}
	s = markdown(s)
	for _, value := range p.rule.enum {
		s = regexp.MustCompile(`\b`+value+`\b`).ReplaceAllString(s, "`"+value+"`")
	}
	return s
}

// TestReferenceExample reads the examples in the hand-written part.
func TestReferenceExample(t *testing.T) {
	file, err := os.ReadFile(reference)
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?s)```(yaml|text)\n(.*?)```").FindAllStringSubmatch(string(file), -1)
	if len(blocks) != 3 {
		t.Fatalf("%d examples, want the smallest file, one with faults and the faults", len(blocks))
	}
	if _, err := Parse("tandem.yaml", []byte(blocks[0][2])); err != nil {
		t.Errorf("the smallest file: %v", err)
	}
	_, err = Parse("tandem.yaml", []byte(blocks[1][2]))
	if got := fmt.Sprintln(err); got != blocks[2][2] {
		t.Errorf("faults are\n%s\nwant\n%s", got, blocks[2][2])
	}
	if n := strings.Count(blocks[0][2], "\n"); n > 15 {
		t.Errorf("the smallest file has %s lines, want at most 15", strconv.Itoa(n))
	}
}
