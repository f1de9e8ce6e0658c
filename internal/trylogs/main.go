//go:build unix

// Command trylogs is the way of a log line to try out, without AWS: `make
// try-logs`. It ends, and takes everything with it, when it is interrupted.
//
//	log ── rsyslog ──> broker ── rsyslog, nginx ──> index
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/tandem-iac/tandem/internal/envfile"
	"github.com/tandem-iac/tandem/internal/logstest"
)

func main() {
	env := flag.String("env", "bin/try-logs.env", "`file` that tells a second shell where all of it is")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	if err := run(ctx, *env); err != nil {
		fmt.Fprintln(os.Stderr, "trylogs:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, file string) (err error) {
	env, err := envfile.Open(file)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, env.Close()) }()
	dir, err := os.MkdirTemp("", "tandem-logs-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	return try(ctx, dir, env)
}

// try is run with a directory of its own.
func try(ctx context.Context, dir string, env *envfile.File) (err error) {
	fmt.Println("building and starting broker, index, indexer and machine")
	if err := logstest.Build(ctx, dir); err != nil {
		return unlessEnded(ctx, err)
	}
	c, err := logstest.NewChain(filepath.Join(dir, "chain"), dir, nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.Stop()) }()
	if err := errors.Join(c.Machine.Release(42), c.Start()); err != nil || ctx.Err() != nil {
		return unlessEnded(ctx, err)
	}
	if err := c.Machine.Append("var/log/web/web.log", ""); err != nil {
		return err
	}
	if err := env.Write(fmt.Sprintf("export TRY_LOG=%s TRY_INDEX=%s\n", c.Machine.Path("var/log/web/web.log"), c.Index.URL)); err != nil {
		return err
	}
	fmt.Printf("Release 42 of web runs on a machine of the group prod-web-spot. In a second shell:\n\n    source %s\n\nCtrl-C ends it.\n", env.Name())
	<-ctx.Done()
	return nil
}

// unlessEnded is err unless it was asked to end: what is cut off then is no news.
func unlessEnded(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}
