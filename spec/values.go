package spec

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/tandem-iac/tandem/internal/check"
)

// setDefault sets *field where it holds the zero value.
func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// setDefaultPtr points *field at value where it points nowhere.
func setDefaultPtr[T any](field **T, value T) {
	if *field == nil {
		*field = &value
	}
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// quote prints a string so that its ends are visible; the empty string is unset.
func quote(s string) string {
	if s == "" {
		return ""
	}
	return quoted(s)
}

// longest is how many characters of a value a message repeats: enough to know it
// by, and less than a file that is no description.
const longest = 300

// quoted is quote of any string.
func quoted(s string) string {
	if n := utf8.RuneCountInString(s); n > longest {
		return fmt.Sprintf("%q… of %d characters", string([]rune(s)[:longest]), n)
	}
	return strconv.Quote(s)
}

func quoteAll(list []string) string {
	if list == nil {
		return ""
	}
	all := make([]string, len(list))
	for i, s := range list {
		all[i] = quoted(s)
	}
	return "[" + strings.Join(all, ", ") + "]"
}

func number(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }

// checkDistinct reports elements that stand in a list twice.
func checkDistinct(faults *relations, path string, list []string) {
	first := map[string]int{}
	for i, s := range list {
		if j, seen := first[s]; seen {
			faults.Add(check.Index(path, i), quoted(s), fmt.Sprintf("each entry once: it is entry [%d] too", j))
			continue
		}
		first[s] = i
	}
}
