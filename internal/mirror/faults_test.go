package mirror_test

import (
	"errors"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tandem-iac/tandem/internal/mirror"
	"github.com/tandem-iac/tandem/internal/mototest"
	"github.com/tandem-iac/tandem/internal/packagetest"
)

func isWrite(r *http.Request) bool { return r.Method != http.MethodGet && r.Method != http.MethodHead }

// TestCutAtEachStep ends a sync at each of its writes, as if the machine had
// lost its power: before the first, and when each was carried out and the answer
// is on its way. A new machine installs the old state or the new one, whole, and
// the next sync finishes the work.
func TestCutAtEachStep(t *testing.T) {
	eachFormat(t, func(t *testing.T, x *fixture) {
		first, second := x.states()[0], x.states()[1]
		publish := func(r *mirror.Repository, index mirror.Index) error {
			_, err := r.Publish(t.Context(), index, mirror.PublishConfig{})
			return err
		}
		seen := map[string]int{}
		for step := 0; ; step++ {
			x.renew()
			x.publish(first)
			err := publish(x.cutAt(step), second)
			got, readErr := x.installed(x.url)
			if readErr != nil {
				t.Fatalf("cut at write %d: %v", step, readErr)
			}
			seen[got]++
			if err == nil {
				if got != "2.0" || step < 5 {
					t.Errorf("a sync of %d writes succeeded, and a machine got %s", step-1, got)
				}
				break
			}
			if again := publish(x.Repository, second); got == "1.0" && again != nil {
				t.Errorf("cut at write %d, the next sync: %v", step, again)
			}
			x.whole()
		}
		// The last write is the pointer's, after which it is the new one.
		if seen["1.0"] < 4 || seen["2.0"] != 2 {
			t.Errorf("machines got %v, want the old state up to the last write, and the new one from then on", seen)
		}
	})
}

// cutAt is the mirror in the hands of somebody whose network ends with a write:
// that is carried out, and its answer lost. 0: none is carried out.
func (x *fixture) cutAt(step int) *mirror.Repository {
	x.t.Helper()
	writes := 0
	proxy := mototest.NewProxy(x.t, x.url, func(_ int, r *http.Request) mototest.Fault {
		if isWrite(r) {
			writes++
		}
		return mototest.Fault{Drop: writes > step || writes == step && !isWrite(r), DropAnswer: writes == step}
	})
	return x.open(connect(x.t, proxy.URL, 1), time.Now)
}

// TestResumeLargePackage cuts the upload of a package of several parts: the
// parts that S3 has are not sent again.
func TestResumeLargePackage(t *testing.T) {
	x := newFixture(t, formats["rpm"])
	packages := release("1.0")
	packages[0].Size = 18 << 20
	index := x.prepare(x.offer(packages...))
	var parts atomic.Int64
	proxy := mototest.NewProxy(t, x.url, func(_ int, r *http.Request) mototest.Fault {
		if r.URL.Query().Get("partNumber") != "" {
			parts.Add(1)
		}
		return mototest.Fault{Drop: parts.Load() > 2}
	})
	if _, err := x.open(connect(t, proxy.URL, 1), time.Now).Publish(t.Context(), index, mirror.PublishConfig{}); err == nil {
		t.Fatal("the network was not cut")
	}
	const noMoreCuts = -100
	parts.Store(noMoreCuts)
	if _, err := x.open(connect(t, proxy.URL, 1), time.Now).Publish(t.Context(), index, mirror.PublishConfig{}); err != nil {
		t.Fatal(err)
	}
	if sent := parts.Load() - noMoreCuts; sent < 1 || sent > 2 {
		t.Errorf("%d parts were sent again, want the third and what the cut has hit", sent)
	}
}

// TestBadNetwork loses requests and answers everywhere.
func TestBadNetwork(t *testing.T) {
	eachFormat(t, func(t *testing.T, x *fixture) {
		index := x.states()[0]
		proxy := mototest.NewProxy(t, x.url, func(n int, _ *http.Request) mototest.Fault {
			switch n % 3 {
			case 0:
				return mototest.Fault{DropAnswer: true}
			case 1:
				return mototest.Fault{Status: http.StatusServiceUnavailable, Code: "SlowDown"}
			}
			return mototest.Fault{}
		})
		if _, err := x.open(connect(t, proxy.URL, 8), time.Now).Publish(t.Context(), index, mirror.PublishConfig{}); err != nil {
			t.Fatal(err)
		}
		x.wants("1.0")
	})
}

// TestPruneAndSync lets a prune run at each step of a sync that relies on
// packages which are old and nobody's: it is refused, or they stay.
func TestPruneAndSync(t *testing.T) {
	packagetest.Tools(t)
	x := newFixture(t, formats["rpm"])
	source := x.offer(release("4.0")...)
	indexes := []mirror.Index{x.prepare(source)}
	x.publish(indexes[0])
	indexes = append(indexes, x.prepare(x.offer(release("5.0")...)))
	x.publish(indexes[1])
	again := x.prepare(source)
	refused, succeeded := 0, 0
	for step, steps := int64(1), int64(2); step < steps; step++ {
		x.renew()
		x.publish(indexes[0])
		x.publish(indexes[1])
		// All of that is old, and what comes is not; S3 tells whole seconds.
		begun := time.Now().Truncate(time.Second).Add(time.Second)
		time.Sleep(time.Until(begun))
		pruner := x.open(x.client, func() time.Time { return begun.Add(mirror.DefaultAge) })
		var requests atomic.Int64
		var pruned error // read after the answer that it was done before
		proxy := mototest.NewProxy(t, x.url, func(int, *http.Request) mototest.Fault {
			if requests.Add(1) != step {
				return mototest.Fault{}
			}
			return mototest.Fault{Before: func() { _, pruned = pruner.Prune(t.Context(), mirror.PruneConfig{Keep: 1}) }}
		})
		_, err := x.open(connect(t, proxy.URL, 1), time.Now).Publish(t.Context(), again, mirror.PublishConfig{})
		var pruning *mirror.PruningError
		switch {
		case pruned != nil:
			t.Errorf("step %d: the prune: %v", step, pruned)
		case err == nil:
			succeeded++
		case errors.As(err, &pruning):
			refused++
		default:
			t.Errorf("step %d: %v", step, err)
		}
		x.whole()
		steps = max(steps, requests.Load()+1)
	}
	if succeeded == 0 {
		t.Error("no sync succeeded")
	}
	t.Logf("%d succeeded, %d were refused", succeeded, refused)
}

// TestPruneCutOff leaves a mark, which keeps others away for an hour.
func TestPruneCutOff(t *testing.T) {
	packagetest.Tools(t)
	x := newFixture(t, formats["rpm"])
	x.publish(x.states()[0])
	proxy := mototest.NewProxy(t, x.url, func(n int, _ *http.Request) mototest.Fault { return mototest.Fault{Drop: n > 3} })
	var pruning *mirror.PruningError
	if _, err := x.open(connect(t, proxy.URL, 1), time.Now).Prune(t.Context(), mirror.PruneConfig{}); err == nil || errors.As(err, &pruning) {
		t.Fatalf("got %v, want the network's error", err)
	}
	second := x.states()[1]
	if _, err := x.Publish(t.Context(), second, mirror.PublishConfig{}); !errors.As(err, &pruning) {
		t.Errorf("a sync beside a prune: %v", err)
	}
	if _, err := x.Prune(t.Context(), mirror.PruneConfig{}); !errors.As(err, &pruning) {
		t.Errorf("a second prune: %v", err)
	}
	later := x.open(x.client, func() time.Time { return time.Now().Add(2 * time.Hour) })
	if _, err := later.Prune(t.Context(), mirror.PruneConfig{}); err != nil {
		t.Error(err)
	}
	x.publish(second)
	x.whole()
}
