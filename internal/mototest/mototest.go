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
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/tandem-iac/tandem/internal/moto"
)

const (
	// Region is the region that the environment of the tests names.
	Region = moto.Region
	// Account is the account that every credential belongs to.
	Account = moto.Account
)

// Main runs the tests of a package beside a server and returns the exit code.
func Main(m *testing.M) int {
	server, err := moto.Start(context.Background())
	if err != nil {
		fmt.Fprintf(os.Stderr, "mototest: %v\n", err)
		return 1
	}
	for name, value := range moto.Environment(server.URL) {
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

// Bucket makes a bucket for one test.
func Bucket(t *testing.T, client *s3.Client) string {
	t.Helper()
	name := strings.Trim(regexp.MustCompile(`[^a-z0-9]+`).ReplaceAllString(strings.ToLower(t.Name()), "-"), "-")
	name = name[max(0, len(name)-50):]
	name = fmt.Sprintf("b%s-%d", strings.Trim(name, "-"), time.Now().UnixNano()%1e9)
	_, err := client.CreateBucket(t.Context(), &s3.CreateBucketInput{
		Bucket:                    &name,
		CreateBucketConfiguration: &types.CreateBucketConfiguration{LocationConstraint: types.BucketLocationConstraint(moto.Region)},
	})
	if err != nil {
		t.Fatal(err)
	}
	return aws.ToString(&name)
}

// idle is a transport of the proxy's own, so that cut connections stay cut.
func idle() *http.Transport { return &http.Transport{MaxIdleConnsPerHost: 64} }
