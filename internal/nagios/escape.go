package nagios

import (
	"fmt"
	"strconv"
	"strings"
)

// Nagios ends a value at ; and at a line break, expands $…$ in commands, joins
// lines that end in \, splits lists at commas, and hands names and aliases to
// the shell of a notification command. Nothing of AWS's gets there but what is
// listed here; the rest is written _XX, a byte in hex, so that two names never
// become one.

// objectName is text as part of the name of an object.
func objectName(text string) string { return escape(text, "-", '_') }

// label is text for people, of one line.
func label(text string) string { return strings.TrimSpace(escape(text, "- .:/@+", '_')) }

// requestPath is a path and query in which shells and Nagios find nothing to do.
func requestPath(path string) string { return escape(path, "-._/?&=%+,:@", '%') }

func escape(text, punctuation string, mark byte) string {
	var b strings.Builder
	for i := range len(text) {
		c := text[i]
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte(punctuation, c) >= 0 {
			b.WriteByte(c)
			continue
		}
		fmt.Fprintf(&b, "%c%02X", mark, c)
	}
	return b.String()
}

// statuses turns a matcher of a target group (200, 200-299 or 200,204) into
// what check_http finds in a status line: a list of " 200", or " 2" for a
// whole hundred. Where it is none of these, every success passes.
func statuses(matcher string) string {
	var list []string
	for part := range strings.SplitSeq(matcher, ",") {
		low, high, ranged := strings.Cut(strings.TrimSpace(part), "-")
		first, err := strconv.Atoi(low)
		last := first
		if ranged && err == nil {
			last, err = strconv.Atoi(high)
		}
		if err != nil || first < 100 || last > 999 || first > last {
			return " 2"
		}
		list = append(list, prefixes(first, last)...)
	}
	return strings.Join(list, ",")
}

// prefixes covers first to last, as few of them as can be: check_http takes a
// thousand bytes.
func prefixes(first, last int) []string {
	var list []string
	for n := first; n <= last; {
		switch {
		case n%100 == 0 && n+99 <= last:
			list, n = append(list, fmt.Sprintf(" %d", n/100)), n+100
		case n%10 == 0 && n+9 <= last:
			list, n = append(list, fmt.Sprintf(" %d", n/10)), n+10
		default:
			list, n = append(list, fmt.Sprintf(" %d", n)), n+1
		}
	}
	return list
}
