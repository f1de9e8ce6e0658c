package check

import (
	"cmp"
	"slices"
	"strings"

	"github.com/agext/levenshtein"
)

// alike is the similarity, of 1, from which one name may be a slip for another.
const alike = 0.5

// Nearest returns the one of names that was meant by name. Empty: it is like
// none of them.
func Nearest(name string, names []string) string {
	if len(names) == 0 {
		return ""
	}
	best := slices.MaxFunc(names, func(a, b string) int {
		return cmp.Compare(levenshtein.Similarity(name, a, nil), levenshtein.Similarity(name, b, nil))
	})
	if levenshtein.Similarity(name, best, nil) < alike {
		return ""
	}
	return best
}

// Suggest is the end of an error about a name that is not among names: the
// one that was meant, or all there are.
func Suggest(name string, names []string) string {
	if near := Nearest(name, names); near != "" {
		return "did you mean " + near + "?"
	}
	verb := "there are "
	if len(names) == 1 {
		verb = "there is "
	}
	return verb + strings.Join(names, ", ")
}
