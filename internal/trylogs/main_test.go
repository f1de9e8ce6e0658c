package main

import (
	"bufio"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tandem-iac/tandem/internal/needs"
)

// The README's commands find what they say, on its machine.
func TestReadme(t *testing.T) {
	for _, tool := range []string{"rsyslogd", "nginx", "curl", "jq"} {
		needs.Tool(t, tool)
	}
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, found := strings.Cut(string(readme), "$ source bin/try-logs.env\n")
	block, _, _ := strings.Cut(section, "```")
	if !found {
		t.Fatal("the README no longer tries the logs")
	}
	env := filepath.Join(t.TempDir(), "env")
	script := "source " + env + "\n"
	var want string
	for lines := bufio.NewScanner(strings.NewReader(block)); lines.Scan(); {
		line := lines.Text()
		switch {
		case strings.HasPrefix(line, "$ "), strings.HasPrefix(line, "    "):
			script += strings.TrimPrefix(line, "$ ") + "\n"
		default:
			want += line + "\n"
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	os.Args = []string{"trylogs", env}
	ended := make(chan error, 1)
	go func() { ended <- run(ctx) }()
	for end := time.Now().Add(2 * time.Minute); ; time.Sleep(100 * time.Millisecond) {
		if _, err := os.Stat(env); err == nil {
			break
		}
		if time.Now().After(end) {
			t.Fatal("it does not start")
		}
	}
	script = strings.ReplaceAll(script, "sleep 2\n", "sleep 5\n") // other tests run beside it
	got, err := exec.Command("bash", "-c", script).CombinedOutput()
	if err != nil || string(got) != want {
		t.Errorf("%v, got\n%s\nwant\n%s", err, got, want)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
