package spec

import (
	"fmt"
	"regexp"
	"time"
)

// Duration is a time.Duration that YAML writes as 90s, 5m or 1h30m. AWS takes
// whole seconds, and so do all durations here.
type Duration time.Duration

// Seconds returns the duration in whole seconds.
func (d Duration) Seconds() int { return int(time.Duration(d) / time.Second) }

// String writes the largest unit that takes it whole: 90s, 5m, 1h.
func (d Duration) String() string {
	seconds := d.Seconds()
	switch {
	case time.Duration(d)%time.Second != 0:
		return time.Duration(d).String()
	case seconds == 0 || seconds%60 != 0:
		return fmt.Sprintf("%ds", seconds)
	case seconds%3600 != 0:
		return fmt.Sprintf("%dm", seconds/60)
	}
	return fmt.Sprintf("%dh", seconds/3600)
}

// MarshalYAML writes what String does.
func (d Duration) MarshalYAML() (any, error) { return d.String(), nil }

// durationPattern is narrower than time.ParseDuration, so that the JSON Schema
// can say it too.
var durationPattern = regexp.MustCompile(`^([0-9]+h)?([0-9]+m)?([0-9]+s)?$`)

// ParseDuration reads a Duration; ok is false where text is none.
func ParseDuration(text string) (d Duration, ok bool) {
	parsed, err := time.ParseDuration(text)
	if err != nil || !durationPattern.MatchString(text) {
		return 0, false
	}
	return Duration(parsed), true
}
