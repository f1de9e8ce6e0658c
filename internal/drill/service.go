package drill

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"strings"
	"time"

	"github.com/tandem-iac/tandem/internal/child"
)

// HealthPath answers as long as the service is there.
const HealthPath = "/health"

// workHeader is how long the service is to work on a request.
const workHeader = "X-Drill-Work"

// Serve is the web service of a drill: it listens on a free port of the
// loopback interface, says where on out, and answers until ctx ends. It does
// not wait for requests in flight, so that stopping it too early shows.
func Serve(ctx context.Context, out io.Writer) error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintf(out, "http://%s\n", listener.Addr()); err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.HandleFunc(HealthPath, func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		work, err := time.ParseDuration(r.Header.Get(workHeader))
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		select {
		case <-time.After(work):
			fmt.Fprintln(w, "done")
		case <-r.Context().Done():
		}
	})
	server := &http.Server{Handler: mux, ReadHeaderTimeout: time.Minute}
	stop := context.AfterFunc(ctx, func() { _ = server.Close() }) // which cuts every connection
	defer stop()
	err = server.Serve(listener)
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// service is a process that serves.
type service struct {
	url     string
	process *child.Process
}

// serviceGrace is how long a service may take until it says where it listens.
const serviceGrace = 30 * time.Second

// startService starts a web service by the command line of one.
func startService(command []string) (*service, error) {
	cmd := exec.Command(command[0], command[1:]...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	process, err := child.Start(cmd)
	if err != nil {
		return nil, fmt.Errorf("the drill's web service: %w", err)
	}
	line := make(chan string, 1)
	go func() {
		text, _ := bufio.NewReader(out).ReadString('\n') // a process that says nothing ends, or is killed below
		line <- strings.TrimSpace(text)
	}()
	select {
	case url := <-line:
		if url != "" {
			return &service{url: url, process: process}, nil
		}
	case <-time.After(serviceGrace):
	}
	if err := process.Kill(); err != nil {
		return nil, err
	}
	return nil, fmt.Errorf("the drill's web service does not start: %w", process.Err())
}

// stopped says whether the service has ended.
func (s *service) stopped() bool {
	select {
	case <-s.process.Ended():
		return true
	default:
		return false
	}
}
