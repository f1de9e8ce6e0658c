// Package moto runs a real moto server, which stands in for AWS, on a free port
// of the loopback interface.
package moto

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/tandem-iac/tandem/internal/child"
)

const (
	// Region is the region that the environment of the server names.
	Region = "eu-west-1"
	// Account is the account that every credential belongs to.
	Account = "123456789012"

	accessKey = "AKIAIOSFODNN7EXAMPLE"
	secretKey = "secret"

	// requirement is what is installed where there is no moto_server.
	requirement  = "moto[server]==5.2.*"
	startTimeout = 30 * time.Second
)

// Environment is what makes AWS tools speak to url and to nothing else.
func Environment(url string) map[string]string {
	return map[string]string{
		"AWS_ENDPOINT_URL":            url,
		"AWS_REGION":                  Region,
		"AWS_DEFAULT_REGION":          Region,
		"AWS_ACCESS_KEY_ID":           accessKey,
		"AWS_SECRET_ACCESS_KEY":       secretKey,
		"AWS_CONFIG_FILE":             os.DevNull,
		"AWS_SHARED_CREDENTIALS_FILE": os.DevNull,
		"AWS_EC2_METADATA_DISABLED":   "true",
		"AWS_PAGER":                   "",
	}
}

// Config speaks to the server at url with credentials that it takes.
func Config(url string) aws.Config {
	return aws.Config{
		Region: Region, BaseEndpoint: &url,
		Credentials: credentials.NewStaticCredentialsProvider(accessKey, secretKey, ""),
		// Under load, moto answers now and then with an error of its own.
		Retryer: func() aws.Retryer {
			return retry.NewStandard(func(o *retry.StandardOptions) { o.MaxBackoff, o.RateLimiter = time.Millisecond, ratelimit.None })
		},
	}
}

// AccountHeader names the account that moto carries a request out in, whatever
// its credentials are.
const AccountHeader = "X-Moto-Account-Id"

// Member is an HTTP client of somebody in the account.
type Member string

// Do sends the request.
func (m Member) Do(r *http.Request) (*http.Response, error) {
	r.Header.Set(AccountHeader, string(m))
	return http.DefaultClient.Do(r)
}

// Server is a moto server.
type Server struct {
	// URL is where it listens.
	URL     string
	process *child.Process
}

// running is the line by which the server says that it listens, and where.
var running = regexp.MustCompile(`Running on (http://127\.0\.0\.1:[0-9]+)`)

// Start starts a server. The caller stops it; it also ends when this process
// does.
func Start(ctx context.Context) (*Server, error) {
	program, err := find(ctx)
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(program, "-H", "127.0.0.1", "-p", "0")
	stderr, err := cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	process, err := child.Start(cmd)
	if err != nil {
		return nil, err
	}
	s := &Server{process: process}
	url := make(chan string, 1)
	go func() {
		lines := bufio.NewScanner(stderr)
		for lines.Scan() {
			if m := running.FindStringSubmatch(lines.Text()); m != nil {
				url <- m[1]
				break
			}
		}
		// Keep reading, or the server blocks on its log.
		_, _ = io.Copy(io.Discard, stderr)
	}()
	select {
	case s.URL = <-url:
		return s, nil
	case <-process.Ended():
		return nil, fmt.Errorf("%s ended at once: %w", program, process.Err())
	case <-ctx.Done():
		return nil, errors.Join(context.Cause(ctx), s.Stop())
	case <-time.After(startTimeout):
		return nil, errors.Join(fmt.Errorf("%s does not listen after %s", program, startTimeout), s.Stop())
	}
}

// Ended is closed when the server has ended, Err then says how.
func (s *Server) Ended() <-chan struct{} { return s.process.Ended() }

// Err is how the server ended, once it has.
func (s *Server) Err() error { return s.process.Err() }

// Stop ends the server and waits for its end.
func (s *Server) Stop() error { return s.process.Kill() }

// find returns the path of moto_server: on PATH, or in a virtual environment
// in the user's cache, which it makes where Python packages can be had.
func find(ctx context.Context) (string, error) {
	if program, err := exec.LookPath("moto_server"); err == nil {
		return program, nil
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	venv := filepath.Join(cache, "tandem", "moto-5.2")
	program := filepath.Join(venv, "bin", "moto_server")
	if _, err := os.Stat(program); err == nil {
		return program, nil
	}
	for _, args := range [][]string{
		{"python3", "-m", "venv", venv},
		{filepath.Join(venv, "bin", "pip"), "install", "--quiet", "--disable-pip-version-check", requirement},
	} {
		if out, err := exec.CommandContext(ctx, args[0], args[1:]...).CombinedOutput(); err != nil {
			return "", fmt.Errorf("moto_server is not on PATH and cannot be installed into %s: put it on PATH, or let 'pip install %s' work here (%s: %w: %s)",
				venv, requirement, args[0], err, strings.TrimSpace(string(out)))
		}
	}
	return program, nil
}
