package cli

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/tandem-iac/tandem/internal/awsclient"
	"github.com/tandem-iac/tandem/internal/moto"
	"github.com/tandem-iac/tandem/internal/mototest"
)

// TestReleaseScripts drives tandem release against a server that stands in for
// AWS. The command `bucket NAME` of a script makes a bucket, `object BUCKET KEY
// CONTENT` writes into one.
func TestReleaseScripts(t *testing.T) {
	url := os.Getenv("AWS_ENDPOINT_URL")
	// Errors of AWS end with an id that can be asked about.
	refusing := mototest.NewProxy(t, url, mototest.Refuse("AccessDenied", 403))
	noArchives := mototest.NewProxy(t, url, func(n int, r *http.Request) mototest.Fault {
		if r.Method == http.MethodPut && strings.HasSuffix(r.URL.Path, ".tar.gz") {
			return mototest.Refuse("AccessDenied", http.StatusForbidden)(n, r)
		}
		return mototest.Fault{}
	})
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/release",
		Deadline:            time.Now().Add(time.Minute),
		RequireExplicitExec: true,
		UpdateScripts:       os.Getenv("UPDATE_SCRIPTS") != "",
		Setup: func(env *testscript.Env) error {
			for name, value := range moto.Environment(url) {
				env.Setenv(name, value)
			}
			env.Setenv("REFUSING", refusing.URL)
			env.Setenv("REFUSING_ARCHIVES", noArchives.URL)
			env.Setenv("USER", "alice")
			for _, name := range []string{"GIT_AUTHOR_NAME", "GIT_COMMITTER_NAME"} {
				env.Setenv(name, "Alice")
			}
			for _, name := range []string{"GIT_AUTHOR_EMAIL", "GIT_COMMITTER_EMAIL"} {
				env.Setenv(name, "alice@example.com")
			}
			for _, name := range []string{"GIT_AUTHOR_DATE", "GIT_COMMITTER_DATE"} {
				env.Setenv(name, "2026-02-03T04:05:06Z")
			}
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"code":   expectCode,
			"bucket": makeBucket,
			"object": writeObject,
		},
	})
}

// TestWaitingIsExplained interrupts a command as soon as it says what it waits
// for, and goes on with one line.
func TestWaitingIsExplained(t *testing.T) {
	busy := mototest.NewProxy(t, os.Getenv("AWS_ENDPOINT_URL"), func(int, *http.Request) mototest.Fault {
		return mototest.Fault{Status: http.StatusServiceUnavailable, Code: "SlowDown"}
	})
	t.Setenv("AWS_ENDPOINT_URL", busy.URL)
	ctx, cancel := context.WithCancelCause(t.Context())
	var stderr bytes.Buffer
	code := run(ctx, strings.Fields("release list --artifact web --environment prod --region eu-west-1 --bucket builds"),
		app{stdin: strings.NewReader(""), stdout: io.Discard, stderr: writerFunc(func(p []byte) (int, error) {
			cancel(errInterrupted)
			return stderr.Write(p)
		})})
	first, rest, _ := strings.Cut(stderr.String(), "\n")
	if !strings.HasPrefix(first, "tandem: still trying: S3 HeadBucket: ") || rest != "tandem: interrupted\n" || code != exitFailure {
		t.Errorf("exit code is %d with %q, want %d with what is being tried, and that it was interrupted", code, stderr.String(), exitFailure)
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

func makeBucket(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: bucket NAME")
	}
	cfg, err := awsclient.Connect(context.Background(), awsclient.Config{Region: moto.Region})
	ts.Check(err)
	_, err = awsclient.NewS3(cfg).CreateBucket(context.Background(), &s3.CreateBucketInput{
		Bucket:                    &args[0],
		CreateBucketConfiguration: &types.CreateBucketConfiguration{LocationConstraint: moto.Region},
	})
	ts.Check(err)
}

func writeObject(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: object BUCKET KEY CONTENT")
	}
	cfg, err := awsclient.Connect(context.Background(), awsclient.Config{Region: moto.Region})
	ts.Check(err)
	_, err = awsclient.NewS3(cfg).PutObject(context.Background(), &s3.PutObjectInput{
		Bucket: &args[0], Key: &args[1], Body: strings.NewReader(args[2]),
	})
	ts.Check(err)
}
