package spec

import (
	"bytes"
	_ "embed"
)

//go:generate env UPDATE_GOLDEN=1 go test -count=1 -run ^TestGenerated$ .

//go:embed schema.json
var schema []byte

// Schema returns the JSON Schema of the YAML file, for editors. It knows what
// a type, a number's range or a pattern can say of a single field. Ranges of
// durations and rules between fields are Parse's alone.
func Schema() []byte { return bytes.Clone(schema) }
