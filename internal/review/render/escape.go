package render

import "strings"

// value sets words about a value apart from values.
func value(text string) string {
	if isWord(text) {
		return "*" + text + "*"
	}
	return code(text)
}

// code is text in a code span, whatever it holds.
func code(text string) string {
	text = strings.Map(func(r rune) rune {
		if r == '\n' || r == '\r' {
			return ' '
		}
		return r
	}, text)
	fence := "`"
	for strings.Contains(text, fence) {
		fence += "`"
	}
	if strings.HasPrefix(text, "`") || strings.HasSuffix(text, "`") || len(fence) > 1 {
		text = " " + text + " "
	}
	return fence + text + fence
}

// cell lets text stand in a table.
func cell(text string) string { return strings.ReplaceAll(text, "|", `\|`) }

// special are characters that would mean something to GitHub: markup, mentions,
// references and formulas.
var special = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `\`, `\\`, "`", "\\`", "*", `\*`, "_", `\_`, "[", `\[`, "]", `\]`, "~", `\~`, "\n", " ", "\r", " ",
	"@", "@&#8203;", "#", "&#35;", "$", "&#36;")

// plain is text as it is.
func plain(text string) string { return special.Replace(text) }
