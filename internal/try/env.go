//go:build unix

package main

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/tandem-iac/tandem/internal/moto"
)

// lockEnv opens the file of the shell's environment, for this session alone.
func lockEnv(name string) (*os.File, error) {
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return nil, err
	}
	file, err := os.OpenFile(name, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		file.Close()
		return nil, fmt.Errorf("%s is that of a try that still runs: end it first, or name another with -env", name)
	}
	return file, file.Truncate(0)
}

// writeEnv writes what makes a shell's commands speak to the session: the
// programs in bin, the stand-in for AWS at a URL, and the session's own values.
func writeEnv(file *os.File, bin, aws string, own map[string]string) error {
	values := moto.Environment(aws)
	maps.Copy(values, own)
	var text strings.Builder
	text.WriteString("# Of 'make try', which removes this file when it ends.\n")
	text.WriteString("unset AWS_PROFILE AWS_DEFAULT_PROFILE AWS_SESSION_TOKEN\n")
	for _, name := range slices.Sorted(maps.Keys(values)) {
		fmt.Fprintf(&text, "export %s=%s\n", name, quote(values[name]))
	}
	text.WriteString("export NO_PROXY=127.0.0.1${NO_PROXY:+,$NO_PROXY}\n")
	fmt.Fprintf(&text, "export PATH=%s:\"$PATH\"\n", quote(bin))
	_, err := file.WriteString(text.String())
	return err
}

// quote is text as one word of a shell.
func quote(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }
