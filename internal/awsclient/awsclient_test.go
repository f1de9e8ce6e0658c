package awsclient_test

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"

	"github.com/tandem-iac/tandem/internal/awsclient"
	"github.com/tandem-iac/tandem/internal/check"
	"github.com/tandem-iac/tandem/internal/moto"
	"github.com/tandem-iac/tandem/internal/mototest"
)

func TestMain(m *testing.M) { os.Exit(mototest.Main(m)) }

func TestConnect(t *testing.T) {
	cfg, err := awsclient.Connect(t.Context(), awsclient.Config{Region: moto.Region})
	if err != nil {
		t.Fatal(err)
	}
	client := awsclient.NewS3(cfg)
	bucket := mototest.Bucket(t, client)
	for name, test := range map[string]struct {
		bucket, region, want string
	}{
		"missing":      {"no-such-bucket", moto.Region, "bucket no-such-bucket does not exist: deploy the delivery stack first"},
		"other region": {bucket, "us-west-2", "is in eu-west-1, not in us-west-2"},
	} {
		err := awsclient.CheckBucket(t.Context(), client, test.bucket, test.region)
		var input check.InputError
		if !errors.As(err, &input) || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, want an InputError with %q", name, err, test.want)
		}
	}
	if err := awsclient.CheckBucket(t.Context(), client, bucket, moto.Region); err != nil {
		t.Error(err)
	}
	if id, err := awsclient.AccountID(t.Context(), cfg); err != nil || id != moto.Account {
		t.Errorf("got account %q (%v), want %s", id, err, moto.Account)
	}
	t.Setenv("AWS_ACCESS_KEY_ID", "")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "")
	_, err = awsclient.Connect(t.Context(), awsclient.Config{Region: moto.Region})
	var input check.InputError
	if !errors.As(err, &input) || !strings.Contains(err.Error(), "no AWS credentials found") {
		t.Errorf("got %v, want an InputError about credentials", err)
	}
}

// Somebody who waits is told what for: once the patience has run out, and not
// for every attempt.
func TestNotify(t *testing.T) {
	start := time.Unix(1_770_000_000, 0)
	for name, test := range map[string]struct {
		step  time.Duration // from one failure to the next
		fault mototest.Fault
		want  []string
	}{
		"at once again": {0, mototest.Fault{Status: 503, Code: "SlowDown"}, nil},
		"for a while":   {time.Second, mototest.Fault{Status: 503, Code: "SlowDown"}, []string{"still trying: S3 GetBucketLocation: SlowDown: "}},
		"for minutes":   {10 * time.Second, mototest.Fault{Status: 503, Code: "SlowDown"}, []string{"still trying: S3 GetBucketLocation: SlowDown: ", "still trying: S3 GetBucketLocation: SlowDown: "}},
		"now and then":  {2 * time.Minute, mototest.Fault{Status: 503, Code: "SlowDown"}, nil},
		"cut off":       {time.Second, mototest.Fault{Drop: true}, []string{"still trying: S3 GetBucketLocation: EOF"}},
	} {
		t.Run(name, func(t *testing.T) {
			failures := 0
			proxy := mototest.NewProxy(t, os.Getenv("AWS_ENDPOINT_URL"), func(int, *http.Request) mototest.Fault {
				if failures == 6 {
					return mototest.Fault{}
				}
				failures++
				return test.fault
			})
			now := start
			var lines []string
			cfg, err := awsclient.Connect(t.Context(), awsclient.Config{
				Region: mototest.Region, Backoff: time.Millisecond,
				Notify: func(line string) { lines = append(lines, line) },
				Now:    func() time.Time { now = now.Add(test.step); return now },
			})
			if err != nil {
				t.Fatal(err)
			}
			direct := awsclient.NewS3(cfg)
			bucket := mototest.Bucket(t, direct)
			cfg.BaseEndpoint = &proxy.URL
			if _, err := awsclient.NewS3(cfg).GetBucketLocation(t.Context(), &s3.GetBucketLocationInput{Bucket: &bucket}); err != nil {
				t.Fatal(err)
			}
			if len(lines) != len(test.want) {
				t.Fatalf("got %q, want %q", lines, test.want)
			}
			for i, want := range test.want {
				if !strings.HasPrefix(lines[i], want) || strings.Contains(lines[i], "\n") {
					t.Errorf("got %q, want a line with %q", lines[i], want)
				}
			}
		})
	}
}

func TestConnectExplainsProfiles(t *testing.T) {
	broken := filepath.Join(t.TempDir(), "config")
	if err := os.WriteFile(broken, []byte("[profile broken]\nretry_mode = sometimes\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("AWS_CONFIG_FILE", broken)
	for profile, want := range map[string]string{
		"nosuch": `there is no AWS profile "nosuch": set AWS_PROFILE to one that 'aws configure list-profiles' names, or unset it`,
		"broken": ": mend ~/.aws/config and ~/.aws/credentials, or the files that",
	} {
		t.Setenv("AWS_PROFILE", profile)
		_, err := awsclient.Connect(t.Context(), awsclient.Config{Region: mototest.Region})
		var input check.InputError
		if !errors.As(err, &input) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want an InputError with %q", profile, err, want)
		}
	}
}

func TestExplainKeepsWhatStandsAround(t *testing.T) {
	aws := &smithy.OperationError{ServiceID: "SSM", OperationName: "SendCommand", Err: &smithy.GenericAPIError{Code: "AccessDeniedException", Message: "not you"}}
	err := errors.Join(fmt.Errorf("roll back: %w", aws), errors.New("and more"))
	got := awsclient.Explain(err)
	if want := "roll back: SSM SendCommand: AccessDeniedException: not you\nand more"; got.Error() != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if !errors.Is(got, aws) {
		t.Error("the cause is lost")
	}
	if plain := errors.New("plain"); !errors.Is(awsclient.Explain(plain), plain) || awsclient.Explain(plain).Error() != "plain" || awsclient.Explain(nil) != nil {
		t.Error("an error that is not of AWS is changed")
	}
}
