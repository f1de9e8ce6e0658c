package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"
)

const (
	// logBacklog is how many lines wait for a disk that does not answer.
	logBacklog = 1000
	// logPatience is how long the end waits for such a disk.
	logPatience = time.Second
)

// logFile appends lines to a file, off to the side: a disk that is full,
// read-only or stuck costs lines of this log and nothing else. It opens the
// file anew each time, so that the file may be rotated.
type logFile struct {
	name   string
	stderr io.Writer
	lines  chan []byte
	ended  chan struct{}
}

func newLogFile(name string, stderr io.Writer) *logFile {
	f := &logFile{name: name, stderr: stderr, lines: make(chan []byte, logBacklog), ended: make(chan struct{})}
	go f.run()
	return f
}

// Write takes a line, or drops it where too many wait.
func (f *logFile) Write(p []byte) (int, error) {
	select {
	case f.lines <- bytes.Clone(p):
	default:
	}
	return len(p), nil
}

func (f *logFile) run() {
	defer close(f.ended)
	failing := false
	for line := range f.lines {
		for more := true; more; { // all that waits, in one go
			select {
			case next, open := <-f.lines:
				line, more = append(line, next...), open
			default:
				more = false
			}
		}
		err := f.append(line)
		if err != nil && !failing {
			fmt.Fprintf(f.stderr, "{\"level\":\"ERROR\",\"msg\":\"cannot write the log file\",\"error\":%q}\n", err)
		}
		failing = err != nil
	}
}

func (f *logFile) append(text []byte) error {
	if err := os.MkdirAll(filepath.Dir(f.name), 0o755); err != nil {
		return err
	}
	file, err := os.OpenFile(f.name, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = file.Write(text)
	return errors.Join(err, file.Sync(), file.Close())
}

// close waits for what is on its way.
func (f *logFile) close() {
	close(f.lines)
	select {
	case <-f.ended:
	case <-time.After(logPatience):
	}
}
