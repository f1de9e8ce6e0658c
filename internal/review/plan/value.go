package plan

import (
	"encoding/binary"
	"encoding/json"
	"hash/maphash"
	"io"
	"maps"
	"math"
	"slices"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
)

// decoder builds values from tokens and keeps one copy of strings that recur.
type decoder struct {
	*jsontext.Decoder
	seen [8192]string
	seed maphash.Seed
}

func newDecoder(r io.Reader, seed maphash.Seed) *decoder {
	return &decoder{Decoder: jsontext.NewDecoder(r, jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)), seed: seed}
}

// value reads the next value: nil, bool, float64, json.Number where a float64
// is not exact, string, []any or map[string]any. Maps leave out what is null,
// "" or empty.
func (d *decoder) value() (any, error) {
	switch d.PeekKind() {
	case '{':
		return d.object()
	case '[':
		return d.array()
	case '"':
		return d.text()
	}
	token, err := d.ReadToken()
	if err != nil {
		return nil, err
	}
	switch token.Kind() {
	case 't', 'f':
		return token.Bool(), nil
	case '0':
		return number(token.String()), nil
	}
	return nil, nil
}

// number keeps digits that a float64 would lose, so that no change hides there.
func number(text string) any {
	const exact = 15 // decimal digits that survive a float64
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || len(text) > exact && strconv.FormatFloat(f, 'f', -1, 64) != text {
		return json.Number(text)
	}
	return f
}

func (d *decoder) object() (any, error) {
	m := map[string]any{}
	err := d.eachField(func(name string) error {
		v, err := d.value()
		if err == nil && !empty(v) {
			m[name] = v
		}
		return err
	})
	return m, err
}

func (d *decoder) array() (any, error) {
	if _, err := d.ReadToken(); err != nil {
		return nil, err
	}
	var list []any
	for d.PeekKind() != ']' {
		v, err := d.value()
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	_, err := d.ReadToken()
	return list, err
}

// eachField reads an object and has visit read each field's value.
func (d *decoder) eachField(visit func(name string) error) error {
	if _, err := d.ReadToken(); err != nil {
		return err
	}
	for d.PeekKind() != '}' {
		name, err := d.text()
		if err != nil {
			return err
		}
		if err := visit(name); err != nil {
			return err
		}
	}
	_, err := d.ReadToken()
	return err
}

// text reads a string.
func (d *decoder) text() (string, error) {
	raw, err := d.ReadValue()
	if err != nil {
		return "", err
	}
	const short = 96
	if len(raw) > short {
		return unquote(raw)
	}
	slot := &d.seen[maphash.Bytes(d.seed, raw)%uint64(len(d.seen))]
	if len(*slot) == len(raw)-2 && *slot == string(raw[1:len(raw)-1]) {
		return *slot, nil
	}
	text, err := unquote(raw)
	if err == nil && len(text) == len(raw)-2 { // or else an escape made it shorter
		*slot = text
	}
	return text, err
}

func unquote(raw jsontext.Value) (string, error) {
	text, err := jsontext.AppendUnquote(nil, []byte(raw))
	return string(text), err
}

// empty is what providers do not tell from an attribute that is not set.
func empty(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case string:
		return v == ""
	case []any:
		return len(v) == 0
	case map[string]any:
		return len(v) == 0
	}
	return false
}

// mark puts what marks has true at into values: unknown values are not there
// at all in a plan, sensitive ones are.
func mark(values, marks any, put func(any) any) any {
	switch m := marks.(type) {
	case bool:
		if m {
			return put(values)
		}
	case map[string]any:
		into, ok := values.(map[string]any)
		if !ok && values == nil {
			into, ok = map[string]any{}, true
		}
		if !ok {
			return values
		}
		for name, inner := range m {
			if v := mark(into[name], inner, put); !empty(v) {
				into[name] = v
			}
		}
		if len(into) == 0 {
			return nil
		}
		return into
	case []any:
		into, ok := values.([]any)
		if !ok && values != nil {
			return values
		}
		for i, inner := range m {
			if i < len(into) {
				into[i] = mark(into[i], inner, put)
			} else if v := mark(nil, inner, put); !empty(v) {
				into = append(into, v)
			}
		}
		return into
	}
	return values
}

func unknown(any) any { return Unknown{} }

// hide returns what replaces a sensitive value. Nothing to hide stays so.
func hide(seed maphash.Seed) func(any) any {
	return func(v any) any {
		switch v.(type) {
		case Unknown, Sensitive:
			return v
		}
		if empty(v) {
			return v
		}
		var h maphash.Hash
		h.SetSeed(seed)
		digest(&h, v)
		return Sensitive{h.Sum64()}
	}
}

// digest feeds a value to a hash, its kind before it. A maphash takes all writes.
func digest(h *maphash.Hash, v any) {
	switch v := v.(type) {
	case map[string]any:
		_ = h.WriteByte('{')
		for _, name := range slices.Sorted(maps.Keys(v)) {
			digest(h, name)
			digest(h, v[name])
		}
		_ = h.WriteByte('}')
	case []any:
		_ = h.WriteByte('[')
		for _, inner := range v {
			digest(h, inner)
		}
		_ = h.WriteByte(']')
	case string:
		_, _ = h.WriteString("\"" + strconv.Itoa(len(v)) + ":" + v)
	case json.Number:
		_, _ = h.WriteString("#" + v.String())
	case float64:
		_ = h.WriteByte('0')
		_ = binary.Write(h, binary.LittleEndian, math.Float64bits(v))
	case bool:
		_, _ = h.WriteString(strconv.FormatBool(v))
	case Sensitive:
		_ = binary.Write(h, binary.LittleEndian, v.sum)
	}
}
