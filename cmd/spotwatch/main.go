// Command spotwatch is the agent on an instance of a cluster: it watches for
// the instance's end, calls for a replacement and leaves without dropping a
// request. It runs under systemd with the settings of /etc/tandem/instance.env.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"

	"github.com/tandem-iac/tandem/internal/check"
	"github.com/tandem-iac/tandem/internal/imds"
	"github.com/tandem-iac/tandem/internal/rescue"
)

// version is set by the linker.
var version = "unknown"

// memoryLimit has the garbage collector work harder before the agent takes
// memory from the service.
const memoryLimit = 10 << 20

// leastSilence is more than twice what a round of questions takes that are all
// answered as late as may be.
const leastSilence = 20 * time.Second

func main() { os.Exit(run(os.Args[1:], os.Getenv, os.Stdout, os.Stderr)) }

// run returns 0 when it was told to end, 1 when something failed and 2 when a
// setting is wrong.
func run(args []string, getenv func(string) string, stdout, stderr io.Writer) int {
	s, err := parse(args, getenv)
	switch {
	case errors.Is(err, errHelp):
		fmt.Fprint(stdout, usage(getenv))
		return 0
	case err == nil && s.version:
		fmt.Fprintf(stdout, "spotwatch %s\n", version)
		return 0
	}
	debug.SetMemoryLimit(memoryLimit)
	file := newLogFile(s.path(s.logFile), stderr)
	defer file.close()
	log := slog.New(slog.NewJSONHandler(io.MultiWriter(stderr, file), nil))
	var agent *rescue.Agent
	metrics := rescue.NewMetrics(version, s.config.Root)
	if err == nil {
		cfg := s.config
		cfg.Metadata = imds.New(imds.Config{Endpoint: s.metadata, Timeout: s.metadataTimeout()})
		cfg.AWS = rescue.Connect(rescue.ConnectConfig{Region: s.region, Endpoint: getenv("AWS_ENDPOINT_URL"), Metadata: cfg.Metadata.Endpoint})
		cfg.Metrics, cfg.Log, cfg.Alive = metrics, log, alive(log)
		agent, err = rescue.New(cfg)
	}
	if err != nil {
		fmt.Fprintln(stderr, err)
		var faults check.Errors
		if errors.As(err, &faults) {
			return 2
		}
		return 1
	}
	ctx, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer cancel()
	serveMetrics(ctx, s.metricsAddress, metrics, log)
	notify(log, fmt.Sprintf("%s\nWATCHDOG_USEC=%d", daemon.SdNotifyReady, watchdog(s.config.Budget.Poll).Microseconds()))
	log.Info("started", "version", version, "cluster", s.config.Cluster, "group", s.config.Group)
	if err := agent.Run(ctx); err != nil {
		log.Error("ended", "error", err)
		return 1
	}
	notify(log, daemon.SdNotifyStopping)
	log.Info("ended")
	return 0
}

// watchdog is how long the agent may be silent before systemd takes it for one
// that hangs and starts it anew: 30 s of the usual notice of two minutes, which
// is why the unit's own limit is only for the start.
func watchdog(poll time.Duration) time.Duration { return 2*poll + leastSilence }

// alive tells systemd's watchdog, as often as systemd asks for, that polls
// come to their end.
func alive(log *slog.Logger) func(string) {
	last := ""
	return func(status string) {
		state := daemon.SdNotifyWatchdog
		if status != last {
			last = status
			state += "\nSTATUS=" + status
		}
		notify(log, state)
	}
}

func notify(log *slog.Logger, state string) {
	if _, err := daemon.SdNotify(false, state); err != nil {
		log.Warn("cannot notify systemd", "error", err)
	}
}

// serveMetrics serves /metrics until ctx ends. Where that cannot be, the agent
// goes on without.
func serveMetrics(ctx context.Context, address string, metrics *rescue.Metrics, log *slog.Logger) {
	if address == "" {
		return
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		log.Error("no metrics are served", "error", err)
		return
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", metrics.Handler())
	server := &http.Server{Handler: mux, ReadTimeout: 5 * time.Second, WriteTimeout: 5 * time.Second, IdleTimeout: time.Minute}
	log.Info("serving metrics", "address", listener.Addr().String())
	go func() {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			log.Error("metrics are served no more", "error", err)
		}
	}()
	context.AfterFunc(ctx, func() { _ = server.Close() })
}
