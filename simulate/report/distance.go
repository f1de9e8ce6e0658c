package report

import (
	"fmt"
	"math"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/parser"

	"github.com/tandem-iac/tandem/simulate"
)

// Distance tells how far a condition is from being true.
type Distance struct {
	text    string
	measure measure
}

// measure is 0 where a condition is true, and else above 0.
type measure func(values map[string]any) (float64, error)

// NewDistance returns the distance from a condition.
//
// That of a comparison is how far its sides are apart, relative to the right
// one; those of what "and" joins add up, and of what "or" joins the least
// counts. Anything else that is false is at a distance of 1.
func NewDistance(c Condition) (Distance, error) {
	tree, err := parser.Parse(c.text)
	if err != nil {
		return Distance{}, fmt.Errorf("%q: %w", c.text, err)
	}
	m, err := measureOf(tree.Node)
	if err != nil {
		return Distance{}, fmt.Errorf("%q: %w", c.text, err)
	}
	return Distance{text: c.text, measure: m}, nil
}

// Of returns the distance in a run: 0 where the condition is true of it.
func (d Distance) Of(s simulate.Summary) (float64, error) {
	distance, err := d.measure(environment(s))
	if err != nil {
		return 0, fmt.Errorf("%q: %w", d.text, err)
	}
	return distance, nil
}

func measureOf(node ast.Node) (measure, error) {
	both, is := node.(*ast.BinaryNode)
	if !is {
		return truth(node)
	}
	switch both.Operator {
	case "and", "&&":
		return joined(both, func(a, b float64) float64 { return a + b })
	case "or", "||":
		return joined(both, func(a, b float64) float64 { return min(a, b) })
	case "<", "<=", ">", ">=", "==":
		return compared(both)
	}
	return truth(node)
}

func joined(both *ast.BinaryNode, join func(a, b float64) float64) (measure, error) {
	left, err := measureOf(both.Left)
	if err != nil {
		return nil, err
	}
	right, err := measureOf(both.Right)
	if err != nil {
		return nil, err
	}
	return func(values map[string]any) (float64, error) {
		a, err := left(values)
		if err != nil {
			return 0, err
		}
		b, err := right(values)
		return join(a, b), err
	}, nil
}

// least is the distance of sides that are equal and should not be.
const least = 1e-9

// compared measures a comparison of numbers; any other is true or not.
func compared(both *ast.BinaryNode) (measure, error) {
	holds, err := truth(both)
	if err != nil {
		return nil, err
	}
	left, err := expr.Compile(both.Left.String(), expr.Env(environment(simulate.Summary{})), expr.AsFloat64())
	if err != nil {
		return holds, nil //nolint:nilerr // no number: told apart by holds
	}
	right, err := expr.Compile(both.Right.String(), expr.Env(environment(simulate.Summary{})), expr.AsFloat64())
	if err != nil {
		return holds, nil //nolint:nilerr // as above
	}
	return func(values map[string]any) (float64, error) {
		if d, err := holds(values); d == 0 || err != nil {
			return d, err
		}
		a, err := expr.Run(left, values)
		if err != nil {
			return 0, err
		}
		b, err := expr.Run(right, values)
		if err != nil {
			return 0, err
		}
		x, y := a.(float64), b.(float64)
		return max(least, math.Abs(x-y)/(1+math.Abs(y))), nil
	}, nil
}

// truth is 0 where an expression is true, else 1.
func truth(node ast.Node) (measure, error) {
	program, err := expr.Compile(node.String(), expr.Env(environment(simulate.Summary{})), expr.AsBool())
	if err != nil {
		return nil, err
	}
	return func(values map[string]any) (float64, error) {
		is, err := expr.Run(program, values)
		if err != nil {
			return 0, err
		}
		if is.(bool) {
			return 0, nil
		}
		return 1, nil
	}, nil
}
