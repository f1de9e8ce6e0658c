package spec

import (
	"reflect"

	"github.com/tandem-iac/tandem/internal/check"
)

// property is a key of the YAML file.
type property struct {
	owner    reflect.Type // the struct that holds it
	declared reflect.Type // the owner, or what is embedded there and declares it
	field    reflect.StructField
	key      string
	path     string // with <name> for the key of a map and [i] for an index
	rule     rule
}

// typ is the property's type, no pointer.
func (p property) typ() reflect.Type {
	if p.field.Type.Kind() == reflect.Pointer {
		return p.field.Type.Elem()
	}
	return p.field.Type
}

// below returns the struct that the property leads to, and where: itself, or
// the values of its list or map. Nil: there is none.
func (p property) below() (t reflect.Type, path string) {
	t, path = p.typ(), p.path
	switch t.Kind() {
	case reflect.Map:
		t, path = t.Elem(), check.Join(path, "<name>")
	case reflect.Slice:
		t, path = t.Elem(), path+"[i]"
	}
	if t.Kind() != reflect.Struct {
		return nil, ""
	}
	return t, path
}

// properties lists the keys of a struct in order, and then those of the structs below.
func properties(t reflect.Type, path string) (all []property) {
	for _, field := range reflect.VisibleFields(t) {
		key, inline := fieldName(field)
		if inline {
			continue
		}
		declared := t
		for _, i := range field.Index[:len(field.Index)-1] {
			declared = declared.Field(i).Type
		}
		all = append(all, property{t, declared, field, key, check.Join(path, key), ruleOf(field)})
	}
	for _, p := range all {
		if t, path := p.below(); t != nil {
			all = append(all, properties(t, path)...)
		}
	}
	return all
}

func allProperties() []property { return properties(reflect.TypeFor[Environment](), "") }
