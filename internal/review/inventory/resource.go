package inventory

import (
	"encoding/json"
	"strconv"
	"strings"

	"github.com/tandem-iac/tandem/internal/review/plan"
)

// Resource is a resource at one time.
type Resource struct {
	*plan.Change
	// Values are its attributes then.
	Values map[string]any
	set    *Set
	// Unread says that some of the values are those after, as those before were
	// not read back.
	Unread bool
}

// Get follows a dotted path; of a list of blocks it takes the first.
func (r *Resource) Get(path string) any { return Get(r.Values, path) }

// Get is Resource.Get for a value: a block within a resource.
func Get(v any, path string) any {
	for name := range strings.SplitSeq(path, ".") {
		if list, ok := v.([]any); ok && len(list) > 0 {
			v = list[0]
		}
		switch inner := v.(type) {
		case map[string]any:
			v = inner[name]
		case plan.Unknown, plan.Sensitive:
			return v
		default:
			return nil
		}
	}
	return v
}

// Known says that a value is neither unknown, secret nor an expression.
func Known(v any) bool {
	switch v := v.(type) {
	case plan.Unknown, plan.Sensitive:
		return false
	case string:
		return !strings.Contains(strings.ReplaceAll(v, "$${", ""), "${")
	}
	return true
}

// value is what an attribute holds, or fallback, which is what AWS or the
// provider takes where it is unset. ok is false where it cannot be known.
func (r *Resource) value(path string, fallback any) (v any, ok bool) {
	v = r.Get(path)
	if _, unknown := v.(plan.Unknown); unknown {
		top, _, nested := strings.Cut(path, ".")
		set, known := r.set.plan.Configured(r.Change, top)
		if known && !set && !nested { // the provider will read back the default
			return fallback, true
		}
		return nil, false
	}
	if v == nil {
		return fallback, true
	}
	return v, Known(v)
}

// Text is a string, number or switch as text; fallback is what an unset one
// means. ok is false where it cannot be known.
func (r *Resource) Text(path, fallback string) (text string, ok bool) {
	v, ok := r.value(path, fallback)
	if !ok {
		return "", false
	}
	switch v := v.(type) {
	case string:
		return v, true
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64), true
	case bool:
		return strconv.FormatBool(v), true
	}
	return "", false
}

// Is says that an attribute is known to hold a text.
func (r *Resource) Is(path, want string) bool {
	text, ok := r.Text(path, "")
	return ok && text == want
}

// Number is a number, which may be written as text; fallback and ok are as Text has them.
func (r *Resource) Number(path string, fallback float64) (n float64, ok bool) {
	v, ok := r.value(path, fallback)
	if !ok {
		return 0, false
	}
	return ToNumber(v)
}

// ToNumber is a value as a number. ok is false where it is none.
func ToNumber(v any) (n float64, ok bool) {
	switch v := v.(type) {
	case float64:
		return v, true
	case string:
		f, err := strconv.ParseFloat(v, 64)
		return f, err == nil
	case json.Number:
		f, err := v.Float64()
		return f, err == nil
	}
	return 0, false
}

// Off says that a switch, off by default, is known not to be on.
func (r *Resource) Off(path string) bool {
	text, ok := r.Text(path, "false")
	return ok && text != "true"
}

// Blocks returns the blocks at a path, of which there may be one without a list.
func (r *Resource) Blocks(path string) []map[string]any { return Blocks(r.Get(path)) }

// Blocks are the blocks that a value holds; what is no block is left out.
func Blocks(v any) []map[string]any {
	switch v := v.(type) {
	case map[string]any:
		return []map[string]any{v}
	case []any:
		var list []map[string]any
		for _, inner := range v {
			if block, ok := inner.(map[string]any); ok {
				list = append(list, block)
			}
		}
		return list
	}
	return nil
}

// Named says whether the configuration sets a top-level attribute. Computed
// attributes read back what others did, so that their values say nothing.
func (r *Resource) Named(attribute string) bool {
	if r.set.plan.Kind == plan.KindConfiguration {
		return r.Values[attribute] != nil
	}
	set, _ := r.set.plan.Configured(r.Change, attribute)
	return set
}

// With is the resource with other values: a nested block by itself.
func (r *Resource) With(values map[string]any) *Resource {
	return &Resource{Change: r.Change, Values: values, set: r.set}
}
