package cli

import (
	"fmt"
	"strings"
	"time"
)

// counted is a number of things: "1 file", "2 files".
func counted(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// short is a commit as people call it.
func short(commit string) string { return commit[:min(len(commit), 12)] }

// when is a time for a person.
func when(t time.Time) string {
	if t.IsZero() {
		return "unknown"
	}
	return t.UTC().Format("2006-01-02 15:04 MST")
}

// size is a number of bytes for a person.
func size(bytes int64) string {
	units := []string{"B", "KiB", "MiB", "GiB"}
	value := float64(bytes)
	unit := 0
	for value >= 1024 && unit < len(units)-1 {
		value /= 1024
		unit++
	}
	if unit == 0 {
		return fmt.Sprintf("%d B", bytes)
	}
	return fmt.Sprintf("%.1f %s", value, units[unit])
}

// shellWord quotes a word for a shell, where it has to be.
func shellWord(word string) string {
	plain := func(r rune) bool {
		return strings.ContainsRune("/._-+=:@%,", r) || '0' <= r && r <= '9' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z'
	}
	if word != "" && strings.IndexFunc(word, func(r rune) bool { return !plain(r) }) < 0 {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
