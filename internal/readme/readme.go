// Package readme reads the commands that the README has a newcomer type, for
// tests that do so.
package readme

import (
	"bufio"
	"os"
	"strings"
	"testing"
)

// Step is a command, of one line or several, and the lines that the README shows of its output.
type Step struct {
	Command string
	Shown   []string
}

// Steps are those of a section of a file.
func Steps(t *testing.T, file, section string) (steps []Step) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(text), "\n## "+section+"\n")
	body, _, _ := strings.Cut(rest, "\n## ")
	if !found {
		t.Fatalf("%s has no section %q", file, section)
	}
	console := false
	for lines := bufio.NewScanner(strings.NewReader(body)); lines.Scan(); {
		line := lines.Text()
		command, isCommand := strings.CutPrefix(line, "$ ")
		switch {
		case strings.HasPrefix(line, "```"):
			console = line == "```console"
		case console && isCommand:
			steps = append(steps, Step{Command: command})
		case console:
			last := &steps[len(steps)-1]
			if strings.HasSuffix(last.Command, `\`) {
				last.Command += "\n" + line
				continue
			}
			last.Shown = append(last.Shown, line)
		}
	}
	return steps
}
