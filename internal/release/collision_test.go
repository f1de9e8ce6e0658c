package release_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/tandem-iac/tandem/internal/mototest"
	"github.com/tandem-iac/tandem/internal/release"
)

// A publisher that loses its number waits before it takes the next, longer
// each time, by the clock and the dice that it was given.
func TestPublishersThatCollideWait(t *testing.T) {
	f := newFixture(t)
	refusals := 0
	proxy := mototest.NewProxy(t, f.url, func(_ int, r *http.Request) mototest.Fault {
		if r.Method == http.MethodPut && strings.Contains(r.URL.Path, "/claims/") && refusals < 3 {
			refusals++
			return mototest.Fault{Status: http.StatusPreconditionFailed, Code: "PreconditionFailed"}
		}
		return mototest.Fault{}
	})
	var slept []time.Duration
	g := f.through(proxy)
	now := time.Unix(1_770_000_000, 0)
	ledger := release.New(release.Config{
		Client: g.client, Bucket: f.bucket, Artifact: artifact, Environment: environment, By: "alice",
		Now:    func() time.Time { return now },
		Spread: func(d time.Duration) time.Duration { return d },
		Sleep:  func(_ context.Context, d time.Duration) error { slept = append(slept, d); return nil },
	})
	if _, err := ledger.Publish(t.Context(), release.PublishConfig{File: build(t, 100, "x")}); err != nil {
		t.Fatal(err)
	}
	if got, want := fmt.Sprint(slept), "[10ms 15ms 22.5ms]"; got != want {
		t.Errorf("slept %s, want %s", got, want)
	}
}
