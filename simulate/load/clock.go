package load

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// clock reads one kind of times as distances from the first.
type clock struct {
	start time.Time
	kind  clockKind
	first float64 // the first line's, in the kind's unit; none for iso
	last  time.Duration
}

type clockKind int

const (
	iso clockKind = iota
	epochMillis
	epochSeconds
	plainSeconds
)

// want is what an error wants of a time.
var want = map[clockKind]string{
	iso:          "a date and time as in the first line, such as 2024-01-31T18:00:00Z",
	epochMillis:  "milliseconds since 1970, as in the first line",
	epochSeconds: "seconds since 1970, as in the first line",
	plainSeconds: "seconds since the start, as in the first line",
}

const (
	// A number below is seconds since the start: as a date it would be before
	// March 1973, as a length it is three years.
	minEpoch = 1e8
	// Up to here it is seconds since 1970, from minMillis to maxMillis
	// milliseconds: dates before the year 2255 both.
	maxEpoch  = 9e9
	minMillis = 1e11
	maxMillis = maxEpoch * 1e3
)

// newClock takes the kind from the first line's time.
func newClock(text string, start time.Time) (clock, error) {
	number, err := strconv.ParseFloat(text, 64)
	if err != nil {
		if at, ok := parseISO(text); ok {
			return clock{start: at, kind: iso}, nil
		}
		return clock{}, fmt.Errorf("time is %q, want 2024-01-31T18:00:00Z, or seconds or milliseconds since 1970, or seconds since the start", text)
	}
	switch {
	case !(number >= 0 && number <= maxMillis), number > maxEpoch && number < minMillis:
		return clock{}, fmt.Errorf("time is %s, want at least 0, and a date before 2255", text)
	case number >= minMillis:
		return clock{start: time.UnixMilli(0).Add(seconds(number / 1e3)).UTC(), kind: epochMillis, first: number}, nil
	case number >= minEpoch:
		return clock{start: time.UnixMilli(0).Add(seconds(number)).UTC(), kind: epochSeconds, first: number}, nil
	}
	return clock{start: start.Add(seconds(number)), kind: plainSeconds, first: number}, nil
}

// seconds is s to the microsecond: what is beyond, a float64 of a date cannot hold.
func seconds(s float64) time.Duration {
	return time.Duration(math.Round(s*1e6)) * time.Microsecond
}

// offset is how long after the first line's time this one is.
func (c *clock) offset(text string) (time.Duration, error) {
	if c.kind == iso {
		at, ok := parseISO(text)
		if !ok {
			return 0, fmt.Errorf("time is %q, want %s", text, want[c.kind])
		}
		return at.Sub(c.start), nil
	}
	number, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(number) {
		return 0, fmt.Errorf("time is %q, want %s", text, want[c.kind])
	}
	distance := number - c.first
	if c.kind == epochMillis {
		distance /= 1e3
	}
	return seconds(min(max(distance, -1), 2*maxDuration.Seconds())), nil
}

func parseISO(text string) (time.Time, bool) {
	text = strings.Replace(text, " ", "T", 1)
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05Z0700", "2006-01-02T15:04:05", "2006-01-02T15:04Z07:00", "2006-01-02T15:04", "2006-01-02"} {
		if at, err := time.Parse(layout, text); err == nil {
			return at, true
		}
	}
	return time.Time{}, false
}
