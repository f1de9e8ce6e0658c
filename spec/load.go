package spec

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"

	"github.com/tandem-iac/tandem/internal/check"
)

// Load reads the environment described by a YAML file, with every default
// filled in. If the file breaks any rule it returns all faults as one
// check.Errors, each with its place in the file; other errors are those of
// reading it.
func Load(path string) (Environment, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return Environment{}, err
	}
	return Parse(path, data)
}

// Parse is Load of a file that has been read; name is printed with faults.
func Parse(name string, data []byte) (Environment, error) {
	body, err := parse(name, data)
	if err != nil {
		return Environment{}, err
	}
	var env Environment
	d := decodeDocument(body, &env)
	env = env.WithDefaults()

	faults := append(d.faults, env.faults(d.failed)...)
	d.place(name, faults)
	return env, faults.Err()
}

const (
	// wholeFile is the path of a fault that no field has.
	wholeFile = "the file"
	// maxSize and maxDepth are far above what an environment needs, and keep
	// the parser, quadratic in both, from running for minutes.
	maxSize, maxDepth = 1 << 20, 100
)

// parse returns the root of the file's one YAML document; nil: it is empty.
func parse(name string, data []byte) (body ast.Node, err error) {
	// The parser panics on some malformed input; to the user that is one more
	// file that does not parse.
	defer func() {
		if r := recover(); r != nil {
			err = syntaxFault(name, 1, 1, fmt.Sprint(r))
		}
	}()
	if len(data) > maxSize {
		return nil, wholeFault(name, 1, 1, fmt.Sprintf("%d bytes", len(data)), fmt.Sprintf("at most %d", maxSize))
	}
	if at, valid := notUTF8(data); !valid {
		return nil, wholeFault(name, at.Line, at.Column, "no text in UTF-8", "YAML 1.2 in UTF-8")
	}
	tokens := lexer.Tokenize(strings.TrimPrefix(string(data), "\ufeff")) // as Windows editors begin a file
	if deep := tooDeep(tokens); deep != nil {
		return nil, wholeFault(name, deep.Line, deep.Column, fmt.Sprintf("more than %d levels deep", maxDepth), "fewer")
	}
	file, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		var at yaml.Error
		if errors.As(err, &at) && at.GetToken() != nil {
			pos := at.GetToken().Position
			return nil, syntaxFault(name, pos.Line, pos.Column, at.GetMessage())
		}
		return nil, syntaxFault(name, 1, 1, err.Error())
	}
	var roots []ast.Node
	for _, doc := range file.Docs {
		if doc.Body != nil {
			roots = append(roots, doc.Body)
		}
	}
	switch len(roots) {
	case 0:
		return nil, nil
	case 1:
		return roots[0], nil
	}
	pos := start(roots[1]).Position
	return nil, wholeFault(name, pos.Line, pos.Column, "two documents", "one: a file describes one environment")
}

// notUTF8 is the place of the first byte that is no text, such as those of UTF-16.
func notUTF8(data []byte) (at token.Position, valid bool) {
	at = token.Position{Line: 1, Column: 1}
	for len(data) > 0 {
		r, size := utf8.DecodeRune(data)
		switch {
		case r == utf8.RuneError && size == 1:
			return at, false
		case r == '\n':
			at.Line, at.Column = at.Line+1, 1
		default:
			at.Column++
		}
		data = data[size:]
	}
	return at, true
}

// tooDeep returns the place where brackets and list dashes, the only nesting
// that costs no indentation, go deeper than maxDepth, or nil.
func tooDeep(tokens token.Tokens) *token.Position {
	brackets, dashes, line := 0, 0, 0
	for _, tok := range tokens {
		if tok.Position.Line != line {
			dashes, line = 0, tok.Position.Line
		}
		switch tok.Type {
		case token.SequenceStartType, token.MappingStartType:
			brackets++
		case token.SequenceEndType, token.MappingEndType:
			brackets--
		case token.SequenceEntryType:
			dashes++
		}
		if brackets+dashes > maxDepth {
			return tok.Position
		}
	}
	return nil
}

func syntaxFault(name string, line, column int, message string) error {
	message, _, _ = strings.Cut(message, "\n")
	return wholeFault(name, line, column, "not valid YAML ("+message+")", "YAML 1.2")
}

func wholeFault(name string, line, column int, value, want string) error {
	return check.Errors{{File: name, Line: max(1, line), Column: max(1, column), Path: wholeFile, Value: value, Want: want}}
}
