package spec

import (
	"bytes"
	_ "embed"
)

//go:generate env UPDATE_GOLDEN=1 go test -count=1 -run ^TestGenerated$ .

//go:embed schema.json
var schema []byte

// Schema returns the JSON Schema of the YAML file, for editors. It knows every
// rule of a single field, but the ranges of durations; rules between fields
// are Parse's alone.
func Schema() []byte { return bytes.Clone(schema) }
