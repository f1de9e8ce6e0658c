package tune

import (
	"slices"
	"strings"

	"github.com/tandem-iac/tandem/internal/check"
)

// Range is what is searched of a parameter.
type Range struct {
	// Path is the parameter's.
	Path string
	// Low and High bound the values, both included, written as in the
	// description: 40, 90s.
	Low, High string
}

// ParseRange reads PATH=LOW..HIGH.
func ParseRange(text string) (Range, error) {
	path, bounds, isSet := strings.Cut(text, "=")
	low, high, isRange := strings.Cut(bounds, "..")
	if !isSet || !isRange || path == "" || low == "" || high == "" {
		return Range{}, check.InputErrorf("range %q: want PATH=LOW..HIGH, such as spot.scale_in.threshold=20..40", text)
	}
	return Range{Path: path, Low: low, High: high}, nil
}

// applied returns the parameters with the ranges that the configuration gives
// instead of the defaults, and those that it fixes.
func applied(parameters []Parameter, ranges []Range, fixed []string, present []float64) ([]Parameter, error) {
	names := make([]string, len(parameters))
	at := map[string]int{}
	for i, p := range parameters {
		names[i], at[p.Path] = p.Path, i
	}
	for _, path := range fixed { // a group or a policy may be meant, too
		found := false
		for i := range parameters {
			if p := &parameters[i]; below(p.Path, path) {
				p.Low, p.High, found = present[i], present[i], true
			}
		}
		if !found {
			return nil, unknown("fix", path, append(parents(names), names...))
		}
	}
	seen := map[string]bool{}
	for _, r := range ranges {
		i, known := at[r.Path]
		if !known {
			return nil, unknown("range", r.Path, names)
		}
		if seen[r.Path] {
			return nil, check.InputErrorf("range %s is given twice", r.Path)
		}
		seen[r.Path] = true
		if err := parameters[i].narrow(r); err != nil {
			return nil, err
		}
	}
	return parameters, nil
}

// unknown is the error about a path that is not among names.
func unknown(flag, path string, names []string) error {
	hint := "docs/tune.md lists them"
	if near := check.Nearest(path, names); near != "" {
		hint = "did you mean " + near + "?"
	}
	return check.InputErrorf("%s %s: there is no such parameter, %s", flag, path, hint)
}

// parents are the paths around others.
func parents(paths []string) []string {
	var all []string
	for _, path := range paths {
		for at := strings.LastIndexAny(path, ".["); at > 0; at = strings.LastIndexAny(path, ".[") {
			path = path[:at]
			all = append(all, path)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func (p *Parameter) narrow(r Range) error {
	low, err := p.parse(r.Low)
	if err != nil {
		return check.InputErrorf("range %s: %w", r.Path, err)
	}
	high, err := p.parse(r.High)
	if err != nil {
		return check.InputErrorf("range %s: %w", r.Path, err)
	}
	if low > high {
		return check.InputErrorf("range %s: %s is above %s", r.Path, r.Low, r.High)
	}
	p.Low, p.High = low, high
	return nil
}

// below tells whether path is the one of parent or below it.
func below(path, parent string) bool {
	rest, within := strings.CutPrefix(path, parent)
	return within && (rest == "" || rest[0] == '.' || rest[0] == '[' || parent == "")
}
