package spec

import (
	"strings"
	"time"
)

// Duration is a time.Duration that YAML writes as 90s, 5m or 1h30m. AWS takes
// whole seconds, and so do all durations here.
type Duration time.Duration

// Seconds returns the duration in whole seconds.
func (d Duration) Seconds() int { return int(time.Duration(d) / time.Second) }

// String writes the shortest form: 5m rather than 5m0s.
func (d Duration) String() string {
	s := time.Duration(d).String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// MarshalYAML writes what String does.
func (d Duration) MarshalYAML() (any, error) { return d.String(), nil }

// ParseDuration reads a Duration; ok is false where text is none, is negative
// or has a fraction of a second.
func ParseDuration(text string) (d Duration, ok bool) {
	parsed, err := time.ParseDuration(text)
	if err != nil || parsed < 0 || parsed%time.Second != 0 {
		return 0, false
	}
	return Duration(parsed), true
}
