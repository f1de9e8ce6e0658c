package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/tandem-iac/tandem/internal/check"
	"github.com/tandem-iac/tandem/internal/release/archive"
)

func newReleaseVerifyCommand(a *app) *cobra.Command {
	var want archive.Want
	cmd := &cobra.Command{
		Use:   "verify ARCHIVE",
		Short: "Check an archive without unpacking it",
		Long: `Check that an archive is complete, holds the tree that it says, and has no
entry that could write outside the directory that it is unpacked into.`,
		Args: exactly("an ARCHIVE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withArchive(args[0], func(f *os.File) (archive.Info, error) {
				return archive.Inspect(cmd.Context(), f, want)
			})
		},
	}
	addWant(cmd, &want)
	return cmd
}

func newReleaseUnpackCommand(a *app) *cobra.Command {
	var want archive.Want
	cmd := &cobra.Command{
		Use:   "unpack ARCHIVE DIR",
		Short: "Check an archive and unpack it into a new directory",
		Long: `Check an archive as 'tandem release verify' does and, only if nothing is wrong,
unpack it into DIR, which must not exist or be empty.`,
		Args: exactly("an ARCHIVE", "a DIR"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withArchive(args[0], func(f *os.File) (archive.Info, error) {
				return archive.Unpack(cmd.Context(), f, args[1], want)
			})
		},
	}
	addWant(cmd, &want)
	return cmd
}

func addWant(cmd *cobra.Command, want *archive.Want) {
	cmd.Flags().StringVar(&want.SHA256, "sha256", "", "the SHA-256 that the archive has to have, in hex; default: any")
	cmd.Flags().IntVar(&want.Version, "version", 0, "the version that it has to be; default: any")
}

// withArchive opens an archive and prints what do finds it to be. A file that
// is not the archive that is wanted is a fault of the input, as for publish.
func (a *app) withArchive(path string, do func(*os.File) (archive.Info, error)) error {
	f, err := os.Open(path)
	if err != nil {
		return inputError{err: err}
	}
	if stat, err := f.Stat(); err == nil && stat.IsDir() {
		return inputError{err: errors.Join(fmt.Errorf("%s %w", path, archive.ErrDirectory), f.Close())}
	}
	info, err := do(f)
	if err == nil {
		_, err = io.WriteString(a.stdout, info.String())
		return errors.Join(err, f.Close())
	}
	var input check.InputError
	var invalid *archive.InvalidError
	switch {
	case errors.As(err, &invalid):
		err = inputError{err: fmt.Errorf("%s: %w", path, err)}
	case !errors.As(err, &input) && !errors.Is(err, context.Canceled):
		err = fmt.Errorf("%s: %w", path, err)
	}
	return errors.Join(err, f.Close())
}
