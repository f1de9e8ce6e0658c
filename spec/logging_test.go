package spec

import (
	"os"
	"regexp"
	"testing"
)

// TestLoggingExamples reads those that describe the logging stack.
func TestLoggingExamples(t *testing.T) {
	file, err := os.ReadFile("../docs/logging-stack.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllStringSubmatch(string(file), -1)
	if len(blocks) != 2 {
		t.Fatalf("%d examples, want a trial and what exists already", len(blocks))
	}
	for _, block := range blocks {
		if _, err := Parse("tandem.yaml", []byte(smallest+block[1])); err != nil {
			t.Error(err)
		}
	}
}
