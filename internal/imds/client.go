// Package imds asks an instance's metadata service for what concerns its end:
// interruption notices, rebalance recommendations and the state that its group
// wants it in. It speaks IMDSv2 alone
// (https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-retrieval.html).
//
// The SDK's client takes a new token every five minutes, does not say when the
// service answered, and retries for longer than an agent that polls can wait.
package imds

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// DefaultEndpoint is where instances find the service.
const DefaultEndpoint = "http://169.254.169.254"

const (
	tokenHeader    = "X-aws-ec2-metadata-token"
	tokenTTLHeader = "X-aws-ec2-metadata-token-ttl-seconds"

	// tokenTTL is the longest that there is, 6 h.
	tokenTTL = 21600 * time.Second
	// renewBefore is how long before its end a token is replaced.
	renewBefore = 5 * time.Minute

	defaultTimeout = 2 * time.Second
	// maxAnswer is far beyond what the service says about an instance's end.
	maxAnswer = 64 << 10
)

// ErrNotFound is the service's answer where there is nothing: no notice, no
// recommendation, no group.
var ErrNotFound = errors.New("not found")

// ErrMalformed is an answer that cannot be read.
var ErrMalformed = errors.New("malformed")

// StatusError is an answer that is neither content nor ErrNotFound.
type StatusError struct {
	Path   string
	Status int
}

func (e *StatusError) Error() string {
	return fmt.Sprintf("instance metadata %s: status %d", e.Path, e.Status)
}

// Config configures New.
type Config struct {
	// Endpoint is the service's URL. Empty: DefaultEndpoint.
	Endpoint string
	// Timeout bounds each request, so that a silent service costs no more than
	// that. Zero: 2 s.
	Timeout time.Duration
	// Now is the clock. Nil: time.Now.
	Now func() time.Time
}

// Client asks one metadata service. It may be used from several goroutines.
type Client struct {
	Config
	http *http.Client

	mu      sync.Mutex
	token   string
	expires time.Time
	skew    time.Duration
	known   bool
}

// New returns a client. It asks for nothing yet.
func New(cfg Config) *Client {
	if cfg.Endpoint == "" {
		cfg.Endpoint = DefaultEndpoint
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = defaultTimeout
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	cfg.Endpoint = strings.TrimSuffix(cfg.Endpoint, "/")
	transport := &http.Transport{
		Proxy:               nil, // the address is link-local: a proxy would ask about its own machine
		DialContext:         (&net.Dialer{Timeout: cfg.Timeout}).DialContext,
		MaxIdleConnsPerHost: 2,
		IdleConnTimeout:     time.Minute,
	}
	return &Client{Config: cfg, http: &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse
	}}}
}

// Get returns what the service has below /latest/meta-data/. Where that is
// nothing, the error is ErrNotFound. A token that the service no longer takes
// is replaced once.
func (c *Client) Get(ctx context.Context, path string) (string, error) {
	for attempt := 0; ; attempt++ {
		token, err := c.currentToken(ctx)
		if err != nil {
			return "", err
		}
		body, status, err := c.do(ctx, http.MethodGet, "/latest/meta-data/"+path, tokenHeader, token)
		switch {
		case err != nil:
			return "", err
		case status == http.StatusOK:
			return body, nil
		case status == http.StatusNotFound:
			return "", ErrNotFound
		case status == http.StatusUnauthorized && attempt == 0:
			c.forget(token)
		default:
			return "", &StatusError{Path: path, Status: status}
		}
	}
}

// Skew is how far this machine's clock is ahead of the metadata service's, by
// the Date of its last answer, which is exact to a second. It is unknown while
// no answer had one.
func (c *Client) Skew() (skew time.Duration, known bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.skew, c.known
}

// currentToken returns the token in use, or a new one where that nears its end.
func (c *Client) currentToken(ctx context.Context) (string, error) {
	c.mu.Lock()
	token, expires := c.token, c.expires
	c.mu.Unlock()
	if token != "" && c.Now().Before(expires.Add(-renewBefore)) {
		return token, nil
	}
	fresh, status, err := c.do(ctx, http.MethodPut, "/latest/api/token", tokenTTLHeader, strconv.Itoa(int(tokenTTL.Seconds())))
	switch {
	case err == nil && status == http.StatusOK && fresh != "":
		c.mu.Lock()
		defer c.mu.Unlock()
		c.token, c.expires = fresh, c.Now().Add(tokenTTL)
		return fresh, nil
	case token != "" && c.Now().Before(expires):
		return token, nil // it is good for a while yet
	case err == nil:
		err = &StatusError{Path: "api/token", Status: status}
	}
	return "", err
}

// forget drops a token, unless somebody has replaced it meanwhile.
func (c *Client) forget(token string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.token == token {
		c.token = ""
	}
}

func (c *Client) do(ctx context.Context, method, path, header, value string) (body string, status int, err error) {
	ctx, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, method, c.Endpoint+path, nil)
	if err != nil {
		return "", 0, err
	}
	request.Header.Set(header, value)
	sent := c.Now()
	answer, err := c.http.Do(request)
	if err != nil {
		return "", 0, fmt.Errorf("instance metadata: %w", err)
	}
	defer answer.Body.Close()
	c.compareClocks(sent, c.Now(), answer.Header.Get("Date"))
	data, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer))
	if err != nil {
		return "", 0, fmt.Errorf("instance metadata %s: %w", path, err)
	}
	return string(data), answer.StatusCode, nil
}

// compareClocks takes the service to have answered halfway between question
// and answer, and in the middle of the second that it names.
func (c *Client) compareClocks(sent, received time.Time, date string) {
	at, err := http.ParseTime(date)
	if err != nil {
		return
	}
	here := sent.Add(received.Sub(sent) / 2)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.skew, c.known = here.Round(0).Sub(at.Add(time.Second/2)), true
}
