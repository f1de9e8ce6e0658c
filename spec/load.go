package spec

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

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
	d := newDecoder()
	d.decodeDocument(body, &env)
	env = env.WithDefaults()

	var broken check.Errors
	if err := env.Validate(); err != nil {
		errors.As(err, &broken)
	}
	faults := d.faults
	for _, f := range broken {
		if !d.failed(f.Path) {
			faults = append(faults, f)
		}
	}
	d.place(name, faults)
	return env, faults.Err()
}

// parse returns the root of the file's one YAML document; nil: it is empty.
func parse(name string, data []byte) (body ast.Node, err error) {
	// The parser panics on some malformed input; to the user that is one more
	// file that does not parse.
	defer func() {
		if r := recover(); r != nil {
			err = syntaxFault(name, 1, 1, fmt.Sprint(r))
		}
	}()
	file, err := parser.ParseBytes(data, 0)
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
	pos := roots[1].GetToken().Position
	return nil, syntaxFault(name, pos.Line, pos.Column, "a second document; one file describes one environment")
}

func syntaxFault(name string, line, column int, message string) error {
	message, _, _ = strings.Cut(message, "\n")
	return check.Errors{{File: name, Line: line, Column: column, Path: "the file", Value: "not valid YAML (" + message + ")", Want: "YAML 1.2"}}
}
