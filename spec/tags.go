package spec

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"github.com/tandem-iac/tandem/internal/check"
)

// rule is what a field's tags say.
type rule struct {
	required bool
	enum     []string
	format   string // a key of formats, or empty
	low      string // bounds of range or items, inclusive; empty: none
	high     string
	items    bool // the bounds are a list's length
}

func ruleOf(field reflect.StructField) rule {
	r := rule{required: field.Tag.Get("required") == "true", format: field.Tag.Get("format")}
	if enum := field.Tag.Get("enum"); enum != "" {
		r.enum = strings.Split(enum, ",")
	}
	bounds := field.Tag.Get("range")
	if items := field.Tag.Get("items"); items != "" {
		bounds, r.items = items, true
	}
	r.low, r.high, _ = strings.Cut(bounds, "..")
	return r
}

// check reports what the value breaks; a value is printed only to say so.
func (r rule) check(v reflect.Value) (value, want string, ok bool) {
	switch {
	case r.items:
		if n := v.Len(); n < atoi(r.low) || n > atoi(r.high) {
			return fmt.Sprintf("a list of %d", n), fmt.Sprintf("%s..%s of them", r.low, r.high), false
		}
	case r.low != "":
		if printed, inside := r.inRange(v); !inside {
			return printed, r.low + ".." + r.high, false
		}
	case r.enum != nil:
		for _, allowed := range r.enum {
			if v.String() == allowed {
				return "", "", true
			}
		}
		return strconv.Quote(v.String()), "one of " + strings.Join(r.enum, ", "), false
	case r.format != "":
		if f := formats[r.format]; !f.matches(v.String()) {
			return strconv.Quote(v.String()), f.want, false
		}
	}
	return "", "", true
}

func (r rule) inRange(v reflect.Value) (printed string, inside bool) {
	if d, isDuration := v.Interface().(Duration); isDuration {
		low, _ := ParseDuration(r.low)
		high, _ := ParseDuration(r.high)
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
	checkValue(faults, path, reflect.ValueOf(v), rule{})
}

func checkValue(faults *check.Errors, path string, v reflect.Value, r rule) {
	switch {
	case v.Kind() == reflect.Struct: // its fields tell
	case v.IsZero(), v.Kind() == reflect.Map && v.Len() == 0:
		faults.Require(!r.required, path, "", "it set")
		return
	}
	if v.Kind() == reflect.Pointer {
		v = v.Elem()
	}
	if value, want, ok := r.check(v); !ok {
		faults.Add(path, value, want)
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			field := v.Type().Field(i)
			name, inline := fieldName(field)
			if inline {
				checkValue(faults, path, v.Field(i), rule{})
			} else {
				checkValue(faults, check.Join(path, name), v.Field(i), ruleOf(field))
			}
		}
	case reflect.Slice:
		for i := range v.Len() {
			checkValue(faults, check.Index(path, i), v.Index(i), rule{})
		}
	case reflect.Map:
		for _, key := range v.MapKeys() {
			checkValue(faults, check.Join(path, key.String()), v.MapIndex(key), rule{})
		}
	}
}
