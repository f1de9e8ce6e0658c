package spec

import (
	"fmt"
	"math"
	"reflect"
	"sort"
	"strings"

	"github.com/agext/levenshtein"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"

	"github.com/tandem-iac/tandem/internal/check"
)

// decoder fills an Environment from a YAML tree. Unlike the library's own
// decoder it goes on after a fault, so that a reader sees all of them, and it
// remembers where each path stands, so that later rules can point at it.
type decoder struct {
	faults  check.Errors
	places  map[string]token.Position
	anchors map[string]ast.Node
	// expanding holds the aliases being followed: an anchor that holds itself
	// would not end.
	expanding map[string]bool
}

func newDecoder() *decoder {
	return &decoder{
		places:    map[string]token.Position{},
		anchors:   map[string]ast.Node{},
		expanding: map[string]bool{},
	}
}

func (d *decoder) decodeDocument(body ast.Node, env *Environment) {
	d.places[""] = token.Position{Line: 1, Column: 1}
	if body != nil {
		d.decode("", body, reflect.ValueOf(env).Elem(), rule{})
	}
}

// failed reports whether path, or something around it, has a fault already.
func (d *decoder) failed(path string) bool {
	for _, f := range d.faults {
		if rest, ok := strings.CutPrefix(path, f.Path); ok && (rest == "" || rest[0] == '.' || rest[0] == '[') {
			return true
		}
	}
	return false
}

// place puts file and position into faults; what is unset stands where the
// nearest thing around it begins.
func (d *decoder) place(file string, faults check.Errors) {
	for _, f := range faults {
		path := f.Path
		pos, ok := d.places[path]
		for !ok {
			path = path[:max(0, strings.LastIndexAny(path, ".["))]
			pos, ok = d.places[path]
		}
		f.File, f.Line, f.Column = file, pos.Line, pos.Column
	}
}

func (d *decoder) wrongType(path string, node ast.Node, want string) {
	value := "a " + strings.ToLower(node.Type().String())
	switch n := node.(type) {
	case *ast.MappingNode, *ast.MappingValueNode:
		value = "a map"
	case *ast.SequenceNode:
		value = "a list"
	case *ast.StringNode:
		value = quoteOrEmpty(n.Value)
	case ast.ScalarNode:
		value = n.GetToken().Value
	}
	d.faults.Add(path, value, want)
}

func quoteOrEmpty(s string) string {
	if s == "" {
		return "empty"
	}
	return quote(s)
}

// decode sets v, an addressable value, to what node holds.
func (d *decoder) decode(path string, node ast.Node, v reflect.Value, r rule) {
	if node == nil {
		return
	}
	if tok := node.GetToken(); tok != nil {
		if _, known := d.places[path]; !known {
			d.places[path] = *tok.Position
		}
	}
	node, leave := d.resolve(path, node)
	defer leave()
	if node == nil || node.Type() == ast.NullType {
		return // null is unset
	}
	if v.Kind() == reflect.Pointer {
		target := reflect.New(v.Type().Elem())
		d.decode(path, node, target.Elem(), r)
		v.Set(target)
		return
	}
	if _, isDuration := v.Interface().(Duration); isDuration {
		d.decodeScalar(path, node, v, r)
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		d.decodeStruct(path, node, v)
	case reflect.Map:
		d.decodeMap(path, node, v)
	case reflect.Slice:
		d.decodeSlice(path, node, v)
	default:
		d.decodeScalar(path, node, v, r)
	}
}

// resolve strips tags and anchors and follows aliases; leave ends what
// following an alias began.
func (d *decoder) resolve(path string, node ast.Node) (resolved ast.Node, leave func()) {
	leave = func() {}
	for {
		switch n := node.(type) {
		case *ast.AnchorNode:
			d.anchors[n.Name.String()] = n.Value
			node = n.Value
		case *ast.TagNode:
			node = n.Value
		case *ast.AliasNode:
			name := n.Value.String()
			target, known := d.anchors[name]
			if !known || d.expanding[name] {
				d.faults.Add(path, "*"+name, "an anchor defined before it")
				return nil, leave
			}
			d.expanding[name] = true
			outer := leave
			leave = func() { delete(d.expanding, name); outer() }
			node = target
		default:
			return node, leave
		}
	}
}

// entry is a key of a map with what it holds.
type entry struct {
	key   string
	node  ast.Node
	place token.Position
}

// entries lists a map's keys in order, those of merge keys last, as a key
// beside a merge key wins over it.
func (d *decoder) entries(path string, node ast.Node) (list []entry, ok bool) {
	var values []*ast.MappingValueNode
	switch n := node.(type) {
	case *ast.MappingNode:
		values = n.Values
	case *ast.MappingValueNode:
		values = []*ast.MappingValueNode{n}
	default:
		d.wrongType(path, node, "a map")
		return nil, false
	}
	seen := map[string]bool{}
	var merged []entry
	for _, value := range values {
		if value.Key.IsMergeKey() {
			target, leave := d.resolve(path, value.Value)
			if target != nil {
				more, _ := d.entries(path, target)
				merged = append(merged, more...)
			}
			leave()
			continue
		}
		tok := value.Key.GetToken()
		key := tok.Value
		if seen[key] {
			d.places[check.Join(path, key)] = *tok.Position
			d.faults.Add(check.Join(path, key), "a repeated key", "each key once")
			continue
		}
		seen[key] = true
		list = append(list, entry{key, value.Value, *tok.Position})
	}
	for _, e := range merged {
		if !seen[e.key] {
			seen[e.key] = true
			list = append(list, e)
		}
	}
	return list, true
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
		if !known {
			d.places[at] = e.place
			d.faults.Add(at, "an unknown key", nearest(e.key, fields))
			continue
		}
		d.decode(at, e.node, v.FieldByIndex(field.Index), ruleOf(field))
	}
}

// nearest suggests the key that was meant, or all there are.
func nearest(key string, fields map[string]reflect.StructField) string {
	names := sortedKeys(fields)
	sort.SliceStable(names, func(i, j int) bool {
		return levenshtein.Distance(key, names[i], nil) < levenshtein.Distance(key, names[j], nil)
	})
	if best := names[0]; levenshtein.Similarity(key, best, nil) >= 0.5 {
		return best
	}
	return "one of " + strings.Join(sortedKeys(fields), ", ")
}

func (d *decoder) decodeMap(path string, node ast.Node, v reflect.Value) {
	list, ok := d.entries(path, node)
	if !ok {
		return
	}
	m := reflect.MakeMap(v.Type())
	for _, e := range list {
		at := check.Join(path, e.key)
		value := reflect.New(v.Type().Elem()).Elem()
		d.places[at] = e.place
		d.decode(at, e.node, value, rule{})
		m.SetMapIndex(reflect.ValueOf(e.key), value)
	}
	v.Set(m)
}

func (d *decoder) decodeSlice(path string, node ast.Node, v reflect.Value) {
	seq, ok := node.(*ast.SequenceNode)
	if !ok {
		d.wrongType(path, node, "a list")
		return
	}
	list := reflect.MakeSlice(v.Type(), len(seq.Values), len(seq.Values))
	for i, item := range seq.Values {
		d.decode(check.Index(path, i), item, list.Index(i), rule{})
	}
	v.Set(list)
}

// decodeScalar also applies the field's rule: a zero that was written is a
// value here, and unset for all that comes after.
func (d *decoder) decodeScalar(path string, node ast.Node, v reflect.Value, r rule) {
	if want, ok := setScalar(v, node); !ok {
		d.wrongType(path, node, want)
		return
	}
	if value, want, ok := r.check(v); !ok {
		d.faults.Add(path, value, want)
	}
}

func setScalar(v reflect.Value, node ast.Node) (want string, ok bool) {
	if _, isDuration := v.Interface().(Duration); isDuration {
		text, isString := stringOf(node)
		parsed, valid := ParseDuration(text)
		if !isString || !valid {
			return "a duration of whole seconds such as 90s or 5m", false
		}
		v.SetInt(int64(parsed))
		return "", true
	}
	switch v.Kind() {
	case reflect.String:
		text, isString := stringOf(node)
		v.SetString(text)
		return "a string (quote what looks like something else)", isString
	case reflect.Bool:
		b, isBool := node.(*ast.BoolNode)
		if isBool {
			v.SetBool(b.Value)
		}
		return "true or false", isBool
	case reflect.Int:
		f, isNumber := numberOf(node)
		if isNumber && f == math.Trunc(f) && math.Abs(f) < 1<<31 {
			v.SetInt(int64(f))
			return "", true
		}
		return "a whole number", false
	case reflect.Float64:
		f, isNumber := numberOf(node)
		v.SetFloat(f)
		return "a number", isNumber
	}
	panic(fmt.Sprintf("spec: no YAML for %s", v.Type()))
}

func stringOf(node ast.Node) (string, bool) {
	switch n := node.(type) {
	case *ast.StringNode:
		return n.Value, true
	case *ast.LiteralNode:
		return n.Value.Value, true
	}
	return "", false
}

func numberOf(node ast.Node) (float64, bool) {
	switch n := node.(type) {
	case *ast.FloatNode:
		return n.Value, true
	case *ast.IntegerNode:
		switch i := n.Value.(type) {
		case int64:
			return float64(i), true
		case uint64:
			return float64(i), true
		}
	}
	return 0, false
}
