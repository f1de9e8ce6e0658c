package cli

import (
	"cmp"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/tandem-iac/tandem/internal/release/archive"
)

// defaultArchive is what build writes and publish reads where no file is named.
const defaultArchive = "release.tar.gz"

func newReleaseBuildCommand(a *app) *cobra.Command {
	var cfg archive.BuildConfig
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "build PATH...",
		Short: "Pack files and directories into an archive",
		Long: `Pack files and directories into an archive that has the same bytes wherever the
same commit is packed: sorted, with one time and one owner. Left out are .git
and what git ignores; a path that is named here is packed even if it is ignored.

The first entry, RELEASE, says what the archive holds. Its commit, branch and
time are those of the first path's repository. The time is $SOURCE_DATE_EPOCH
where that is set. Where no branch is checked out, as on build servers, it is
$GIT_BRANCH or $GITHUB_REF_NAME.`,
		Example: `  tandem release build obelix commonix
  tandem release build --output obelix.tar.gz --directory src .`,
		Args: atLeastOne("a PATH to pack"),
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg.Paths = args
			cfg.DetachedBranch = cmp.Or(os.Getenv("GIT_BRANCH"), os.Getenv("GITHUB_REF_NAME"))
			var err error
			if cfg.Epoch, err = sourceDateEpoch(os.Getenv("SOURCE_DATE_EPOCH")); err != nil {
				return err
			}
			bar := a.transfer("packing")
			cfg.Progress = bar.set
			result, err := archive.Build(cmd.Context(), cfg)
			bar.stop()
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(a.stdout, builtJSON(cfg.Output, result))
			}
			a.printBuilt(cfg.Output, result)
			return nil
		},
	}
	cmd.Flags().StringVarP(&cfg.Output, "output", "o", defaultArchive, "the archive to write")
	cmd.Flags().StringVarP(&cfg.Dir, "directory", "C", ".", "the directory that the paths are below")
	cmd.Flags().StringVar(&cfg.Branch, "branch", "", "the branch to record; default: the one that is checked out")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// sourceDateEpoch is the time that the variable of that name sets. Nil: it is
// not set.
func sourceDateEpoch(text string) (*time.Time, error) {
	if text == "" {
		return nil, nil
	}
	seconds, err := strconv.ParseInt(text, 10, 64)
	if err != nil || seconds < 0 {
		return nil, inputError{err: fmt.Errorf("SOURCE_DATE_EPOCH is %q, want seconds since 1970", text)}
	}
	epoch := time.Unix(seconds, 0).UTC()
	return &epoch, nil
}

func (a *app) printBuilt(file string, r archive.Result) {
	modified := ""
	if r.Modified {
		modified = ", modified"
	}
	fmt.Fprintf(a.stdout, "%s: %s, %s packed into %s, commit %s%s\n",
		file, counted(r.Files, "file"), size(r.Unpacked), size(r.Size), cmp.Or(short(r.Commit), "none"), modified)
}

// built is an archive in JSON.
type built struct {
	File     string    `json:"file"`
	Files    int       `json:"files"`
	Unpacked int64     `json:"unpacked"`
	Size     int64     `json:"size"`
	Tree     string    `json:"tree_sha256"`
	Commit   string    `json:"git_commit"`
	Branch   string    `json:"git_branch"`
	Modified bool      `json:"modified"`
	BuiltAt  time.Time `json:"built_at,omitzero"`
}

func builtJSON(file string, r archive.Result) built {
	return built{file, r.Files, r.Unpacked, r.Size, r.Tree, r.Commit, r.Branch, r.Modified, r.BuiltAt}
}
