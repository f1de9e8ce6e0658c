package terraform

import "slices"

// items are the elements of a list or set; what is no list is its only one.
func items(v any) []any {
	switch v := v.(type) {
	case nil:
		return nil
	case []any:
		return v
	}
	return []any{v}
}

// find returns the resources of a type that v names, by address where it
// refers to them and by one of their attributes where it is text; others holds
// what it could not find.
func (d *document) find(v any, kind string, attributes ...string) (found []*resource, others []string) {
	for _, item := range items(v) {
		switch item := item.(type) {
		case unknown:
			before := len(found)
			for _, r := range item.from {
				if r.kind == kind && !r.ignored {
					found = append(found, r)
				}
			}
			if len(found) == before {
				others = append(others, item.text)
			}
		case string:
			named := d.byText(item, kind, attributes)
			found = append(found, named...)
			if len(named) == 0 && item != "" {
				others = append(others, clip(item))
			}
		case nil:
		default:
			others = append(others, nameOf(item))
		}
	}
	seen := map[*resource]bool{}
	found = slices.DeleteFunc(found, func(r *resource) bool {
		again := seen[r]
		seen[r] = true
		return again
	})
	return found, others
}

// byText returns the resources of a type one of whose attributes is the text:
// several where they have the same name in different regions.
func (d *document) byText(text, kind string, attributes []string) []*resource {
	var found []*resource
	for _, attribute := range attributes {
		for _, r := range d.textsOf(kind, attribute)[text] {
			if !slices.Contains(found, r) {
				found = append(found, r)
			}
		}
	}
	return found
}

// textsOf indexes resources of a type by an attribute, once: there may be
// thousands.
func (d *document) textsOf(kind, attribute string) map[string][]*resource {
	key := kind + "." + attribute
	index, done := d.texts[key]
	if !done {
		index = map[string][]*resource{}
		for _, r := range d.ofType(kind) {
			if text, ok := r.get(attribute).(string); ok && text != "" {
				index[text] = append(index[text], r)
			}
		}
		d.texts[key] = index
	}
	return index
}

// severalWays tells whether v leads to several resources of a type, of which
// the plan does not tell which.
func severalWays(v any, found []*resource) bool {
	if len(found) < 2 {
		return false
	}
	return slices.ContainsFunc(items(v), func(item any) bool { u, ok := item.(unknown); return ok && u.guessed })
}
