//go:build unix

// Package envfile is the file that tells a second shell where what runs in the
// first one is. It is one process's at a time, and goes with it.
package envfile

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
)

// File is an open one.
type File struct{ file *os.File }

// Open makes the file, empty, for this process alone, which opens it once: closing
// it anywhere gives it up. If another process has it, the error names that.
func Open(name string) (*File, error) {
	for {
		file, err := open(name)
		if err != nil {
			return nil, err
		}
		if there, err := os.Stat(name); err == nil && os.SameFile(there, file.info) {
			return &File{file.File}, nil
		}
		// Its owner has taken it away meanwhile.
		if err := file.Close(); err != nil {
			return nil, err
		}
	}
}

// opened is a file that is locked.
type opened struct {
	*os.File
	info os.FileInfo
}

func open(name string) (*opened, error) {
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return nil, err
	}
	file, err := os.OpenFile(name, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	whole := syscall.Flock_t{Type: syscall.F_WRLCK, Whence: io.SeekStart}
	if err := syscall.FcntlFlock(file.Fd(), syscall.F_SETLK, &whole); err != nil {
		err = errors.Join(refusal(file, err), file.Close())
		return nil, err
	}
	info, err := file.Stat()
	if err == nil {
		err = file.Truncate(0) // what a process that was killed has left
	}
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return &opened{file, info}, nil
}

// refusal says who has the file that could not be locked.
func refusal(file *os.File, err error) error {
	held := syscall.Flock_t{Type: syscall.F_WRLCK, Whence: io.SeekStart}
	if syscall.FcntlFlock(file.Fd(), syscall.F_GETLK, &held) != nil || held.Type == syscall.F_UNLCK {
		return fmt.Errorf("lock %s: %w", file.Name(), err)
	}
	return fmt.Errorf("%s is that of process %d, which still runs: end it first, or name another with -env", file.Name(), held.Pid)
}

// Name is the name that it was opened by.
func (f *File) Name() string { return f.file.Name() }

// Write writes what a shell reads.
func (f *File) Write(text string) error {
	_, err := f.file.WriteString(text)
	return err
}

// Close takes the file away.
func (f *File) Close() error { return errors.Join(os.Remove(f.file.Name()), f.file.Close()) }
