package report

import (
	"bytes"
	"encoding/json"
	"math"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/invopop/jsonschema"
	validator "github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/tandem-iac/tandem/internal/golden"
	"github.com/tandem-iac/tandem/simulate"
)

// TestSchema keeps schema.json in step with what WriteJSON writes.
func TestSchema(t *testing.T) {
	golden.Equal(t, "schema.json", schemaOf(t))
}

// schemaOf is the JSON Schema of a report. New names may come without a new
// version, so that it takes more than it knows.
func schemaOf(t *testing.T) []byte {
	t.Helper()
	reflector := jsonschema.Reflector{
		ExpandedStruct: true, AllowAdditionalProperties: true,
		Namer:  func(t reflect.Type) string { return strings.TrimSuffix(t.Name(), "JSON") },
		Mapper: mapped,
	}
	root := reflector.Reflect(documentJSON{})
	root.ID = "https://github.com/tandem-iac/tandem/simulate/report/schema.json"
	root.Title = "tandem simulate --json"
	version, _ := root.Properties.Get("version")
	version.Const = Version
	text, err := json.MarshalIndent(root, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return append(text, '\n')
}

// mapped are the types whose JSON is not that of their Go type.
func mapped(t reflect.Type) *jsonschema.Schema {
	switch t {
	case reflect.TypeFor[figures]():
		s := &jsonschema.Schema{Type: "object", Properties: jsonschema.NewProperties()}
		for _, m := range metrics {
			s.Properties.Set(m.Name, &jsonschema.Schema{Type: "number", Description: m.Doc})
			s.Required = append(s.Required, m.Name)
		}
		return s
	case reflect.TypeFor[numbers]():
		return &jsonschema.Schema{Type: "array", Items: &jsonschema.Schema{Extras: map[string]any{"type": []string{"number", "null"}}}}
	case reflect.TypeFor[Grade]():
		return &jsonschema.Schema{Type: "string", Enum: []any{Good, Fair, Poor}}
	case reflect.TypeFor[simulate.Cause]():
		return &jsonschema.Schema{Type: "string", Enum: []any{simulate.ByPolicy, simulate.ByReclaim, simulate.ByRescue, simulate.ByRebalance, simulate.ByNoCapacity}}
	case reflect.TypeFor[simulate.Comparison]():
		return &jsonschema.Schema{Type: "string", Enum: []any{simulate.AtOrAbove, simulate.Above, simulate.Below, simulate.AtOrBelow}}
	}
	return nil
}

// TestSchemaHolds validates a report, and one that a name was taken from.
func TestSchemaHolds(t *testing.T) {
	schema, err := validator.NewCompiler().Compile("schema.json")
	if err != nil {
		t.Fatal(err)
	}
	result := &simulate.Result{
		Groups:     []simulate.GroupSummary{{Name: "g"}},
		Activities: []simulate.Activity{{Group: "g", Cause: simulate.ByReclaim}},
		Series: &simulate.Series{Step: time.Minute, Demand: []float64{1}, Capacity: []float64{0}, Unserved: []float64{1},
			Groups: []simulate.GroupSeries{{Name: "g", Desired: []int32{0}, InService: []int32{0}, Pending: []int32{0}, Spot: []int32{0},
				CPU: numbers{math.NaN()}, SpotPrice: []float64{1}, Alarms: []simulate.AlarmSeries{{Name: "a", Policy: "p", State: []uint8{2}}}}}},
	}
	cluster := simulate.Cluster{Groups: []simulate.Group{{Name: "g", Policies: []simulate.Policy{{Name: "p", Alarms: []simulate.Alarm{{Name: "a", Comparison: simulate.Above}}}}}}}
	var text bytes.Buffer
	if err := New(Run{Name: "g", Result: result, Cluster: cluster}).WriteJSON(&text, true); err != nil {
		t.Fatal(err)
	}
	if err := valid(t, schema, text.String()); err != nil {
		t.Error(err)
	}
	for _, name := range []string{`"over_slo_minutes"`, `"cause": "reclaim"`, `"cpu_percent"`} {
		broken := strings.Replace(text.String(), name, strings.Replace(name, "e", "x", 1), 1)
		if broken == text.String() || valid(t, schema, broken) == nil {
			t.Errorf("a report without %s is valid", name)
		}
	}
}

func valid(t *testing.T, schema *validator.Schema, text string) error {
	t.Helper()
	document, err := validator.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return schema.Validate(document)
}

// TestFiguresDocs finds every figure in docs/simulate.md.
func TestFiguresDocs(t *testing.T) {
	docs, err := os.ReadFile("../../docs/simulate.md")
	if err != nil {
		t.Fatal(err)
	}
	var rows strings.Builder
	for _, m := range metrics {
		rows.WriteString("| `" + m.Name + "` | " + m.Doc + " |\n")
	}
	if !strings.Contains(string(docs), rows.String()) {
		t.Errorf("docs/simulate.md does not hold these lines:\n%s", rows.String())
	}
}
