package spec

import (
	"cmp"
	"fmt"
	"reflect"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"

	"github.com/tandem-iac/tandem/internal/check"
)

// decoder fills an Environment from a YAML tree. Unlike the library's own
// decoder it goes on after a fault, so that a reader sees all of them, and it
// remembers where each path stands, so that later rules can point at it.
type decoder struct {
	faults  check.Errors
	broken  map[string]bool // the paths of faults
	places  map[string]token.Position
	anchors map[string][]*ast.AnchorNode // in the order of the file
	// expanding holds the anchors being decoded: one that holds itself would
	// not end.
	expanding map[*ast.AnchorNode]bool
	// nodes counts what was decoded, an alias as often as it stands for something.
	nodes int
}

// mergeKey is YAML's key for the keys of another map.
const mergeKey = "<<"

// maxNodes bounds what the aliases of a small file can expand to.
const maxNodes = 100_000

// decodeDocument fills env from a file's root, which is a map or nothing.
func decodeDocument(root ast.Node, env *Environment) *decoder {
	d := &decoder{
		broken:    map[string]bool{},
		places:    map[string]token.Position{"": {Line: 1, Column: 1}},
		anchors:   map[string][]*ast.AnchorNode{},
		expanding: map[*ast.AnchorNode]bool{},
	}
	if root != nil {
		ast.Walk(d, root)
		d.decode("", root, reflect.ValueOf(env).Elem(), rule{})
	}
	if d.nodes > maxNodes {
		d.faults = nil
		d.fault(wholeFile, fmt.Sprintf("more than %d values", maxNodes), "fewer, aliases counted as often as they are used")
	}
	return d
}

func (d *decoder) fault(path, value, want string) {
	if path == "" {
		path = wholeFile
	}
	d.broken[path] = true
	d.faults.Add(path, value, want)
}

// parent cuts the last element off a path.
func parent(path string) string { return path[:max(0, strings.LastIndexAny(path, ".["))] }

// failed reports whether path, or something around it, has a fault already. A
// merge key that has one may have brought anything.
func (d *decoder) failed(path string) bool {
	for ; path != ""; path = parent(path) {
		if d.broken[path] || d.broken[check.Join(path, mergeKey)] {
			return true
		}
	}
	return d.broken[wholeFile] || d.broken[mergeKey]
}

// place puts file and position into faults; what is unset stands where the
// nearest thing around it begins.
func (d *decoder) place(file string, faults check.Errors) {
	for _, f := range faults {
		path := f.Path
		pos, ok := d.places[path]
		for !ok {
			path = parent(path)
			pos, ok = d.places[path]
		}
		f.File, f.Line, f.Column = file, pos.Line, pos.Column
	}
}

// wrongType reports a node that is not what a path wants, or cannot be.
func (d *decoder) wrongType(path string, node ast.Node, want string) {
	value := "a " + strings.ToLower(node.Type().String())
	switch n := node.(type) {
	case *ast.MappingNode, *ast.MappingValueNode:
		value = "a map"
	case *ast.SequenceNode:
		value = "a list"
	case *ast.StringNode:
		value = quoteOrEmpty(n.Value)
	case *ast.LiteralNode:
		value = "a block of text"
	case ast.ScalarNode:
		value = n.GetToken().Value
	}
	d.fault(path, value, want)
}

func quoteOrEmpty(s string) string {
	if s == "" {
		return "empty"
	}
	return quote(s)
}

// wantBelow is what has to stand below a key that is written: one that does
// something by being there, or a list that may not be empty. An author who left
// it empty meant more than to leave it out, which null says. Empty: anything.
func wantBelow(t reflect.Type, r rule) string {
	switch {
	case t.Kind() == reflect.Slice && r.items && r.low != "0":
		return r.want()
	case t.Kind() == reflect.Pointer && t.Elem().Kind() == reflect.Struct:
		var required []string
		for _, field := range reflect.VisibleFields(t.Elem()) {
			if name, _ := fieldName(field); ruleOf(field).required {
				required = append(required, name)
			}
		}
		if len(required) == 0 {
			return "a map, {} for its defaults, or no such key"
		}
		return "a map with " + strings.Join(required, ", ") + ", or no such key"
	}
	return ""
}

// decode sets v, an addressable value, to what node holds.
func (d *decoder) decode(path string, node ast.Node, v reflect.Value, r rule) {
	if d.nodes++; node == nil || d.nodes > maxNodes {
		return
	}
	if _, known := d.places[path]; !known {
		d.places[path] = *start(node).Position
	}
	node, leave := d.resolve(path, node)
	defer leave()
	if node == nil {
		return
	}
	if node.Type() == ast.NullType { // null is unset
		if want := wantBelow(v.Type(), r); want != "" && node.GetToken().Type == token.ImplicitNullType {
			d.fault(path, "empty", want)
		}
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		target := reflect.New(v.Type().Elem())
		before := len(d.faults)
		d.decode(path, node, target.Elem(), r)
		if target.Elem().Kind() == reflect.Struct || len(d.faults) == before {
			v.Set(target)
		}
	case reflect.Struct:
		d.decodeStruct(path, node, v)
	case reflect.Map:
		d.decodeMap(path, node, v, r)
	case reflect.Slice:
		d.decodeSlice(path, node, v, r)
	default:
		d.decodeScalar(path, node, v, r)
	}
}

func (d *decoder) decodeStruct(path string, node ast.Node, v reflect.Value) {
	list, ok := d.entries(path, node)
	if !ok {
		return
	}
	fields := map[string]reflect.StructField{}
	for _, field := range reflect.VisibleFields(v.Type()) {
		if name, inline := fieldName(field); !inline {
			fields[name] = field
		}
	}
	for _, e := range list {
		at := check.Join(path, e.key)
		field, known := fields[e.key]
		if _, isScalar := e.node.(ast.ScalarNode); !isScalar || !known {
			d.places[at] = e.place
		}
		if !known {
			d.fault(at, "an unknown key", nearest(e.key, fields))
			continue
		}
		d.decode(at, e.node, v.FieldByIndex(field.Index), ruleOf(field))
	}
}

// nearest suggests the key that was meant, or all there are.
func nearest(key string, fields map[string]reflect.StructField) string {
	names := sortedKeys(fields)
	return cmp.Or(check.Nearest(key, names), "one of "+strings.Join(names, ", "))
}

func (d *decoder) decodeMap(path string, node ast.Node, v reflect.Value, r rule) {
	list, ok := d.entries(path, node)
	if !ok {
		return
	}
	m := reflect.MakeMap(v.Type())
	for _, e := range list {
		at := check.Join(path, e.key)
		value := reflect.New(v.Type().Elem()).Elem()
		d.places[at] = e.place
		d.decode(at, e.node, value, r.element())
		m.SetMapIndex(reflect.ValueOf(e.key), value)
	}
	v.Set(m)
}

func (d *decoder) decodeSlice(path string, node ast.Node, v reflect.Value, r rule) {
	seq, ok := node.(*ast.SequenceNode)
	if !ok {
		d.wrongType(path, node, "a list")
		return
	}
	list := reflect.MakeSlice(v.Type(), len(seq.Values), len(seq.Values))
	for i, item := range seq.Values {
		if text := unquotedText(seq, item); text != "" {
			d.unquoted(check.Index(path, i), text, item, v.Type().Elem())
			continue
		}
		d.decode(check.Index(path, i), item, list.Index(i), r.element())
	}
	v.Set(list)
}

// unquoted reports text, an item of a list that the library took for a map.
func (d *decoder) unquoted(path, text string, item ast.Node, t reflect.Type) {
	d.places[path] = *start(item).Position
	if t.Kind() == reflect.Struct { // with quotes it would be wrong too
		d.fault(path, quote(text), "a map")
		return
	}
	d.fault(path, text+" without quotes", quote(text)+", for within braces a colon makes a map")
}

// decodeScalar also applies the field's rule: a zero that was written is a
// value here, and unset for all that comes after. A value that breaks the rule
// is dropped, so that it takes no part in the rules between fields.
func (d *decoder) decodeScalar(path string, node ast.Node, v reflect.Value, r rule) {
	if want, ok := setScalar(v, node); !ok {
		d.wrongType(path, node, want)
		return
	}
	if value, ok := r.check(v); !ok {
		d.fault(path, value, r.want())
		v.SetZero()
	}
}
