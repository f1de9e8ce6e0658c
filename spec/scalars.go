package spec

import (
	"fmt"
	"math"
	"reflect"

	"github.com/goccy/go-yaml/ast"
)

// setScalar sets v to a node's value, or says what v wants.
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
		if _, isScalar := node.(ast.ScalarNode); isScalar {
			return "a string, in quotes", isString
		}
		return "a string", isString
	case reflect.Bool:
		b, isBool := node.(*ast.BoolNode)
		if isBool {
			v.SetBool(b.Value)
		}
		return "true or false", isBool
	case reflect.Int:
		f, isNumber := numberOf(node)
		if isNumber && f == math.Trunc(f) && math.Abs(f) < 1<<53 {
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
