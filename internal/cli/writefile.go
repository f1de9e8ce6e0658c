package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/tandem-iac/tandem/internal/check"
)

// writeFile puts data at path in one step: whoever reads sees the old file or
// the new one, and a failure leaves the old one. A symbolic link stays one, and
// an old file's permissions stay; a new file can be read by all.
func writeFile(path string, data []byte) error {
	target := path
	mode := fs.FileMode(0o644)
	if real, err := filepath.EvalSymlinks(path); err == nil {
		target = real
	}
	switch info, err := os.Stat(target); {
	case err == nil && info.IsDir():
		return inputError{err: fmt.Errorf("write %s: it is a directory: name a file in it", path)}
	case err == nil:
		mode = info.Mode().Perm()
	}
	if dir := filepath.Dir(target); !isDir(dir) {
		return inputError{err: fmt.Errorf("write %s: there is no directory %s", path, dir)}
	}
	err := replace(target, data, mode)
	if err != nil {
		return fmt.Errorf("write %s: %w", path, check.Cause(err))
	}
	return nil
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

func replace(target string, data []byte, mode fs.FileMode) (err error) {
	temp, err := os.CreateTemp(filepath.Dir(target), "."+filepath.Base(target)+"-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(temp.Name()))
		}
	}()
	_, err = temp.Write(data)
	err = errors.Join(err, temp.Chmod(mode), temp.Sync(), temp.Close())
	if err != nil {
		return err
	}
	return os.Rename(temp.Name(), target)
}
