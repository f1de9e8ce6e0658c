package release_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/tandem-iac/tandem/internal/mototest"
	"github.com/tandem-iac/tandem/internal/release"
)

func TestConcurrentPublishers(t *testing.T) {
	const publishers = 100
	f := newFixture(t)
	file := build(t, 1000, "same for all")
	// Only to make the stand-in's conditional writes atomic.
	proxy := mototest.NewProxy(t, f.url, nil)
	g := f.through(proxy)
	versions := make([]int, publishers)
	var wg sync.WaitGroup
	for i := range publishers {
		wg.Go(func() {
			m, err := g.Publish(t.Context(), release.PublishConfig{File: file})
			if err != nil {
				t.Errorf("publisher %d: %v", i, err)
			}
			versions[i] = m.Version
		})
	}
	wg.Wait()
	slices.Sort(versions)
	for i, v := range versions {
		if v != i+1 {
			t.Fatalf("got versions %v, want 1 to %d, each once", versions, publishers)
		}
	}
	complete, latest, _ := f.audit()
	if len(complete) != publishers || latest != publishers {
		t.Errorf("%d versions are complete and latest names %d, want %d", len(complete), latest, publishers)
	}
	t.Logf("%d requests", len(proxy.Requests()))
}

// The environment of a publisher that runs as a process of its own.
const (
	publisherFile   = "TEST_PUBLISHER_FILE"
	publisherBucket = "TEST_PUBLISHER_BUCKET"
	publisherURL    = "TEST_PUBLISHER_URL"
)

// publisher is the process that TestPublisherKilled kills.
func publisher(file string) int {
	ctx := context.Background()
	client, err := connect(ctx, os.Getenv(publisherURL), 0)
	if err == nil {
		l := release.New(release.Config{Client: client, Bucket: os.Getenv(publisherBucket), Artifact: artifact, Environment: environment, By: "bob"})
		_, err = l.Publish(ctx, release.PublishConfig{File: file, PartSize: partSize, Workers: 1})
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// A publisher dies before each of its writes is carried out. To die at a read,
// or once a write is carried out, is to die before the next write.
func TestPublisherKilled(t *testing.T) {
	file, small := build(t, partSize+1000, "in two parts"), build(t, 100, "small")
	survived := false
	for step := 1; !survived; step++ {
		t.Run(fmt.Sprintf("before write %d", step), func(t *testing.T) {
			f := newFixture(t)
			first := f.publish(small)
			f.promote("1")
			request, died := killPublisher(t, f, file, step)
			survived = !died
			if survived {
				return
			}
			complete, latest, stable := f.audit()
			if latest != first.Version && !complete[latest] || stable != 1 {
				t.Errorf("before %s: latest is %d, stable %d", request, latest, stable)
			}
			// The next one is not held up.
			next := f.publish(small)
			complete, latest, _ = f.audit()
			if latest != next.Version || next.Version > 3 {
				t.Errorf("before %s: the next version is %d and latest names %d", request, next.Version, latest)
			}
			// And a day later nothing is left of the dead one.
			if _, err := f.at(time.Now().Add(25*time.Hour)).Prune(t.Context(), release.PruneConfig{}); err != nil {
				t.Fatal(err)
			}
			before := complete
			complete, latest, _ = f.audit()
			if latest != next.Version || len(complete) < len(before) {
				t.Errorf("before %s: prune left versions %v of %v and latest at %d", request, complete, before, latest)
			}
			noLeftovers(t, f, complete)
		})
		if step > 20 {
			t.Fatal("the publisher makes more writes than this test knows of")
		}
	}
}

// killPublisher runs a publisher and kills it at a write, which it returns.
func killPublisher(t *testing.T, f *fixture, file string, step int) (request string, died bool) {
	t.Helper()
	process := make(chan *os.Process, 1)
	ended := make(chan struct{})
	killed := make(chan string, 1)
	writes := 0
	proxy := mototest.NewProxy(t, f.url, func(_ int, r *http.Request) mototest.Fault {
		if isWrite(r) {
			writes++
		}
		if writes < step {
			return mototest.Fault{}
		}
		kill := func() {
			select {
			case killed <- r.Method + " " + r.URL.RequestURI():
				if err := (<-process).Kill(); err != nil {
					t.Error(err)
				}
			default: // dying already
			}
			<-ended
		}
		return mototest.Fault{Before: kill, Drop: true}
	})
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), publisherFile+"="+file, publisherBucket+"="+f.bucket, publisherURL+"="+proxy.URL)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	process <- cmd.Process
	err := cmd.Wait()
	close(ended)
	select {
	case request := <-killed:
		return request, true
	default:
	}
	if err != nil {
		t.Fatalf("%v\n%s", err, stderr.String())
	}
	return "", false
}

func isWrite(r *http.Request) bool { return r.Method != http.MethodGet && r.Method != http.MethodHead }

// noLeftovers fails if the bucket holds anything of incomplete versions.
func noLeftovers(t *testing.T, f *fixture, complete map[int]bool) {
	t.Helper()
	for _, name := range f.names() {
		var version int
		if n, _ := fmt.Sscanf(name, "claims/%d.json", &version); n == 0 {
			if n, _ = fmt.Sscanf(name, artifact+"-%d.tar.gz", &version); n == 0 {
				continue
			}
		}
		if !complete[version] {
			t.Errorf("%s is left over", name)
		}
	}
	out, err := f.client.ListMultipartUploads(t.Context(), &s3.ListMultipartUploadsInput{Bucket: &f.bucket})
	if err != nil {
		t.Fatal(err)
	}
	for _, u := range out.Uploads {
		t.Errorf("an upload of %s is left over", *u.Key)
	}
}

// Each of the requests of a publication fails in each way once, and the
// publication succeeds none the less and makes exactly one version.
func TestPublishOverBadNetwork(t *testing.T) {
	file := build(t, partSize+1000, "in two parts")
	faults := map[string]mototest.Fault{
		"refused connection": {Drop: true},
		"lost answer":        {DropAnswer: true},
		"cut answer":         {CutAnswer: true},
		"500":                {Status: 500, Code: "InternalError"},
		"503":                {Status: 503, Code: "SlowDown"},
		"throttled":          {Status: 400, Code: "Throttling"},
		"conflict":           {Status: 409, Code: "ConditionalRequestConflict"},
	}
	for name, fault := range faults {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			// The key of a version shows in every request; once for each kind.
			seen := map[string]bool{}
			var mu sync.Mutex
			proxy := mototest.NewProxy(t, f.url, func(_ int, r *http.Request) mototest.Fault {
				mu.Lock()
				defer mu.Unlock()
				kind := r.Method + r.URL.Path + r.URL.Query().Get("partNumber")
				if seen[kind] {
					return mototest.Fault{}
				}
				seen[kind] = true
				return fault
			})
			m := f.through(proxy).publish(file)
			complete, latest, _ := f.audit()
			if m.Version != 1 || len(complete) != 1 || latest != 1 {
				t.Errorf("got version %d, complete %v, latest %d; want version 1 and no other\n%s", m.Version, complete, latest, strings.Join(proxy.Requests(), "\n"))
			}
			p := f.through(proxy).promote("latest")
			if _, _, stable := f.audit(); !p.Moved || stable != 1 {
				t.Errorf("promotion over the same network: %+v, stable is %d", p, stable)
			}
			if changes, err := f.History(t.Context(), 0); err != nil || len(changes) != 1 {
				t.Errorf("the history has %d changes (%v), want 1", len(changes), err)
			}
		})
	}
}

// A server that takes the request and goes silent.
func TestPublishSilentServer(t *testing.T) {
	f := newFixture(t)
	var once sync.Once
	proxy := mototest.NewProxy(t, f.url, func(_ int, r *http.Request) (fault mototest.Fault) {
		if strings.HasSuffix(r.URL.Path, ".tar.gz") {
			once.Do(func() { fault.Delay = time.Hour })
		}
		return fault
	})
	start := time.Now()
	f.impatient(proxy, time.Second).publish(build(t, 1000, "x"))
	if took := time.Since(start); took > 10*time.Second {
		t.Errorf("it took %s, want little more than the second after which a silent connection is given up", took)
	}
}

// A server that keeps failing: the error says what AWS said, with the id to
// ask AWS about, and how to go on; nothing is visible.
func TestPublishGivesUpAndResumes(t *testing.T) {
	f := newFixture(t)
	file := build(t, 3*partSize+1000, "in four parts")
	expired := func(_ int, r *http.Request) mototest.Fault {
		if r.URL.Query().Get("partNumber") == "3" {
			return mototest.Fault{Status: 400, Code: "ExpiredToken"}
		}
		return mototest.Fault{}
	}
	first := mototest.NewProxy(t, f.url, expired)
	_, err := f.through(first).Publish(t.Context(), release.PublishConfig{File: file, PartSize: partSize, Workers: 1})
	var unfinished *release.UnfinishedError
	if !errors.As(err, &unfinished) || unfinished.Version != 1 {
		t.Fatalf("got %v, want an UnfinishedError of version 1", err)
	}
	for _, want := range []string{"ExpiredToken", "4442587FB7D0A2F9", "version 1 is not complete, and no pointer names it"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q does not contain %q", err, want)
		}
	}
	if complete, latest, _ := f.audit(); len(complete) != 0 || latest != 0 {
		t.Errorf("versions %v are visible and latest is %d", complete, latest)
	}

	second := mototest.NewProxy(t, f.url, nil)
	m, err := f.through(second).by("bob").Publish(t.Context(), release.PublishConfig{File: file, PartSize: partSize, Workers: 1, Resume: 1})
	if err != nil {
		t.Fatal(err)
	}
	parts := 0
	for _, r := range second.Requests() {
		if strings.Contains(r, "partNumber=") {
			parts++
		}
	}
	if complete, latest, _ := f.audit(); m.Version != 1 || parts != 2 || len(complete) != 1 || latest != 1 {
		t.Errorf("resumed as version %d with %d parts sent; complete %v, latest %d; want version 1 with the 2 missing parts", m.Version, parts, complete, latest)
	}
	// Once more changes nothing.
	if again, err := f.Publish(t.Context(), release.PublishConfig{File: file, PartSize: partSize, Resume: 1}); err != nil || again != m {
		t.Errorf("resuming a complete version: %+v, %v; want what it is", again, err)
	}
}

// The publisher that was believed dead goes on after somebody has resumed its
// version, or prune has given it up: it must not make anything visible.
func TestPublisherTooLate(t *testing.T) {
	file := build(t, 1000, "x")
	for name, meanwhile := range map[string]func(t *testing.T, f *fixture){
		"resumed": func(t *testing.T, f *fixture) {
			if _, err := f.Publish(t.Context(), release.PublishConfig{File: file, Resume: 1}); err != nil {
				t.Error(err)
			}
		},
		"pruned": func(t *testing.T, f *fixture) {
			pruned, err := f.at(time.Now().Add(25*time.Hour)).Prune(t.Context(), release.PruneConfig{})
			if err != nil || len(pruned) != 1 || pruned[0].Reason != release.PrunedUnfinished {
				t.Errorf("pruned %+v, %v", pruned, err)
			}
		},
		"pruned, and the number used again": func(t *testing.T, f *fixture) {
			if _, err := f.at(time.Now().Add(25*time.Hour)).Prune(t.Context(), release.PruneConfig{}); err != nil {
				t.Error(err)
			}
			f.publish(build(t, 500, "somebody else's"))
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			// It is stopped between its upload and its second write to the claim.
			writes := 0
			proxy := mototest.NewProxy(t, f.url, func(_ int, r *http.Request) mototest.Fault {
				if r.Method == http.MethodPut && strings.Contains(r.URL.Path, "/claims/") {
					if writes++; writes == 2 {
						return mototest.Fault{Before: func() { meanwhile(t, f) }}
					}
				}
				return mototest.Fault{}
			})
			_, err := f.through(proxy).Publish(t.Context(), release.PublishConfig{File: file})
			var lost *release.LostError
			if !errors.As(err, &lost) {
				t.Errorf("got %v, want a LostError", err)
			}
			complete, latest, _ := f.audit()
			if len(complete) > 1 || latest > 1 || complete[1] != (latest == 1) {
				t.Errorf("complete %v, latest %d", complete, latest)
			}
		})
	}
}

func TestPublishInterrupted(t *testing.T) {
	f := newFixture(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	stop := errors.New("interrupted")
	proxy := mototest.NewProxy(t, f.url, func(_ int, r *http.Request) mototest.Fault {
		if r.URL.Query().Has("partNumber") {
			return mototest.Fault{Before: func() { cancel(stop) }, Delay: 10 * time.Millisecond}
		}
		return mototest.Fault{}
	})
	_, err := f.through(proxy).Publish(ctx, release.PublishConfig{File: build(t, partSize+1000, "x"), PartSize: partSize})
	var unfinished *release.UnfinishedError
	if !errors.As(err, &unfinished) {
		t.Errorf("got %v, want an UnfinishedError", err)
	}
	if complete, latest, _ := f.audit(); len(complete) != 0 || latest != 0 {
		t.Errorf("versions %v are visible and latest is %d", complete, latest)
	}
}
