package release_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/tandem-iac/tandem/internal/awsclient"
	"github.com/tandem-iac/tandem/internal/check"
	"github.com/tandem-iac/tandem/internal/moto"
	"github.com/tandem-iac/tandem/internal/mototest"
	"github.com/tandem-iac/tandem/internal/release"
	"github.com/tandem-iac/tandem/internal/release/archive"
)

const (
	artifact    = "obelix"
	environment = "prod"
)

func TestMain(m *testing.M) {
	if file := os.Getenv(publisherFile); file != "" {
		os.Exit(publisher(file))
	}
	os.Exit(mototest.Main(m))
}

// connect returns a client that reaches the server through url, and that
// retries as the real one does, only sooner.
func connect(ctx context.Context, url string, stall time.Duration) (*s3.Client, error) {
	cfg, err := awsclient.Connect(ctx, awsclient.Config{Region: moto.Region, Backoff: 20 * time.Millisecond, Stall: stall})
	if err != nil {
		return nil, err
	}
	cfg.BaseEndpoint = &url
	return awsclient.NewS3(cfg), nil
}

// fixture is a ledger in a bucket of the test's own.
type fixture struct {
	t      *testing.T
	url    string
	bucket string
	client *s3.Client
	*release.Ledger
}

// newFixture speaks to the server directly.
func newFixture(t *testing.T) *fixture {
	t.Helper()
	url := os.Getenv("AWS_ENDPOINT_URL")
	client, err := connect(t.Context(), url, 0)
	if err != nil {
		t.Fatal(err)
	}
	return (&fixture{t: t, url: url, bucket: mototest.Bucket(t, client), client: client}).by("alice")
}

// by is the same ledger in somebody else's hands.
func (f *fixture) by(name string) *fixture {
	g := *f
	g.Ledger = release.New(release.Config{Client: f.client, Bucket: f.bucket, Artifact: artifact, Environment: environment, By: name})
	return &g
}

// at is the same ledger at another time.
func (f *fixture) at(now time.Time) *fixture {
	g := *f
	g.Ledger = release.New(release.Config{
		Client: f.client, Bucket: f.bucket, Artifact: artifact, Environment: environment, By: "alice",
		Now: func() time.Time { return now },
	})
	return &g
}

// through is the same ledger behind a faulty network.
func (f *fixture) through(p *mototest.Proxy) *fixture { return f.impatient(p, 0) }

// impatient gives up silent connections after stall.
func (f *fixture) impatient(p *mototest.Proxy, stall time.Duration) *fixture {
	f.t.Helper()
	g := *f
	var err error
	if g.client, err = connect(f.t.Context(), p.URL, stall); err != nil {
		f.t.Fatal(err)
	}
	g.url = p.URL
	return g.by("alice")
}

// build makes an archive with size random bytes and text in it.
func build(t testing.TB, size int, text string) string {
	t.Helper()
	dir := t.TempDir()
	data := make([]byte, size)
	source := rand.New(rand.NewPCG(1, uint64(len(text))))
	for i := range data {
		data[i] = byte(source.Uint32())
	}
	for name, content := range map[string][]byte{"app/data": data, "app/text": []byte(text)} {
		if err := os.MkdirAll(filepath.Join(dir, "app"), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	file := filepath.Join(t.TempDir(), artifact+".tar.gz")
	if _, err := archive.Build(t.Context(), archive.BuildConfig{Dir: dir, Paths: []string{"app"}, Output: file}); err != nil {
		t.Fatal(err)
	}
	return file
}

// partSize is the least that S3 takes; archives of the tests that are larger
// than it are sent in parts.
const partSize = 5 << 20

func (f *fixture) publish(file string) release.Manifest {
	f.t.Helper()
	m, err := f.Publish(f.t.Context(), release.PublishConfig{File: file, PartSize: partSize})
	if err != nil {
		f.t.Fatal(err)
	}
	return m
}

func (f *fixture) promote(version string) release.Promotion {
	f.t.Helper()
	p, err := f.Promote(f.t.Context(), release.PromoteConfig{Version: version})
	if err != nil {
		f.t.Fatal(err)
	}
	return p
}

func (f *fixture) key(name string) string { return artifact + "/" + environment + "/" + name }

// object is what S3 holds; nil: nothing.
func (f *fixture) object(name string) []byte {
	f.t.Helper()
	key := f.key(name)
	out, err := f.client.GetObject(context.Background(), &s3.GetObjectInput{Bucket: &f.bucket, Key: &key})
	if err != nil {
		if strings.Contains(err.Error(), "NoSuchKey") {
			return nil
		}
		f.t.Fatal(err)
	}
	defer out.Body.Close()
	data, err := io.ReadAll(out.Body)
	if err != nil {
		f.t.Fatal(err)
	}
	return data
}

func (f *fixture) write(name string, data []byte) {
	f.t.Helper()
	if err := f.put(name, data); err != nil {
		f.t.Fatal(err)
	}
}

func (f *fixture) put(name string, data []byte) error {
	key := f.key(name)
	_, err := f.client.PutObject(f.t.Context(), &s3.PutObjectInput{Bucket: &f.bucket, Key: &key, Body: bytes.NewReader(data)})
	return err
}

func (f *fixture) remove(name string) {
	f.t.Helper()
	key := f.key(name)
	if _, err := f.client.DeleteObject(f.t.Context(), &s3.DeleteObjectInput{Bucket: &f.bucket, Key: &key}); err != nil {
		f.t.Fatal(err)
	}
}

// names are the keys of the ledger without their common prefix.
func (f *fixture) names() []string {
	f.t.Helper()
	var names []string
	prefix := f.key("")
	pages := s3.NewListObjectsV2Paginator(f.client, &s3.ListObjectsV2Input{Bucket: &f.bucket, Prefix: &prefix})
	for pages.HasMorePages() {
		page, err := pages.NextPage(context.Background())
		if err != nil {
			f.t.Fatal(err)
		}
		for _, o := range page.Contents {
			names = append(names, strings.TrimPrefix(aws.ToString(o.Key), prefix))
		}
	}
	return names
}

// audit reads the bucket with nothing of the code under test and reports what
// no reader may ever see: a manifest or pointer without the archive that it
// describes. It returns the complete versions and what the pointers name.
func (f *fixture) audit() (complete map[int]bool, latest, stable int) {
	f.t.Helper()
	complete = map[int]bool{}
	sums := map[int]string{}
	for _, name := range f.names() {
		var version int
		if n, _ := fmt.Sscanf(name, artifact+"-%d.json", &version); n != 1 || !strings.HasSuffix(name, ".json") {
			continue
		}
		var m struct {
			Version int
			SHA256  string
			Size    int
		}
		if err := json.Unmarshal(f.object(name), &m); err != nil {
			f.t.Errorf("%s: %v", name, err)
		}
		data := f.object(fmt.Sprintf("%s-%d.tar.gz", artifact, version))
		hash := sha256.Sum256(data)
		if sum := hex.EncodeToString(hash[:]); m.Version != version || m.SHA256 != sum || m.Size != len(data) {
			f.t.Errorf("%s says %+v, the archive has %d bytes with SHA-256 %s", name, m, len(data), sum)
		}
		complete[version], sums[version] = true, m.SHA256
	}
	pointer := func(name string) int {
		text := string(f.object(name))
		if text == "" {
			return 0
		}
		values := archive.ParseLines(text)
		version, err := strconv.Atoi(values["VERSION"])
		if err != nil || !complete[version] || values["SHA256"] != sums[version] {
			f.t.Errorf("%s names an incomplete version or another archive:\n%s", name, text)
		}
		return version
	}
	return complete, pointer("latest.txt"), pointer("latest-stable.txt")
}

func TestPublish(t *testing.T) {
	f := newFixture(t)
	for _, test := range []struct {
		name string
		file string
	}{
		{"in one piece", build(t, 1000, "one")},
		{"in parts", build(t, 2*partSize+1000, "two")},
	} {
		t.Run(test.name, func(t *testing.T) {
			m := f.publish(test.file)
			// What the aws command downloads is what was built.
			local := filepath.Join(t.TempDir(), "a.tar.gz")
			key := f.key(fmt.Sprintf("obelix-%d.tar.gz", m.Version))
			if out, err := exec.Command("aws", "s3", "cp", "--quiet", "s3://"+f.bucket+"/"+key, local).CombinedOutput(); err != nil {
				t.Fatalf("aws s3 cp: %v\n%s", err, out)
			}
			file, err := os.Open(local)
			if err != nil {
				t.Fatal(err)
			}
			defer file.Close()
			if _, err := archive.Inspect(t.Context(), file, archive.Want{SHA256: m.SHA256, Version: m.Version}); err != nil {
				t.Error(err)
			}
			out, err := exec.Command("tar", "xzOf", local, "RELEASE").Output()
			if want := fmt.Sprintf("VERSION=%d\n", m.Version); err != nil || !strings.HasPrefix(string(out), want) {
				t.Errorf("RELEASE is %q (%v), want %q first", out, err, want)
			}
		})
	}
	complete, latest, stable := f.audit()
	if len(complete) != 2 || latest != 2 || stable != 0 {
		t.Errorf("got versions %v, latest %d, stable %d; want 2, latest 2, none stable", complete, latest, stable)
	}
}

func TestPublishAfterForeignReleases(t *testing.T) {
	f := newFixture(t)
	// A ledger that other tools have written to until now.
	f.write("latest.txt", []byte("VERSION=41\nGIT_COMMIT=0b0d052\n"))
	f.write("obelix-42.tar.gz", []byte("whatever"))
	if m := f.publish(build(t, 100, "x")); m.Version != 43 {
		t.Errorf("got version %d, want 43: 42 is taken", m.Version)
	}
	if got := string(f.object("obelix-42.tar.gz")); got != "whatever" {
		t.Errorf("version 42 was overwritten with %q", got)
	}
}

func TestPublishRefuses(t *testing.T) {
	f := newFixture(t)
	published := filepath.Join(t.TempDir(), "published.tar.gz")
	f.publish(build(t, 100, "x"))
	if err := os.WriteFile(published, f.object("obelix-1.tar.gz"), 0o644); err != nil {
		t.Fatal(err)
	}
	plain := filepath.Join(t.TempDir(), "plain.tar.gz")
	if err := os.WriteFile(plain, []byte("nothing"), 0o644); err != nil {
		t.Fatal(err)
	}
	other := build(t, 200, "y")
	for name, test := range map[string]struct {
		cfg  release.PublishConfig
		want string
	}{
		"missing":            {release.PublishConfig{File: "/nowhere"}, "no such file"},
		"not ours":           {release.PublishConfig{File: plain}, "not built by 'tandem release build'"},
		"published already":  {release.PublishConfig{File: published}, "is version 1 already"},
		"resume never begun": {release.PublishConfig{File: other, Resume: 7}, "version 7 of obelix was never begun"},
		"resume another":     {release.PublishConfig{File: other, Resume: 1}, "begun with another build than that in " + other + ": name the archive"},
	} {
		_, err := f.Publish(t.Context(), test.cfg)
		var input check.InputError
		if !errors.As(err, &input) || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, want an InputError with %q", name, err, test.want)
		}
	}
	if complete, latest, _ := f.audit(); len(complete) != 1 || latest != 1 {
		t.Errorf("got versions %v, latest %d; want nothing new", complete, latest)
	}
}
