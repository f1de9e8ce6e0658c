package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/tandem-iac/tandem/internal/release/archive"
)

func newReleaseVerifyCommand(a *app) *cobra.Command {
	var want archive.Want
	cmd := &cobra.Command{
		Use:   "verify ARCHIVE",
		Short: "Check an archive without unpacking it",
		Long: `Check that an archive is complete, holds the tree that it says, and has no
entry that could write outside the directory that it is unpacked into.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return withArchive(args[0], func(f *os.File) error {
				info, err := archive.Inspect(cmd.Context(), f, want)
				if err != nil {
					return err
				}
				_, err = io.WriteString(a.stdout, info.String())
				return err
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
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return withArchive(args[0], func(f *os.File) error {
				info, err := archive.Unpack(cmd.Context(), f, args[1], want)
				if err != nil {
					return err
				}
				_, err = io.WriteString(a.stdout, info.String())
				return err
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

// withArchive opens an archive. Its faults are named after it and, unlike
// those of opening it, are not the user's.
func withArchive(path string, do func(*os.File) error) error {
	f, err := os.Open(path)
	if err != nil {
		return inputError{err: err}
	}
	err = do(f)
	var input archive.InputError
	if err != nil && !errors.As(err, &input) && !errors.Is(err, context.Canceled) {
		err = fmt.Errorf("%s: %w", path, err)
	}
	return errors.Join(err, f.Close())
}
