package nagios

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/tandem-iac/tandem/internal/check"
)

// files are the file that Nagios reads and what stands beside it. Their names
// begin with a dot, so that Nagios does not read them in a cfg_dir.
type files struct {
	output string
	// locked is locked during a sync.
	locked string
	// dir holds the candidate and the main file that reads it. What a killed
	// sync has left in it the next one overwrites.
	dir, candidate, candidateMain string
	// pending is there from before the file is new until Nagios has been told.
	pending string
}

func filesOf(output string) files {
	hidden := filepath.Join(filepath.Dir(output), "."+filepath.Base(output))
	dir := hidden + ".candidate"
	return files{
		output: output, locked: hidden + ".lock", pending: hidden + ".reload",
		dir: dir, candidate: filepath.Join(dir, "tandem.cfg"), candidateMain: filepath.Join(dir, "nagios.cfg"),
	}
}

// check is an InputError where the output cannot be meant: no file of this
// program's would be replaced.
func (f files) check() error {
	if info, err := os.Stat(filepath.Dir(f.output)); err != nil || !info.IsDir() {
		return check.InputErrorf("there is no directory %s for the output: make it, or name a file elsewhere with --output", filepath.Dir(f.output))
	}
	text, err := os.ReadFile(f.output)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case errors.Is(err, syscall.EISDIR):
		return check.InputErrorf("%s is a directory: name a file in it with --output", f.output)
	case err == nil && len(text) > 0 && !strings.HasPrefix(string(text), head):
		return check.InputErrorf("%s was not written by tandem: name another file with --output, or remove it", f.output)
	}
	return err
}

// lock keeps other syncs of the file out. The lock ends with the process too.
func (f files) lock() (unlock func(), err error) {
	file, err := os.OpenFile(f.locked, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		file.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fmt.Errorf("another sync of %s is going on: wait for it", f.output)
		}
		return nil, fmt.Errorf("lock %s: %w", f.locked, err)
	}
	return func() { file.Close() }, nil
}

// prepare writes the candidate and a main file that reads it.
func (f files) prepare(main mainConfig, text []byte) error {
	mainText, err := main.with(f.output, f.candidate)
	if err != nil {
		return err
	}
	// Nagios gives root's rights up before it reads.
	if err := os.Mkdir(f.dir, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return errors.Join(writeSynced(f.candidate, text), writeSynced(f.candidateMain, mainText))
}

// swap puts the candidate in place.
func (f files) swap() error {
	if err := writeSynced(f.pending, nil); err != nil {
		return err
	}
	if err := syncDir(filepath.Dir(f.output)); err != nil {
		return err
	}
	if err := os.Rename(f.candidate, f.output); err != nil {
		return err
	}
	return errors.Join(syncDir(filepath.Dir(f.output)), os.RemoveAll(f.dir))
}

func writeSynced(path string, text []byte) error {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o644)
	if err != nil {
		return err
	}
	_, err = file.Write(text)
	return errors.Join(err, file.Sync(), file.Close())
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
