package terraform

import (
	"slices"
	"strings"

	"github.com/zclconf/go-cty/cty"
)

// origin marks a value that is not known with what it is made of.
type origin struct {
	r    *resource
	text string
}

func toCty(v any) cty.Value {
	switch v := v.(type) {
	case string:
		return cty.StringVal(v)
	case float64:
		return cty.NumberFloatVal(v)
	case bool:
		return cty.BoolVal(v)
	case []any:
		values := make([]cty.Value, len(v))
		for i, item := range v {
			values[i] = toCty(item)
		}
		return cty.TupleVal(values)
	case map[string]any:
		values := make(map[string]cty.Value, len(v))
		for name, item := range v {
			values[name] = toCty(item)
		}
		return cty.ObjectVal(values)
	case unknown:
		value := cty.DynamicVal.Mark(origin{text: v.text})
		for _, r := range v.from {
			value = value.Mark(origin{r: r, text: v.text})
		}
		return value
	}
	return cty.NullVal(cty.DynamicPseudoType)
}

// fromCty is the other way round; text is the expression.
func (s *stack) fromCty(value cty.Value, text string) any {
	value, marks := value.Unmark()
	switch {
	case !value.IsKnown():
		u := unknown{text: text}
		for mark := range marks {
			if o, ok := mark.(origin); ok {
				if u.text == text || o.text < u.text { // the marks have no order
					u.text = o.text
				}
				if o.r != nil {
					u.from = append(u.from, o.r)
				}
			}
		}
		slices.SortFunc(u.from, func(a, b *resource) int { return strings.Compare(a.address, b.address) })
		return u
	case value.IsNull():
		return nil
	case value.Type() == cty.String:
		if len(value.AsString()) > maxTemplate {
			return unknown{text: "a text that is too long"}
		}
		return value.AsString()
	case value.Type() == cty.Number:
		f, _ := value.AsBigFloat().Float64()
		return f
	case value.Type() == cty.Bool:
		return value.True()
	case value.Type().IsObjectType() || value.Type().IsMapType():
		out := map[string]any{}
		for it := value.ElementIterator(); it.Next(); {
			key, item := it.Element()
			out[key.AsString()] = s.fromCty(item, text)
		}
		return out
	case value.CanIterateElements():
		out := []any{}
		for it := value.ElementIterator(); it.Next(); {
			_, item := it.Element()
			out = append(out, s.fromCty(item, text))
		}
		return out
	}
	return unknown{text: text}
}
