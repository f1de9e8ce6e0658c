//go:build unix

// Command try is an environment to try tandem in, without AWS: `make try`.
//
//	moto server ── the bucket of builds, and all else that AWS answers
//	  └─ Cloud ── target group, two groups, without instances at first
//	       └─ machines, as instances are launched: one to throw away, stand-ins
//	load balancer ── asks the machines that are healthy
//	nagios4 ── knows the machines, once it is told
//
// It ends, and takes everything with it, when it is interrupted.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

// The roles in which the program starts itself.
const (
	setupRole = "setup" // the setup script of a stand-in
	hostRole  = "host"  // what keeps the namespaces of a throw-away machine
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "try:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	if len(args) > 0 {
		switch args[0] {
		case setupRole:
			return setUp(ctx, args[1], args[2])
		case hostRole:
			return keepHost(args[1])
		}
	}
	flags := flag.NewFlagSet("try", flag.ContinueOnError)
	env := flags.String("env", "bin/try.env", "`file` to write the shell's environment to")
	standIns := flags.Bool("stand-ins", false, "make no throw-away machine, even for the superuser")
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return nil
	case err != nil:
		return err
	case flags.NArg() > 0:
		return fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	return try(ctx, config{envFile: *env, standIns: *standIns, out: os.Stdout})
}
