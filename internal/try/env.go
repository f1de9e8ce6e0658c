//go:build unix

package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/tandem-iac/tandem/internal/envfile"
	"github.com/tandem-iac/tandem/internal/moto"
)

// writeEnv writes what makes a shell's commands speak to the session: the
// programs in bin, the stand-in for AWS at a URL, and the session's own values.
func writeEnv(file *envfile.File, bin, aws string, own map[string]string) error {
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
	return file.Write(text.String())
}

// quote is text as one word of a shell.
func quote(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }
