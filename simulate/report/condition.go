package report

import (
	"fmt"
	"strings"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/vm"

	"github.com/tandem-iac/tandem/internal/check"
	"github.com/tandem-iac/tandem/simulate"
)

// Condition is an expression over metrics, such as
//
//	over_slo_minutes > 10 || saving_percent < 50
type Condition struct {
	text    string
	program *vm.Program
}

// ParseCondition reads a condition in the language of
// https://expr-lang.org/docs/language-definition, with the names of Metrics.
// An unknown name and a condition that is neither true nor false are errors.
func ParseCondition(text string) (Condition, error) {
	program, err := expr.Compile(text, expr.Env(environment(simulate.Summary{})), expr.AsBool())
	if err != nil {
		return Condition{}, fmt.Errorf("%q is no condition: %s", text, explain(err))
	}
	return Condition{text: text, program: program}, nil
}

// Holds tells whether the condition is true of the report's last run.
func (c Condition) Holds(r Report) (bool, error) {
	is, err := expr.Run(c.program, environment(r.runs[len(r.runs)-1].Result.Summary))
	if err != nil {
		return false, fmt.Errorf("%q: %w", c.text, err)
	}
	return is.(bool), nil
}

// String returns the condition as it was written.
func (c Condition) String() string { return c.text }

func environment(s simulate.Summary) map[string]any {
	values := make(map[string]any, len(metrics))
	for _, m := range metrics {
		values[m.Name] = m.value(s)
	}
	return values
}

// explain is the first line of what the compiler says, with the metric that
// may have been meant.
func explain(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	if _, name, unknown := strings.Cut(line, "unknown name "); unknown {
		name, _, _ = strings.Cut(name, " ")
		names := make([]string, len(metrics))
		for n, m := range metrics {
			names[n] = m.Name
		}
		return fmt.Sprintf("there is no %s: %s", name, check.Suggest(name, names))
	}
	return line
}
