package spec

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestManyBrokers keeps them from filling the user data.
func TestManyBrokers(t *testing.T) {
	brokers := func(n int) Logging {
		l := Logging{Kafka: Kafka{Existing: &ExistingKafka{}}}
		for i := range n {
			l.Kafka.Existing.Brokers = append(l.Kafka.Existing.Brokers, fmt.Sprintf("kafka-%02d.%s.example.com:9094", i, strings.Repeat("a", 70)))
		}
		return l.WithDefaults(3)
	}
	if err := brokers(10).Validate("ap-southeast-1", "", 3); err != nil {
		t.Error(err)
	}
	const want = "logging.kafka.existing.brokers is 1066 characters long with commas, want at most 1000, so that user data stays within 16 KiB; some of the brokers will do"
	if err := brokers(11).Validate("ap-southeast-1", "", 3); err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

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
