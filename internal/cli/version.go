package cli

import (
	"fmt"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// Set by the linker, which reaches only variables; nothing else sets them:
//
//	go build -ldflags "-X github.com/tandem-iac/tandem/internal/cli.version=v1.2.3 -X …cli.commit=0b0d052" ./cmd/tandem
var version, commit string

const unknown = "unknown"

func newVersionCommand(a *app) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Print what this program was built from",
		RunE: func(*cobra.Command, []string) error {
			b := thisBuild()
			if asJSON {
				return printJSON(a.stdout, b)
			}
			fmt.Fprintln(a.stdout, b)
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// build is what a program was built from.
type build struct {
	// Version and Commit are "unknown" where the build did not record them.
	Version string `json:"version"`
	Commit  string `json:"commit"`
	// Dirty says that the build held uncommitted changes. Nil: unknown.
	Dirty *bool  `json:"dirty"`
	Go    string `json:"go"`
}

// thisBuild is that of the program itself.
func thisBuild() build {
	info, _ := debug.ReadBuildInfo() // nil without module support
	return buildOf(info, version, commit)
}

// buildOf reads what the Go tool recorded, which -buildvcs=false leaves out; a
// version or commit from the linker wins.
func buildOf(info *debug.BuildInfo, version, commit string) build {
	b := build{Version: unknown, Commit: unknown, Go: unknown}
	if info != nil {
		b.Go = info.GoVersion
		if v := info.Main.Version; v != "" && v != "(devel)" {
			b.Version = v
		}
		for _, s := range info.Settings {
			switch s.Key {
			case "vcs.revision":
				b.Commit = s.Value
			case "vcs.modified":
				dirty := s.Value == "true"
				b.Dirty = &dirty
			}
		}
	}
	if version != "" {
		b.Version = version
	}
	if commit != "" {
		b.Commit = commit
	}
	return b
}

func (b build) String() string {
	changes := ""
	if b.Dirty != nil && *b.Dirty {
		changes = " with uncommitted changes"
	}
	return fmt.Sprintf("tandem %s, commit %s%s, %s", b.Version, b.Commit, changes, b.Go)
}
