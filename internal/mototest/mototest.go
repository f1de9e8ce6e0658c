// Package mototest runs a real moto server, which stands in for AWS, for the
// tests of a package, and puts a faulty network before it.
//
//	func TestMain(m *testing.M) { os.Exit(mototest.Main(m)) }
//
// starts one server for all tests of the package and points every AWS tool of
// the process and its children at it. Tests share the server and so use
// buckets of their own, see Bucket.
package mototest

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
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

const (
	// Region is the region that the environment of the tests names.
	Region = "eu-west-1"
	// Account is the account that every credential belongs to.
	Account = "123456789012"

	// requirement is what is installed where there is no moto_server.
	requirement  = "moto[server]==5.2.*"
	startTimeout = 30 * time.Second
)

// Main runs the tests of a package beside a server and returns the exit code.
func Main(m *testing.M) int {
	server, err := Start(context.Background())
	if err != nil {
		fmt.Fprintf(os.Stderr, "mototest: %v\n", err)
		return 1
	}
	for name, value := range Environment(server.URL) {
		err = errors.Join(err, os.Setenv(name, value))
	}
	// Whatever else the developer's shell has chosen.
	for _, name := range []string{"AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_SESSION_TOKEN"} {
		err = errors.Join(err, os.Unsetenv(name))
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "mototest: %v\n", errors.Join(err, server.Stop()))
		return 1
	}
	code := m.Run()
	if err := server.Stop(); err != nil {
		fmt.Fprintf(os.Stderr, "mototest: stop the server: %v\n", err)
		return 1
	}
	return code
}

// Environment is what makes AWS tools speak to url and to nothing else.
func Environment(url string) map[string]string {
	return map[string]string{
		"AWS_ENDPOINT_URL":            url,
		"AWS_REGION":                  Region,
		"AWS_DEFAULT_REGION":          Region,
		"AWS_ACCESS_KEY_ID":           "AKIAIOSFODNN7EXAMPLE",
		"AWS_SECRET_ACCESS_KEY":       "secret",
		"AWS_CONFIG_FILE":             os.DevNull,
		"AWS_SHARED_CREDENTIALS_FILE": os.DevNull,
		"AWS_EC2_METADATA_DISABLED":   "true",
		"AWS_PAGER":                   "",
	}
}

// Server is a moto server on a free port of the loopback interface.
type Server struct {
	// URL is where it listens.
	URL string
	cmd *exec.Cmd
	// ended is closed when the process has, with err.
	ended chan struct{}
	err   error
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
	dieWithParent(cmd)
	stderr, err := cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	s := &Server{cmd: cmd, ended: make(chan struct{})}
	started := make(chan error, 1)
	go func() {
		// The thread that starts a process is the parent it dies with.
		lockThread(func() {
			err := cmd.Start()
			started <- err
			if err == nil {
				s.err = cmd.Wait()
				close(s.ended)
			}
		})
	}()
	if err := <-started; err != nil {
		return nil, err
	}
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
	case <-s.ended:
		return nil, fmt.Errorf("%s ended at once: %w", program, s.err)
	case <-time.After(startTimeout):
		return nil, errors.Join(fmt.Errorf("%s does not listen after %s", program, startTimeout), s.Stop())
	}
}

// Stop ends the server and waits for its end.
func (s *Server) Stop() error {
	if err := s.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	<-s.ended
	return nil
}

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

// Bucket makes a bucket for one test.
func Bucket(t *testing.T, client *s3.Client) string {
	t.Helper()
	name := strings.Trim(regexp.MustCompile(`[^a-z0-9]+`).ReplaceAllString(strings.ToLower(t.Name()), "-"), "-")
	name = name[max(0, len(name)-50):]
	name = fmt.Sprintf("b%s-%d", strings.Trim(name, "-"), time.Now().UnixNano()%1e9)
	_, err := client.CreateBucket(t.Context(), &s3.CreateBucketInput{
		Bucket:                    &name,
		CreateBucketConfiguration: &types.CreateBucketConfiguration{LocationConstraint: types.BucketLocationConstraint(Region)},
	})
	if err != nil {
		t.Fatal(err)
	}
	return aws.ToString(&name)
}

// idle is a transport of the proxy's own, so that cut connections stay cut.
func idle() *http.Transport { return &http.Transport{MaxIdleConnsPerHost: 64} }
