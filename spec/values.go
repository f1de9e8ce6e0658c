package spec

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

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
	return strconv.Quote(s)
}

func quoteAll(list []string) string {
	if list == nil {
		return ""
	}
	quoted := make([]string, len(list))
	for i, s := range list {
		quoted[i] = strconv.Quote(s)
	}
	return "[" + strings.Join(quoted, ", ") + "]"
}

func number(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }

// checkDistinct reports elements that stand in a list twice.
func checkDistinct(faults *relations, path string, list []string) {
	first := map[string]int{}
	for i, s := range list {
		if j, seen := first[s]; seen {
			faults.Add(check.Index(path, i), strconv.Quote(s), fmt.Sprintf("each entry once: it is entry [%d] too", j))
			continue
		}
		first[s] = i
	}
}
