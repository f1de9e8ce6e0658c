package spec

import (
	"regexp/syntax"
	"slices"
	"testing"
)

// TestFormatsOfUserData proves that nothing that user data quotes can end a
// quotation or a line in shell, or begin a template's expression: ' and a line
// feed stand in none of these formats, nor does the brace of ${ and %{.
func TestFormatsOfUserData(t *testing.T) {
	for _, name := range []string{"account", "bucket", "environment", "key", "name", "path", "region", "sha256"} {
		f, known := formats[name]
		if !known {
			t.Errorf("there is no format %s", name)
			continue
		}
		parsed, err := syntax.Parse(f.pattern.String(), syntax.Perl)
		if err != nil {
			t.Fatal(err)
		}
		if !anchored(parsed) {
			t.Errorf("%s matches a part of a value", name)
		}
		for _, r := range "'\n{" {
			if admits(parsed, r) {
				t.Errorf("%s admits %q", name, r)
			}
		}
	}
	// The test itself can tell.
	if parsed, _ := syntax.Parse(formats["ami_name"].pattern.String(), syntax.Perl); !admits(parsed, '\'') {
		t.Error("ami_name is not seen to admit a quote")
	}
}

// anchored reports whether an expression matches whole texts only.
func anchored(re *syntax.Regexp) bool {
	last := len(re.Sub) - 1
	return re.Op == syntax.OpConcat && re.Sub[0].Op == syntax.OpBeginText && re.Sub[last].Op == syntax.OpEndText
}

// admits reports whether r can stand somewhere in what an expression matches.
func admits(re *syntax.Regexp, r rune) bool {
	switch re.Op {
	case syntax.OpAnyChar:
		return true
	case syntax.OpAnyCharNotNL:
		return r != '\n'
	case syntax.OpLiteral:
		return slices.Contains(re.Rune, r)
	case syntax.OpCharClass:
		for i := 0; i < len(re.Rune); i += 2 {
			if re.Rune[i] <= r && r <= re.Rune[i+1] {
				return true
			}
		}
	}
	return slices.ContainsFunc(re.Sub, func(sub *syntax.Regexp) bool { return admits(sub, r) })
}
