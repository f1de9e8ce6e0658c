package imds_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tandem-iac/tandem/internal/imds"
)

// service is a metadata service that insists on the token it gave last.
type service struct {
	*httptest.Server
	tokens  atomic.Int64
	answers map[string]func(w http.ResponseWriter)
}

func newService(t *testing.T) *service {
	s := &service{answers: map[string]func(http.ResponseWriter){}}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch answer := s.answers[strings.TrimPrefix(r.URL.Path, "/latest/meta-data/")]; {
		case r.Method == http.MethodPut && r.URL.Path == "/latest/api/token" && r.Header.Get("X-aws-ec2-metadata-token-ttl-seconds") == "21600":
			fmt.Fprintf(w, "token-%d", s.tokens.Add(1))
		case r.Header.Get("X-aws-ec2-metadata-token") != fmt.Sprintf("token-%d", s.tokens.Load()):
			w.WriteHeader(http.StatusUnauthorized)
		case answer == nil:
			w.WriteHeader(http.StatusNotFound)
		default:
			answer(w)
		}
	}))
	t.Cleanup(s.Close)
	return s
}

func text(body string) func(http.ResponseWriter) {
	return func(w http.ResponseWriter) { fmt.Fprint(w, body) }
}

func TestOneTokenUntilItNearsItsEnd(t *testing.T) {
	s := newService(t)
	s.answers[imds.InstanceIDPath] = text("i-1234567890abcdef0\n")
	now := time.Now()
	client := imds.New(imds.Config{Endpoint: s.URL + "/", Now: func() time.Time { return now }})
	ask := func(want int64) {
		t.Helper()
		if id, err := client.InstanceID(t.Context()); id != "i-1234567890abcdef0" || err != nil {
			t.Fatalf("got %q, %v", id, err)
		}
		if got := s.tokens.Load(); got != want {
			t.Fatalf("%d tokens so far, want %d", got, want)
		}
	}
	for range 3 {
		ask(1)
	}
	now = now.Add(5*time.Hour + 54*time.Minute)
	ask(1)
	now = now.Add(2 * time.Minute)
	ask(2)
	s.tokens.Add(1) // the service takes the token no longer: 401
	ask(4)
}

func TestRefusalsEnd(t *testing.T) {
	requests := 0
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests++
		if r.Method == http.MethodPut {
			fmt.Fprint(w, "token")
			return
		}
		w.WriteHeader(http.StatusUnauthorized)
	}))
	defer s.Close()
	_, err := imds.New(imds.Config{Endpoint: s.URL}).InstanceID(t.Context())
	var status *imds.StatusError
	if !errors.As(err, &status) || status.Status != http.StatusUnauthorized || requests != 4 {
		t.Errorf("got %v after %d requests, want a 401 after two tokens", err, requests)
	}
}

// Where version 2 is refused, nobody falls back on version 1.
func TestNoVersion1(t *testing.T) {
	var gets atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPut {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		gets.Add(1)
	}))
	defer s.Close()
	if _, err := imds.New(imds.Config{Endpoint: s.URL}).InstanceID(t.Context()); err == nil || gets.Load() != 0 {
		t.Errorf("got %v and %d requests without a token", err, gets.Load())
	}
}

func TestInterruption(t *testing.T) {
	s := newService(t)
	client := imds.New(imds.Config{Endpoint: s.URL})
	if _, err := client.Interruption(t.Context()); !errors.Is(err, imds.ErrNotFound) {
		t.Errorf("got %v before there is a notice, want ErrNotFound", err)
	}
	at := time.Date(2017, 9, 18, 8, 22, 0, 0, time.UTC)
	for _, test := range []struct {
		body string
		want imds.Interruption
		err  bool
	}{
		{`{"action":"terminate","time":"2017-09-18T08:22:00Z"}`, imds.Interruption{Action: "terminate", Time: at}, false},
		{`{"action":"hibernate","time":"2017-09-18T08:22:00Z"}`, imds.Interruption{Action: "hibernate", Time: at}, false},
		{`{"action":"terminate","time":"soon"}`, imds.Interruption{Action: "terminate"}, false},
		{`{"time":"2017-09-18T08:22:00Z"}`, imds.Interruption{}, true},
		{`{"action":"term`, imds.Interruption{}, true},
		{`<html>`, imds.Interruption{}, true},
		{``, imds.Interruption{}, true},
	} {
		s.answers[imds.InstanceActionPath] = text(test.body)
		got, err := client.Interruption(t.Context())
		if got != test.want || (err != nil) != test.err || errors.Is(err, imds.ErrNotFound) {
			t.Errorf("%s: got %v, %v", test.body, got, err)
		}
		var syntax *json.SyntaxError
		if test.body == "<html>" && !errors.As(err, &syntax) {
			t.Errorf("%s: got %v, want what is wrong with it", test.body, err)
		}
	}
}

func TestRebalanceAndTargetState(t *testing.T) {
	s := newService(t)
	client := imds.New(imds.Config{Endpoint: s.URL})
	s.answers[imds.RebalancePath] = text(`{"noticeTime":"2020-10-27T08:22:00Z"}`)
	s.answers[imds.TargetStatePath] = text("Terminated\n")
	if got, err := client.Rebalance(t.Context()); got != "2020-10-27T08:22:00Z" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
	if got, err := client.TargetState(t.Context()); got != "Terminated" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestSkew(t *testing.T) {
	s := newService(t)
	for _, want := range []time.Duration{-90 * time.Second, 0, 90 * time.Second} {
		s.answers[imds.InstanceIDPath] = text("i-1")
		client := imds.New(imds.Config{Endpoint: s.URL, Now: func() time.Time { return time.Now().Add(want) }})
		if _, known := client.Skew(); known {
			t.Error("the skew is known before anybody was asked")
		}
		if _, err := client.InstanceID(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got, known := client.Skew(); !known || (got-want).Abs() > 2*time.Second {
			t.Errorf("got %s, want about %s", got, want)
		}
	}
}

func TestASilentServiceCostsItsTimeout(t *testing.T) {
	hang := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-hang }))
	defer s.Close()
	defer close(hang)
	begin := time.Now()
	if _, err := imds.New(imds.Config{Endpoint: s.URL, Timeout: 50 * time.Millisecond}).InstanceID(t.Context()); err == nil {
		t.Error("no error")
	}
	if took := time.Since(begin); took > 5*time.Second {
		t.Errorf("took %s", took)
	}
}
