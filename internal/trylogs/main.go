// Command trylogs is the way of a log line to try out, without AWS: `make
// try-logs`. It ends, and takes everything with it, when it is interrupted.
//
//	log ── rsyslog ──> broker ── rsyslog, nginx ──> index
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/tandem-iac/tandem/internal/logstest"
)

// envFile is what tells a second shell where all of it is.
const envFile = "bin/try-logs.env"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	if err := run(ctx, envFile); err != nil {
		fmt.Fprintln(os.Stderr, "trylogs:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, file string) (err error) {
	dir, err := os.MkdirTemp("", "tandem-logs-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	fmt.Println("building and starting broker, index, indexer and machine")
	if err := logstest.Build(dir); err != nil {
		return err
	}
	c, err := logstest.NewChain(filepath.Join(dir, "chain"), dir, nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.Stop()) }()
	if err := errors.Join(c.Machine.Release(42), c.Start()); err != nil {
		return err
	}
	env := fmt.Sprintf("export TRY_LOG=%s TRY_INDEX=%s\n", c.Machine.Path("var/log/web/web.log"), c.Index.URL)
	if err := c.Machine.Append("var/log/web/web.log", ""); err != nil {
		return err
	}
	if err := os.WriteFile(file, []byte(env), 0o644); err != nil {
		return err
	}
	fmt.Printf("Release 42 of web runs on a machine of the group prod-web-spot. In a second shell:\n\n    source %s\n\nCtrl-C ends it.\n", file)
	<-ctx.Done()
	return os.Remove(file)
}
