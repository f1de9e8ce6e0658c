package mirror_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/tandem-iac/tandem/internal/awsclient"
	"github.com/tandem-iac/tandem/internal/mirror"
	"github.com/tandem-iac/tandem/internal/moto"
	"github.com/tandem-iac/tandem/internal/mototest"
	"github.com/tandem-iac/tandem/internal/needs"
	"github.com/tandem-iac/tandem/internal/packagetest"
)

// kept is what tests share, made and removed around all of them.
var kept string

func TestMain(m *testing.M) {
	var err error
	if kept, err = os.MkdirTemp("", "mirror-test."); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := mototest.Main(m)
	if err := os.RemoveAll(kept); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// format is one of the two kinds of repositories, with a stock client of it.
type format struct {
	name, distribution, architecture string
	// source makes what the distribution has, at url, and returns what
	// mirror.Source.From is to be.
	source func(t *testing.T, dir, url string, key *packagetest.Key, packages ...packagetest.Package) string
	// client makes a stock client with a machine of its own.
	client func(t *testing.T, url string, key packagetest.Key) reader
	// pointer is the one file that is ever replaced.
	pointer string
}

var formats = map[string]format{
	"rpm": {"rpm", "amzn-2023", "x86_64", packagetest.RPMSource, newDNF, "repodata/repomd.xml"},
	"deb": {"deb", "debian-12", "amd64", func(t *testing.T, dir, url string, _ *packagetest.Key, packages ...packagetest.Package) string {
		return packagetest.DebSource(t, dir, url, packages...)
	}, newAPT, "dists/stable/Release"},
}

// eachFormat runs a test for dnf and for apt, both at once.
func eachFormat(t *testing.T, test func(t *testing.T, f *fixture)) {
	packagetest.Tools(t)
	needs.Root(t) // rpm and dpkg install into a root of their own
	for name, f := range formats {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, newFixture(t, f))
		})
	}
}

// states are those of a distribution that tests share, 1.0, 2.0 and 3.0, each
// prepared for a mirror that has seen the ones before it. They fit every bucket,
// as the ETag of a pointer follows from its content.
type states struct {
	once    sync.Once
	indexes []mirror.Index
}

var shared = map[string]*states{"rpm": {}, "deb": {}}

// states returns those of the fixture's format.
func (x *fixture) states() []mirror.Index {
	x.t.Helper()
	s := shared[x.name]
	s.once.Do(func() {
		for _, version := range []string{"1.0", "2.0", "3.0"} {
			from := x.offer(release(version)...)
			from.Work = kept
			index, _, err := x.Prepare(x.t.Context(), from) // removed with all of kept
			if err != nil {
				x.t.Fatal(err)
			}
			x.publish(index)
			s.indexes = append(s.indexes, index)
		}
		x.renew()
	})
	if len(s.indexes) < 3 {
		x.t.Fatal("the states could not be made")
	}
	return s.indexes
}

// fixture is a mirror in a bucket of the test's own, and a distribution.
type fixture struct {
	format
	t      *testing.T
	url    string // of the server
	bucket string
	client *s3.Client
	key    packagetest.Key
	*mirror.Repository
}

func newFixture(t *testing.T, f format) *fixture {
	t.Helper()
	x := &fixture{format: f, t: t, url: os.Getenv("AWS_ENDPOINT_URL"), key: key(t)}
	x.client = connect(t, x.url, 3)
	x.renew()
	return x
}

var theKey struct {
	sync.Once
	packagetest.Key
}

// key is the distribution's.
func key(t *testing.T) packagetest.Key {
	theKey.Do(func() { theKey.Key = packagetest.NewKey(t, kept) })
	return theKey.Key
}

// renew goes on in a new bucket.
func (x *fixture) renew() {
	x.t.Helper()
	x.bucket = mototest.Bucket(x.t, x.client)
	// In place of the endpoint, which moto has none of.
	policy := fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::%s/*"}]}`, x.bucket)
	if _, err := x.client.PutBucketPolicy(x.t.Context(), &s3.PutBucketPolicyInput{Bucket: &x.bucket, Policy: &policy}); err != nil {
		x.t.Fatal(err)
	}
	x.Repository = x.open(x.client, time.Now)
}

// connect returns a client that reaches the server through url, and that
// tries as the real one does, only sooner and less often.
func connect(t *testing.T, url string, attempts int) *s3.Client {
	t.Helper()
	cfg, err := awsclient.Connect(t.Context(), awsclient.Config{Region: moto.Region, Backoff: 10 * time.Millisecond, Attempts: attempts})
	if err != nil {
		t.Fatal(err)
	}
	cfg.BaseEndpoint = &url
	return awsclient.NewS3(cfg)
}

// open is the same mirror through another client and by another clock.
func (x *fixture) open(client *s3.Client, now func() time.Time) *mirror.Repository {
	x.t.Helper()
	r, err := mirror.New(mirror.Config{
		Client: client, Bucket: x.bucket, Distribution: x.distribution, Architecture: x.architecture, By: "test", Now: now,
	})
	if err != nil {
		x.t.Fatal(err)
	}
	return r
}

// at is where readers find the mirror behind a server.
func (x *fixture) at(server string) string {
	return server + "/" + x.bucket + "/" + x.distribution + "/" + x.architecture
}

// release is a state of the distribution: a web server and what it needs.
func release(version string) []packagetest.Package {
	return []packagetest.Package{
		{Name: "web", Version: version, Requires: []string{"libweb"}},
		{Name: "libweb", Version: version},
		{Name: "unwanted", Version: version},
	}
}

// offer makes a state of the distribution that can be synced from.
func (x *fixture) offer(packages ...packagetest.Package) mirror.Source {
	x.t.Helper()
	cfg, _ := x.distribute(packages...)
	return cfg
}

// distribute is offer that returns the distribution's server too.
func (x *fixture) distribute(packages ...packagetest.Package) (mirror.Source, *httptest.Server) {
	x.t.Helper()
	dir := x.t.TempDir()
	server := httptest.NewServer(http.FileServer(http.Dir(dir)))
	x.t.Cleanup(server.Close)
	return mirror.Source{
		Packages: []string{packages[0].Name}, From: x.source(x.t, dir, server.URL, &x.key, packages...), Keys: []string{x.key.Public},
	}, server
}

// prepare makes an index, for the time of the test.
func (x *fixture) prepare(from mirror.Source) mirror.Index {
	x.t.Helper()
	index, done, err := x.Prepare(x.t.Context(), from)
	x.t.Cleanup(func() {
		if err := done(); err != nil {
			x.t.Error(err)
		}
	})
	if err != nil {
		x.t.Fatal(err)
	}
	return index
}

func (x *fixture) sync(from mirror.Source) mirror.Synced {
	x.t.Helper()
	return x.publish(x.prepare(from))
}

func (x *fixture) publish(index mirror.Index) mirror.Synced {
	x.t.Helper()
	synced, err := x.Publish(x.t.Context(), index, mirror.PublishConfig{})
	if err != nil {
		x.t.Fatal(err)
	}
	return synced
}

// installed is the version of web that a new machine gets from a server, with
// a libweb of the same version, or it is an error.
func (x *fixture) installed(server string) (string, error) {
	x.t.Helper()
	return installWeb(x.machine(server))
}

// machine is a client with a new machine.
func (x *fixture) machine(server string) reader { return x.format.client(x.t, x.at(server), x.key) }

// wants fails unless a new machine gets a version.
func (x *fixture) wants(version string) {
	x.t.Helper()
	if got, err := x.installed(x.url); err != nil || got != version {
		x.t.Errorf("a new machine got %q, %v, want %s", got, err, version)
	}
}

// whole fails unless all is there that the pointer leads to.
func (x *fixture) whole() {
	x.t.Helper()
	current, err := x.Current(x.t.Context())
	if err != nil {
		x.t.Fatal(err)
	}
	names := current.Metadata
	for _, p := range current.Packages {
		names = append(names, "packages/"+p.SHA256+"."+x.name)
	}
	for _, name := range names {
		answer, err := http.Get(x.at(x.url) + "/" + name)
		if err != nil {
			x.t.Fatal(err)
		}
		if answer.Body.Close(); answer.StatusCode != http.StatusOK {
			x.t.Errorf("%s of snapshot %d: %s", name, current.Number, answer.Status)
		}
	}
	if len(names) < 3 {
		x.t.Errorf("snapshot %d has %d objects", current.Number, len(names))
	}
}
