package drill

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"path"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tandem-iac/tandem/internal/moto"
)

// call is a request of an agent to AWS that was answered.
type call struct {
	action string
	at     time.Time
	status int
}

// accepted says whether AWS has done what was asked.
func (c call) accepted() bool { return c.status < 300 }

// Calls of the agents.
const (
	executePolicy     = "ExecutePolicy"
	deregisterTargets = "DeregisterTargets"
)

// fault is an answer that AWS gives instead of doing what is asked.
type fault struct {
	status int
	code   string
}

// awsGate stands between one agent and AWS. It notes what is called, and may
// answer with a fault.
type awsGate struct {
	*listener
	shared *awsShared
	// fault is nil while AWS answers.
	fault atomic.Pointer[fault]

	mu    sync.Mutex
	calls []call
}

// awsShared is what the gates of all agents have in common.
type awsShared struct {
	proxy     *httputil.ReverseProxy
	policyARN string
	lag       *lag
	// writing lets one change through at a time. What is atomic at AWS, the
	// stand-in does by looking and then writing, in threads that overlap.
	writing sync.Mutex
}

func newAWSShared(target, account, policyARN string, late *lag) (*awsShared, error) {
	proxy, err := newProxy(target)
	if err != nil {
		return nil, err
	}
	forward := proxy.Rewrite
	proxy.Rewrite = func(r *httputil.ProxyRequest) {
		forward(r)
		r.Out.Header.Set(moto.AccountHeader, account)
	}
	proxy.ModifyResponse = forgiveAbsent
	return &awsShared{proxy: proxy, policyARN: policyARN, lag: late}, nil
}

// forgiveAbsent lets a target leave that has left before, as AWS does and the
// stand-in does not:
// https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_DeregisterTargets.html
func forgiveAbsent(answer *http.Response) error {
	if answer.StatusCode != http.StatusBadRequest {
		return nil
	}
	body, err := io.ReadAll(answer.Body)
	if err := errors.Join(err, answer.Body.Close()); err != nil {
		return err
	}
	if bytes.Contains(body, []byte("<Code>InvalidTarget</Code>")) {
		answer.StatusCode, answer.Status = http.StatusOK, ""
		body = []byte(`<DeregisterTargetsResponse xmlns="http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/"><DeregisterTargetsResult/></DeregisterTargetsResponse>`)
	}
	answer.Body, answer.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	answer.Header.Set("Content-Length", strconv.Itoa(len(body)))
	return nil
}

func newAWSGate(shared *awsShared) (*awsGate, error) {
	g := &awsGate{shared: shared}
	var err error
	g.listener, err = listen(g)
	return g, err
}

func (g *awsGate) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the agent was killed
	}
	form, err := url.ParseQuery(string(body))
	action := form.Get("Action")
	if err != nil || action == "" {
		action = path.Base(r.URL.Path) // of a protocol that names it there
	}
	if f := g.fault.Load(); f != nil {
		refuse(w, *f)
		g.note(action, f.status)
		return
	}
	if form.Get("PolicyName") == g.shared.policyARN {
		// AWS takes names and ARNs, the stand-in names only.
		form.Set("PolicyName", rescuePolicy)
		body = []byte(form.Encode())
	}
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	recorder := &statusRecorder{ResponseWriter: w, decided: func(status int) { g.note(action, status) }}
	if action == executePolicy || action == deregisterTargets {
		defer g.shared.lag.note(time.Now())
		g.shared.writing.Lock()
		defer g.shared.writing.Unlock()
		// What AWS has begun it finishes, also when the agent is killed.
		r = r.WithContext(context.WithoutCancel(r.Context()))
	}
	g.shared.proxy.ServeHTTP(recorder, r)
}

func (g *awsGate) note(action string, status int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.calls = append(g.calls, call{action, time.Now(), status})
}

// accepted returns the calls of an action that AWS has accepted, in order.
func (g *awsGate) accepted(action string) []call {
	g.mu.Lock()
	defer g.mu.Unlock()
	var found []call
	for _, c := range g.calls {
		if c.action == action && c.accepted() {
			found = append(found, c)
		}
	}
	return found
}

// refuse answers with an error as the Query protocol of both services has it.
func refuse(w http.ResponseWriter, f fault) {
	w.Header().Set("Content-Type", "text/xml")
	w.WriteHeader(f.status)
	fmt.Fprintf(w, `<ErrorResponse><Error><Type>Sender</Type><Code>%s</Code><Message>injected by the drill</Message></Error><RequestId>7c7fa4d2-0000-0000-0000-000000000000</RequestId></ErrorResponse>`, f.code)
}

// statusRecorder tells the status of an answer before it is sent.
type statusRecorder struct {
	http.ResponseWriter
	decided func(status int)
}

func (s *statusRecorder) WriteHeader(status int) {
	s.decided(status)
	s.ResponseWriter.WriteHeader(status)
}

// newProxy forwards to target, and closes the connection where it does not answer.
func newProxy(target string) (*httputil.ReverseProxy, error) {
	at, err := url.Parse(target)
	if err != nil {
		return nil, err
	}
	return &httputil.ReverseProxy{
		Rewrite:      func(r *httputil.ProxyRequest) { r.SetURL(at) },
		Transport:    &http.Transport{MaxIdleConnsPerHost: 64},
		ErrorHandler: func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
		ErrorLog:     silent(),
	}, nil
}

// listener is an HTTP server on a free port of the loopback interface.
type listener struct {
	url    string
	server *http.Server
	ended  chan struct{} // closed once it serves no more, with err
	err    error
}

func listen(handler http.Handler) (*listener, error) {
	socket, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	l := &listener{
		url:    "http://" + socket.Addr().String(),
		server: &http.Server{Handler: handler, ReadHeaderTimeout: time.Minute, ErrorLog: silent()},
		ended:  make(chan struct{}),
	}
	go func() {
		defer close(l.ended)
		l.err = l.server.Serve(socket)
	}()
	return l, nil
}

// close cuts all connections. It may be called again.
func (l *listener) close() error {
	err := l.server.Close()
	<-l.ended
	if !errors.Is(l.err, http.ErrServerClosed) {
		err = errors.Join(err, l.err)
	}
	return err
}
