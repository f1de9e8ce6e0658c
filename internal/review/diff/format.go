package diff

import (
	"encoding/base64"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/tandem-iac/tandem/internal/review/plan"
)

// maxValue is how much of a value is shown, in characters.
const maxValue = 160

// Format renders a value for a reader on one line. A sensitive one is never shown.
func Format(v any) string {
	text := format(v)
	if Secret(text) {
		return "(looks like a secret)"
	}
	return cut(text, maxValue)
}

func cut(text string, limit int) string {
	if utf8.RuneCountInString(text) <= limit {
		return text
	}
	runes := []rune(text)
	return string(runes[:limit-1]) + "…"
}

func format(v any) string {
	switch v := v.(type) {
	case nil:
		return "unset"
	case plan.Unknown:
		return "known after apply"
	case plan.Sensitive:
		return "(sensitive)"
	case string:
		if v == "" || strings.ContainsFunc(v, func(r rune) bool { return r < ' ' || r == 0x7f }) {
			return strconv.Quote(v)
		}
		return v
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	case []any:
		parts := make([]string, len(v))
		for i, inner := range v {
			parts[i] = format(inner)
		}
		if len(v) == 1 && isBlock(v[0]) {
			return parts[0]
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case map[string]any:
		var parts []string
		for _, name := range slices.Sorted(maps.Keys(v)) {
			parts = append(parts, name+": "+format(v[name]))
		}
		return "{" + strings.Join(parts, ", ") + "}"
	}
	return fmt.Sprint(v)
}

// documents compares two texts that are more than a word: JSON by its fields,
// user data by its lines. It reports false for ordinary strings.
func (d *differ) documents(path, before, after string) bool {
	b, isDocument := document(before)
	a, alsoDocument := document(after)
	if isDocument && alsoDocument {
		d.compare(path, b, a)
		return true
	}
	name := path[strings.LastIndexByte(path, '.')+1:]
	if strings.HasPrefix(name, "user_data") {
		d.record(Attribute{Path: path, Before: before, After: after, Summary: lines(Script(before), Script(after))})
		return true
	}
	return false
}

// Script decodes user data, which providers keep in base64 or as it is.
func Script(text string) string {
	if decoded, err := base64.StdEncoding.DecodeString(text); err == nil && utf8.Valid(decoded) {
		return string(decoded)
	}
	return text
}

var credential = regexp.MustCompile(`(?i)-----BEGIN [A-Z ]*PRIVATE KEY|(?:password|passwd|secret|secret_?(?:access_?)?key|api_?key|auth_?token)["']?\s*[:=]\s*["']?[^\s"'$<{(]{6,}`)

// accessKey is how AWS writes the ids of access keys:
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-unique-ids
var accessKey = regexp.MustCompile(`\b(?:AKIA|ASIA)[0-9A-Z]{16}\b`)

// Secret says that a text has a line that looks like a credential: it is told
// of, and never shown.
func Secret(text string) bool {
	if accessKey.MatchString(text) {
		return true
	}
	for line := range strings.Lines(text) {
		if strings.ContainsAny(line, ":=-") && credential.MatchString(line) {
			return true
		}
	}
	return false
}

// digest is what some providers keep instead of the script.
var digest = regexp.MustCompile(`^[0-9a-f]{40}$`)

// lines sums up the difference of two scripts and shows the first line of it.
func lines(before, after string) string {
	if digest.MatchString(before) || digest.MatchString(after) {
		return "changed; the provider keeps only its hash"
	}
	old, now := strings.Split(before, "\n"), strings.Split(after, "\n")
	gone, come := missing(old, now), missing(now, old)
	if len(gone)+len(come) == 0 {
		return "lines in another order"
	}
	text := fmt.Sprintf("lines added: %d, removed: %d", len(come), len(gone))
	for _, sample := range []struct {
		sign string
		list []string
	}{{"+", come}, {"-", gone}} {
		if len(sample.list) == 1 && !Secret(sample.list[0]) {
			text += fmt.Sprintf("; %s %s", sample.sign, cut(format(strings.TrimSpace(sample.list[0])), 60))
		}
	}
	return text
}

// missing are the lines that other does not have.
func missing(list, other []string) []string {
	has := map[string]int{}
	for _, line := range other {
		has[line]++
	}
	var out []string
	for _, line := range list {
		if has[line]--; has[line] < 0 && strings.TrimSpace(line) != "" {
			out = append(out, line)
		}
	}
	return out
}
