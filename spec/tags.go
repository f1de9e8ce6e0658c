package spec

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tandem-iac/tandem/internal/check"
)

// rule is what a field's tags say.
type rule struct {
	required bool
	enum     []string
	format   string // a key of formats, or empty
	low      string // bounds of range or items, inclusive; empty: none
	high     string
	items    bool   // the bounds are a length
	keys     string // the format of a map's keys
	each     string // the format or range of a list's or map's values
	why      string // the reason, where the rule alone would puzzle
}

func ruleOf(field reflect.StructField) rule {
	tag := field.Tag.Get
	r := rule{
		required: tag("required") == "true",
		format:   tag("format"),
		keys:     tag("keys"),
		each:     tag("each"),
		why:      tag("why"),
	}
	if enum := tag("enum"); enum != "" {
		r.enum = strings.Split(enum, ",")
	}
	bounds := tag("range")
	if items := tag("items"); items != "" {
		bounds, r.items = items, true
	}
	r.low, r.high, _ = strings.Cut(bounds, "..")
	return r
}

// element is the rule of each value of a list or map.
func (r rule) element() rule {
	if low, high, isRange := strings.Cut(r.each, ".."); isRange {
		return rule{low: low, high: high}
	}
	return rule{format: r.each}
}

// want says the rule in words.
func (r rule) want() string {
	want := ""
	switch {
	case r.items && r.low == "0":
		want = "at most " + r.high + " entries"
	case r.items:
		want = r.low + " to " + r.high + " entries"
	case r.low != "":
		want = r.low + ".." + r.high
	case r.enum != nil:
		want = "one of " + strings.Join(r.enum, ", ")
	case r.format != "":
		want = formats[r.format].want
	default:
		want = "at least one entry"
	}
	if r.why != "" {
		want += ": " + r.why
	}
	return want
}

// check reports a value that breaks the rule, printed.
func (r rule) check(v reflect.Value) (value string, ok bool) {
	switch {
	case r.items:
		n := v.Len()
		return fmt.Sprintf("a %s of %d", nameOf(v.Kind()), n), n >= atoi(r.low) && n <= atoi(r.high)
	case r.low != "":
		return r.inRange(v)
	case r.enum != nil:
		return quoted(v.String()), slices.Contains(r.enum, v.String())
	case r.format != "":
		return quoted(v.String()), formats[r.format].matches(v.String())
	}
	return "", true
}

func nameOf(kind reflect.Kind) string {
	if kind == reflect.Map {
		return "map"
	}
	return "list"
}

func (r rule) inRange(v reflect.Value) (printed string, inside bool) {
	if d, isDuration := v.Interface().(Duration); isDuration {
		low, _ := ParseDuration(r.low)
		high, _ := ParseDuration(r.high)
		if d%Duration(time.Second) != 0 {
			return d.String() + ", not whole seconds", false
		}
		return d.String(), d >= low && d <= high
	}
	f := 0.0
	if v.CanInt() {
		f = float64(v.Int())
	} else {
		f = v.Float()
	}
	low, _ := strconv.ParseFloat(r.low, 64)
	high, _ := strconv.ParseFloat(r.high, 64)
	return number(f), f >= low && f <= high
}

func atoi(s string) int {
	n, _ := strconv.Atoi(s)
	return n
}

// fieldName is a field's key in YAML; inline says that an embedded struct's
// fields stand beside it.
func fieldName(field reflect.StructField) (name string, inline bool) {
	name, options, _ := strings.Cut(field.Tag.Get("yaml"), ",")
	return name, options == "inline"
}

// checkTags applies the tags of a struct and of all that it holds. A zero
// value is unset and breaks no rule but required.
func checkTags(faults *check.Errors, path string, v any) {
	checkStruct(faults, path, reflect.ValueOf(v))
}

func checkStruct(faults *check.Errors, path string, v reflect.Value) {
	for i := range v.NumField() {
		field := v.Type().Field(i)
		name, inline := fieldName(field)
		if inline {
			checkStruct(faults, path, v.Field(i))
		} else {
			checkField(faults, check.Join(path, name), v.Field(i), ruleOf(field))
		}
	}
}

func checkField(faults *check.Errors, path string, v reflect.Value, r rule) {
	switch {
	case v.Kind() == reflect.Struct: // its fields tell
		checkStruct(faults, path, v)
	case v.IsZero():
		faults.Require(!r.required, path, "", r.want())
	case v.Kind() == reflect.Map && v.Len() == 0:
		faults.Require(!r.required, path, "empty", r.want())
	default:
		checkValue(faults, path, v, r)
	}
}

func checkValue(faults *check.Errors, path string, v reflect.Value, r rule) {
	if v.Kind() == reflect.Pointer {
		v = v.Elem()
	}
	if value, ok := r.check(v); !ok {
		faults.Add(path, value, r.want())
	}
	switch v.Kind() {
	case reflect.Struct:
		checkStruct(faults, path, v)
	case reflect.Slice:
		for i := range v.Len() {
			checkValue(faults, check.Index(path, i), v.Index(i), r.element())
		}
	case reflect.Map:
		for _, key := range v.MapKeys() {
			at := check.Join(path, key.String())
			if f, named := formats[r.keys]; named && !f.matches(key.String()) {
				faults.Add(at, quoted(key.String()), f.want)
			}
			checkValue(faults, at, v.MapIndex(key), r.element())
		}
	}
}
