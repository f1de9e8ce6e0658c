// Command index is an Index in a process of its own, so that it can be killed:
// what it has acknowledged is there when it starts again.
//
//	index -port 9200 -file FILE
//
// What is below /-/ is for the test, not the protocol's.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/tandem-iac/tandem/internal/logstest"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "index:", err)
		os.Exit(1)
	}
}

func run() error {
	port := flag.Int("port", 0, "port to listen on; 0: a free one")
	var cfg logstest.IndexConfig
	flag.StringVar(&cfg.File, "file", "", "file that keeps the documents")
	flag.StringVar(&cfg.User, "user", "", "user that has to log in")
	flag.StringVar(&cfg.Password, "password", "", "that user's password")
	flag.BoolVar(&cfg.Lean, "lean", false, "forget what documents hold")
	flag.Parse()
	x, err := logstest.NewIndex(cfg)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", *port))
	if err != nil {
		return errors.Join(err, x.Close())
	}
	fmt.Println(listener.Addr())
	mux := http.NewServeMux()
	mux.Handle("/", x)
	mux.HandleFunc("GET /-/counts", func(w http.ResponseWriter, _ *http.Request) { reply(w, x.Counts()) })
	mux.HandleFunc("GET /-/faults", func(w http.ResponseWriter, _ *http.Request) { reply(w, x.Pending()) })
	mux.HandleFunc("GET /-/documents", func(w http.ResponseWriter, _ *http.Request) { reply(w, x.Documents()) })
	mux.HandleFunc("PUT /-/documents/{index}/{id}", func(w http.ResponseWriter, r *http.Request) {
		var source json.RawMessage
		err := json.NewDecoder(r.Body).Decode(&source)
		if err == nil {
			err = x.Put(r.PathValue("index"), r.PathValue("id"), source)
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
		}
	})
	mux.HandleFunc("PUT /-/faults", func(w http.ResponseWriter, r *http.Request) {
		var f logstest.Faults
		if err := json.NewDecoder(r.Body).Decode(&f); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		x.Fail(f)
	})
	server := http.Server{Handler: mux, ReadHeaderTimeout: time.Minute}
	return errors.Join(server.Serve(listener), x.Close())
}

func reply(w http.ResponseWriter, body any) {
	_ = json.NewEncoder(w).Encode(body) // who asked sees that it is cut
}
