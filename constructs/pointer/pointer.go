// Package pointer turns Go's values into those that the bindings take.
package pointer

// Map is a map of strings as the bindings take it.
func Map(m map[string]string) *map[string]*string {
	out := make(map[string]*string, len(m))
	for key, value := range m {
		out[key] = &value
	}
	return &out
}

// List is a list of strings as the bindings take it.
func List[S ~string](list []S) *[]*string {
	out := make([]*string, len(list))
	for i := range list {
		text := string(list[i])
		out[i] = &text
	}
	return &out
}
