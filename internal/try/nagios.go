//go:build unix

package main

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/tandem-iac/tandem/internal/child"
	"github.com/tandem-iac/tandem/internal/nagiostest"
	"github.com/tandem-iac/tandem/internal/pause"
)

// nagiosProgram is what Debian's nagios4-core has.
const nagiosProgram = "nagios4"

// startNagios starts a Nagios that has nothing of the clusters yet, in a directory
// of its own, and waits until it takes commands. It checks nothing: machines have
// addresses of the stand-in for AWS. Where Nagios is not installed, dir is empty.
func (s *session) startNagios(ctx context.Context) (dir string, stop func() error, err error) {
	stop = func() error { return nil }
	if _, err := exec.LookPath(nagiosProgram); err != nil {
		return "", stop, nil
	}
	dir = filepath.Join(s.dir, "nagios")
	if err := os.Mkdir(dir, 0o755); err != nil {
		return "", stop, err
	}
	nagios, err := nagiostest.Write(dir, "execute_host_checks=0\nexecute_service_checks=0\n")
	if err != nil {
		return "", stop, err
	}
	process, err := child.Start(exec.Command(nagiosProgram, nagios.Main))
	if err != nil {
		return "", stop, err
	}
	stop = func() error { return process.Stop(5 * time.Second) }
	for !nagios.Running(process) {
		select {
		case <-process.Ended():
			return "", stop, errors.Join(errors.New("nagios4 ends at once: "+nagios.Read("nagios.log")), process.Err())
		default:
		}
		if err := pause.For(ctx, 50*time.Millisecond); err != nil {
			return "", stop, err
		}
	}
	return dir, stop, nil
}
