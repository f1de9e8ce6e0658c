package instance_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/tandem-iac/tandem/instance"
	"github.com/tandem-iac/tandem/internal/awsclient"
	"github.com/tandem-iac/tandem/internal/bootstrap"
	"github.com/tandem-iac/tandem/internal/moto"
	"github.com/tandem-iac/tandem/internal/mototest"
	"github.com/tandem-iac/tandem/internal/release"
	"github.com/tandem-iac/tandem/internal/release/archive"
)

// impatient makes the aws command line leave all patience to our scripts.
var impatient = []string{"AWS_RETRY_MODE=standard", "AWS_MAX_ATTEMPTS=1"}

// cloud is a build bucket behind a network that fails on demand.
type cloud struct {
	t   *testing.T
	url string
	// moto is the same without that network.
	moto   string
	bucket string
	client *s3.Client
	ec2    *ec2.Client
	// instance is the machine's id.
	instance string
	// settings are those that not every machine has, or that are others there.
	settings []instance.Setting
	// refusals is how many more requests are answered with 503.
	refusals chan struct{}
}

func newCloud(t *testing.T) *cloud {
	t.Helper()
	server, err := moto.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Stop(); err != nil {
			t.Error(err)
		}
	})
	c := &cloud{t: t, moto: server.URL, refusals: make(chan struct{}, 100)}
	c.url = mototest.NewProxy(t, server.URL, c.fault).URL
	cfg := moto.Config(server.URL)
	c.client = awsclient.NewS3(cfg)
	c.ec2 = ec2.NewFromConfig(cfg)
	c.bucket = mototest.Bucket(t, c.client)
	return c
}

func (c *cloud) fault(int, *http.Request) mototest.Fault {
	select {
	case <-c.refusals:
		return mototest.Fault{Status: http.StatusServiceUnavailable, Code: "SlowDown"}
	default:
		return mototest.Fault{}
	}
}

func (c *cloud) refuse(requests int) {
	for range requests {
		c.refusals <- struct{}{}
	}
}

func (c *cloud) ledger(artifact string) *release.Ledger {
	return release.New(release.Config{Client: c.client, Bucket: c.bucket, Artifact: artifact, Environment: environment, By: "test"})
}

// publish builds what is in dir and returns its manifest.
func (c *cloud) publish(artifact, dir string) release.Manifest {
	c.t.Helper()
	file := filepath.Join(c.t.TempDir(), "build.tar.gz")
	if _, err := archive.Build(c.t.Context(), archive.BuildConfig{Dir: dir, Paths: []string{"."}, Output: file}); err != nil {
		c.t.Fatal(err)
	}
	m, err := c.ledger(artifact).Publish(c.t.Context(), release.PublishConfig{File: file})
	if err != nil {
		c.t.Fatal(err)
	}
	return m
}

// promoteFirst makes an artifact's first version what machines take.
func (c *cloud) promoteFirst(artifact string) {
	c.t.Helper()
	if _, err := c.ledger(artifact).Promote(c.t.Context(), release.PromoteConfig{Version: "1"}); err != nil {
		c.t.Fatal(err)
	}
}

func (c *cloud) put(key string, data []byte) {
	c.t.Helper()
	if _, err := c.client.PutObject(c.t.Context(), &s3.PutObjectInput{Bucket: &c.bucket, Key: &key, Body: bytes.NewReader(data)}); err != nil {
		c.t.Fatal(err)
	}
}

func (c *cloud) get(key string) []byte {
	c.t.Helper()
	object, err := c.client.GetObject(c.t.Context(), &s3.GetObjectInput{Bucket: &c.bucket, Key: &key})
	if err != nil {
		c.t.Fatal(err)
	}
	defer object.Body.Close()
	data, err := io.ReadAll(object.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	return data
}

// forge puts an archive and a manifest into the bucket that no publisher made.
// The manifest is right unless change makes it wrong.
func (c *cloud) forge(version int, data []byte, change func(*release.Manifest)) {
	c.t.Helper()
	sum := sha256.Sum256(data)
	m := release.Manifest{Artifact: service, Environment: environment, Version: version, SHA256: hex.EncodeToString(sum[:]), Size: int64(len(data))}
	if change != nil {
		change(&m)
	}
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		c.t.Fatal(err)
	}
	prefix := fmt.Sprintf("%s/%s/%s-%d", service, environment, service, version)
	c.put(prefix+".tar.gz", data)
	c.put(prefix+".json", text)
}

// metadata launches an instance and returns the URL of its metadata service,
// which insists on tokens.
func (c *cloud) metadata() string {
	c.t.Helper()
	out, err := c.ec2.RunInstances(c.t.Context(), &ec2.RunInstancesInput{ImageId: aws.String("ami-12c6146b"), MinCount: aws.Int32(1), MaxCount: aws.Int32(1)})
	if err != nil {
		c.t.Fatal(err)
	}
	id := *out.Instances[0].InstanceId
	c.instance = id
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Method == http.MethodPut && r.URL.Path == "/latest/api/token" && r.Header.Get("X-aws-ec2-metadata-token-ttl-seconds") != "":
			fmt.Fprint(w, "a-token")
		case r.Header.Get("X-aws-ec2-metadata-token") != "a-token":
			w.WriteHeader(http.StatusUnauthorized)
		case r.URL.Path == "/latest/meta-data/instance-id":
			fmt.Fprint(w, id)
		default:
			w.WriteHeader(http.StatusNotFound)
		}
	}))
	c.t.Cleanup(server.Close)
	return server.URL
}

// tags are what the instance says that it runs.
func (c *cloud) tags() string {
	c.t.Helper()
	out, err := c.ec2.DescribeTags(c.t.Context(), &ec2.DescribeTagsInput{
		Filters: []types.Filter{{Name: aws.String("resource-id"), Values: []string{c.instance}}},
	})
	if err != nil {
		c.t.Fatal(err)
	}
	var said []string
	for _, tag := range out.Tags {
		said = append(said, *tag.Key+"="+*tag.Value)
	}
	slices.Sort(said)
	return strings.Join(said, " ")
}

// userData is that of a launch template, rendered as the construct does.
func (c *cloud) userData(sum string) string {
	c.t.Helper()
	others := map[string]bool{}
	for _, each := range c.settings {
		others[each.Name] = true
	}
	settings := slices.DeleteFunc([]instance.Setting{
		{Name: "AWS_REGION", Value: moto.Region},
		{Name: "AWS_DEFAULT_REGION", Value: moto.Region},
		{Name: "TANDEM_ENVIRONMENT", Value: environment},
		{Name: "TANDEM_SERVICE", Value: service},
		{Name: "TANDEM_PLAYBOOK", Value: playbook},
		{Name: "TANDEM_BUILD_BUCKET", Value: c.bucket},
		{Name: "TANDEM_CLUSTER", Value: service},
		{Name: "TANDEM_LIFECYCLE", Value: "spot"},
		{Name: "TANDEM_GROUP", Value: "prod-obelix-spot"},
		{Name: "TANDEM_RESCUE_GROUP", Value: "prod-obelix-on-demand"},
		{Name: "TANDEM_RESCUE_POLICY_ARN", Value: "rescue"},
		{Name: "TANDEM_TARGET_GROUP_ARN", Value: "web"},
		{Name: "TANDEM_HEALTH_PATH", Value: "/health?from=alb&deep=no"},
		{Name: "TANDEM_IDLE_SECONDS", Value: "60"},
	}, func(s instance.Setting) bool { return others[s.Name] })
	script, err := instance.UserData(instance.UserDataConfig{
		Region:      moto.Region,
		Bucket:      c.bucket,
		SetupKey:    instance.SetupKey(instance.SetupSHA256()),
		SetupSHA256: sum,
		Settings:    append(settings, c.settings...),
		Preamble:    "echo 'PREAMBLE=ran' >> /etc/tandem/instance.env",
	})
	if err != nil {
		c.t.Fatal(err)
	}
	return script
}

// publishAgent builds the agent and publishes it as the operator's command does.
func (c *cloud) publishAgent() {
	c.t.Helper()
	dir := c.t.TempDir()
	build := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w", "-o", filepath.Join(dir, bootstrap.AgentProgram(runtime.GOARCH)), "../cmd/spotwatch")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		c.t.Fatalf("%v\n%s", err, out)
	}
	if _, err := bootstrap.PublishAgent(c.t.Context(), c.ledger(agentArtifact), dir, runtime.GOARCH); err != nil {
		c.t.Fatal(err)
	}
}
