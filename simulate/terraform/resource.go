package terraform

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// resource is one instance of a managed resource.
type resource struct {
	address string // absolute, with its index
	kind    string // aws_autoscaling_group
	name    string
	index   any // nil, float64 or string
	module  string
	// get returns an argument: nil, string, float64, bool, []any,
	// map[string]any or unknown.
	get func(name string) any
	// provider is the key of its provider's configuration.
	provider string
	ignored  bool
}

// unknown is a value that is not known before apply.
type unknown struct {
	// from are the resources that it is made of.
	from []*resource
	// text is what it is made of, or why it is not known.
	text string
	// guessed tells that not all of from need be in it.
	guessed bool
}

// block reads arguments, and keeps what it could not read.
type block struct {
	r        *resource
	path     string // before the argument's name
	get      func(name string) any
	findings *[]Finding
}

func (r *resource) block(findings *[]Finding) block {
	return block{r: r, get: r.get, findings: findings}
}

func (b block) refuse(format string, args ...any) {
	*b.findings = append(*b.findings, Finding{Address: b.r.address, Problem: fmt.Sprintf(format, args...), Refuses: true})
}

func (b block) warn(format string, args ...any) {
	*b.findings = append(*b.findings, Finding{Address: b.r.address, Problem: fmt.Sprintf(format, args...)})
}

// value is the argument; nil where it is not set, or not known, which it reports.
func (b block) value(name string) any {
	v := b.get(name)
	if u, ok := v.(unknown); ok {
		b.refuse("%s is not known before apply%s", b.path+name, u.because())
		return nil
	}
	return v
}

func (u unknown) because() string {
	if u.text == "" {
		return ""
	}
	return ": it depends on " + u.text
}

// text is a string argument; "" where it is not set.
func (b block) text(name string) string {
	switch v := b.value(name).(type) {
	case nil:
		return ""
	case string:
		return v
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	case bool:
		return strconv.FormatBool(v)
	default:
		b.refuse("%s is %s, want text", b.path+name, nameOf(v))
		return ""
	}
}

// number is an argument in [low, high]; nil where it is not set or not good.
func (b block) number(name string, low, high float64) *float64 {
	var f float64
	switch v := b.value(name).(type) {
	case nil:
		return nil
	case float64:
		f = v
	case string:
		if v == "" {
			return nil // as providers write what is not set
		}
		parsed, err := strconv.ParseFloat(v, 64)
		if err != nil {
			b.refuse("%s is %q, want a number", b.path+name, clip(v))
			return nil
		}
		f = parsed
	default:
		b.refuse("%s is %s, want a number", b.path+name, nameOf(v))
		return nil
	}
	if !(f >= low && f <= high) {
		b.refuse("%s is %g, want %g..%g", b.path+name, f, low, high)
		return nil
	}
	return &f
}

// integer is a whole number in [low, high], or otherwise where it is not set.
func (b block) integer(name string, low, high, otherwise int) int {
	f := b.number(name, float64(low), float64(high))
	if f == nil {
		return otherwise
	}
	if *f != math.Trunc(*f) {
		b.refuse("%s is %g, want a whole number", b.path+name, *f)
		return otherwise
	}
	return int(*f)
}

// required is integer of what has to be set.
func (b block) required(name string, low, high int) int {
	if b.get(name) == nil {
		b.refuse("%s is not set", b.path+name)
	}
	return b.integer(name, low, high, low)
}

// seconds is a duration; nil where it is not set.
func (b block) seconds(name string, high float64) *time.Duration {
	f := b.number(name, 0, high)
	if f == nil {
		return nil
	}
	d := time.Duration(math.Round(*f*1000)) * time.Millisecond
	return &d
}

func (b block) flag(name string, otherwise bool) bool {
	switch v := b.value(name).(type) {
	case nil:
		return otherwise
	case bool:
		return v
	case string:
		if parsed, err := strconv.ParseBool(v); err == nil {
			return parsed
		}
		if v == "" {
			return otherwise
		}
	}
	b.refuse("%s is not true or false", b.path+name)
	return otherwise
}

// blocks are nested blocks, which JSON writes as an object or a list of them.
func (b block) blocks(name string) []block {
	var found []block
	v := b.value(name)
	list, isList := v.([]any)
	if !isList && v != nil {
		list = []any{v}
	}
	for i, item := range list {
		path := b.path + name + "."
		if len(list) > 1 {
			path = fmt.Sprintf("%s%s[%d].", b.path, name, i)
		}
		switch item := item.(type) {
		case nil:
		case map[string]any:
			found = append(found, block{r: b.r, path: path, get: func(name string) any { return item[name] }, findings: b.findings})
		case unknown:
			b.refuse("%s is not known before apply%s", strings.TrimSuffix(path, "."), item.because())
		default:
			b.refuse("%s is %s, want a block", strings.TrimSuffix(path, "."), nameOf(item))
		}
	}
	return found
}

// one is the only block of that name; false where there is none.
func (b block) one(name string) (block, bool) {
	all := b.blocks(name)
	if len(all) == 0 {
		return block{}, false
	}
	return all[0], true
}

func nameOf(v any) string {
	switch v.(type) {
	case []any:
		return "a list"
	case map[string]any:
		return "an object"
	case bool:
		return "true or false"
	case float64:
		return "a number"
	}
	return fmt.Sprintf("%T", v)
}

func clip(text string) string {
	const longest = 100
	if len(text) > longest {
		return text[:longest] + "…"
	}
	return text
}
