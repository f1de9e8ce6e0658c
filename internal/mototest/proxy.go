package mototest

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"
	"time"
)

// Fault is what the proxy does to a request. The zero value forwards it.
type Fault struct {
	// Delay is waited before anything else.
	Delay time.Duration
	// Drop closes the connection; the server never sees the request.
	Drop bool
	// DropAnswer forwards the request and closes the connection instead of
	// answering.
	DropAnswer bool
	// CutAnswer forwards the request and closes the connection in the middle
	// of the answer's body.
	CutAnswer bool
	// Status and Code answer with an error of S3 instead of forwarding.
	Status int
	Code   string
	// Before and After run before the request is forwarded and once the
	// server has carried it out. Nil: nothing runs.
	Before, After func()
}

// Proxy stands between clients and a server.
type Proxy struct {
	// URL is where it listens.
	URL    string
	target *url.URL
	client *http.Client
	fault  func(n int, r *http.Request) Fault
	ended  chan struct{}

	mu       sync.Mutex
	requests []string
	// writing lets one change through at a time. S3's conditional writes are
	// atomic; the stand-in looks and then writes, and threads of it overlap.
	writing sync.Mutex
}

// NewProxy starts a proxy before target, for the time of the test. For each
// request, counted from 1, it asks fault what to do. Nil: nothing.
func NewProxy(t *testing.T, target string, fault func(n int, r *http.Request) Fault) *Proxy {
	t.Helper()
	at, err := url.Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	if fault == nil {
		fault = func(int, *http.Request) Fault { return Fault{} }
	}
	p := &Proxy{target: at, client: &http.Client{Transport: idle()}, fault: fault, ended: make(chan struct{})}
	server := httptest.NewServer(p)
	t.Cleanup(func() {
		close(p.ended) // a request whose body is unread does not see its client go
		server.CloseClientConnections()
		server.Close()
		p.client.CloseIdleConnections()
	})
	p.URL = server.URL
	return p
}

// Requests are those so far: method, path and query.
func (p *Proxy) Requests() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string{}, p.requests...)
}

func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	p.requests = append(p.requests, r.Method+" "+r.URL.RequestURI())
	f := p.fault(len(p.requests), r)
	p.mu.Unlock()
	if f.Delay > 0 {
		select {
		case <-time.After(f.Delay):
		case <-r.Context().Done():
			return
		case <-p.ended:
			return
		}
	}
	if f.Before != nil {
		f.Before()
	}
	switch {
	case f.Drop:
		panic(http.ErrAbortHandler)
	case f.Status != 0:
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "application/xml")
		w.Header().Set("X-Amz-Request-Id", "4442587FB7D0A2F9")
		w.WriteHeader(f.Status)
		fmt.Fprintf(w, `<?xml version="1.0" encoding="UTF-8"?><Error><Code>%s</Code><Message>injected</Message><RequestId>4442587FB7D0A2F9</RequestId></Error>`, f.Code)
		return
	}
	p.forward(w, r, f)
}

func (p *Proxy) forward(w http.ResponseWriter, r *http.Request, f Fault) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		p.writing.Lock()
		defer p.writing.Unlock()
	}
	out := r.Clone(r.Context())
	out.RequestURI = ""
	out.URL.Scheme, out.URL.Host = p.target.Scheme, p.target.Host
	answer, err := p.client.Do(out)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	defer answer.Body.Close()
	if f.After != nil {
		f.After()
	}
	if f.DropAnswer {
		panic(http.ErrAbortHandler)
	}
	for name, values := range answer.Header {
		w.Header()[name] = values
	}
	w.WriteHeader(answer.StatusCode)
	if f.CutAnswer {
		_, _ = io.CopyN(w, answer.Body, answer.ContentLength/2)
		panic(http.ErrAbortHandler)
	}
	_, _ = io.Copy(w, answer.Body)
}

// Refuse is a fault of every request but those that look at a bucket.
func Refuse(code string, status int) func(int, *http.Request) Fault {
	return func(_ int, r *http.Request) Fault {
		if r.Method == http.MethodHead {
			return Fault{}
		}
		return Fault{Status: status, Code: code}
	}
}
