package rollout

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tandem-iac/tandem/internal/fleet"
	"github.com/tandem-iac/tandem/internal/fleettest"
	"github.com/tandem-iac/tandem/internal/moto"
)

// takers are rollouts of a cluster of the test's own, without instances.
type takers struct {
	t *testing.T
	Config
	clock *fastClock
}

func newTakers(t *testing.T) *takers {
	t.Helper()
	t.Parallel()
	clock := newClock()
	return &takers{t: t, clock: clock, Config: Config{
		Services: NewServices(moto.Config(os.Getenv("AWS_ENDPOINT_URL"))),
		Cluster:  fleet.Cluster{Environment: rand.Text(), Name: "obelix"},
		Release:  fleet.Release{Service: wanted, Playbook: fleettest.Playbook},
		Clock:    clock,
	}.withDefaults()}
}

func (k *takers) open(by string) (*log, error) {
	cfg := k.Config
	cfg.By = by
	return openLog(k.t.Context(), cfg)
}

// mustOpen takes the cluster, and lists an instance as out.
func (k *takers) mustOpen(by string) *log {
	k.t.Helper()
	l, err := k.open(by)
	if err != nil {
		k.t.Fatal(err)
	}
	l.Out["i-1"] = "spot"
	if err := l.write(k.t.Context()); err != nil {
		k.t.Fatal(err)
	}
	return l
}

func (k *takers) expire() { k.clock.outlive() }

func (k *takers) journal() Journal {
	k.t.Helper()
	j, err := ReadJournal(k.t.Context(), k.Services.Store, k.Cluster)
	if err != nil {
		k.t.Fatal(err)
	}
	if j == nil {
		return Journal{}
	}
	return *j
}

// Of many that find the same journal abandoned, or none, at the same moment,
// one goes on. The others change nothing.
func TestOneOfManyTakesTheCluster(t *testing.T) {
	for _, before := range []string{"nothing", "a dead rollout", "a dead one that took over from a dead one", "what an ended one left"} {
		t.Run(before, func(t *testing.T) {
			k := newTakers(t)
			inherited := map[string]string{}
			if before != "nothing" {
				first := k.mustOpen("first")
				inherited = first.Out
				switch {
				case strings.HasPrefix(before, "what"):
					if err := first.close(t.Context()); err != nil {
						t.Fatal(err)
					}
				case strings.Contains(before, "took over"):
					k.expire()
					k.mustOpen("second")
				}
				k.expire()
			}
			const many = 16
			var opened [many]*log
			var errs [many]error
			var wg sync.WaitGroup
			for n := range many {
				wg.Go(func() { opened[n], errs[n] = k.open(fmt.Sprint("taker ", n)) })
			}
			wg.Wait()
			winner := -1
			for n, err := range errs {
				switch {
				case err == nil && winner < 0:
					winner = n
				case err == nil:
					t.Errorf("both %d and %d have won", winner, n)
				case !strings.Contains(err.Error(), "wait for it"):
					t.Errorf("%d: %v, want word of the other deploy", n, err)
				}
			}
			if winner < 0 {
				t.Fatalf("nobody has won: %v", errors.Join(errs[:]...))
			}
			l := opened[winner]
			if diff := cmp.Diff(inherited, l.Out); diff != "" {
				t.Errorf("inherited: %s", diff)
			}
			if got := k.journal(); got.ID != l.ID || got.By != fmt.Sprint("taker ", winner) {
				t.Errorf("the journal is of %s, want that of taker %d", got.By, winner)
			}
			clear(l.Out)
			if err := l.close(t.Context()); err != nil {
				t.Error(err)
			}
			if got := k.journal(); got.ID != "" {
				t.Errorf("a journal of %s stays", got.By)
			}
			k.mustOpen("the next")
		})
	}
}

// What those who have taken over write is theirs to keep, whatever this
// rollout still does.
func TestLostJournalIsLeftAlone(t *testing.T) {
	k := newTakers(t)
	first := k.mustOpen("getafix")
	k.expire()
	second := k.mustOpen("vitalstatistix")
	want(t, first.write(t.Context()), "somebody else has taken over")
	want(t, first.write(t.Context()), "somebody else has taken over")
	if err := first.close(t.Context()); err != nil {
		t.Error(err)
	}
	if got := k.journal(); got.ID != second.ID {
		t.Errorf("the journal is of %s", got.By)
	}
	if err := second.write(t.Context()); err != nil {
		t.Error(err)
	}
}

// A rollout that comes back after its lease has run out takes part in the race.
func TestLateOwnerRacesTheTakers(t *testing.T) {
	k := newTakers(t)
	for range 10 {
		k.Cluster.Environment = rand.Text()
		owner := k.mustOpen("owner")
		k.expire()
		var taken, kept error
		var wg sync.WaitGroup
		wg.Go(func() { _, taken = k.open("taker") })
		wg.Go(func() { kept = owner.write(t.Context()) })
		wg.Wait()
		if (taken == nil) == (kept == nil) {
			t.Errorf("the taker: %v, the owner: %v; want one of them to go on", taken, kept)
		}
	}
}

// A taker that has slept through a whole other rollout must not disturb the one
// that runs now.
func TestSleepyTakerDisturbsNobody(t *testing.T) {
	k := newTakers(t)
	k.mustOpen("dead")
	k.expire()
	var now *log
	sleepy := k.Config
	sleepy.Services.Store = hooked{k.Services.Store, func() {
		between := k.mustOpen("between")
		clear(between.Out)
		if err := between.close(t.Context()); err != nil {
			t.Error(err)
		}
		now = k.mustOpen("now")
	}}
	_, err := openLog(t.Context(), sleepy)
	want(t, err, "now is deploying to obelix")
	if err := now.write(t.Context()); err != nil {
		t.Error(err)
	}
}

// hooked lets something happen before a journal is created.
type hooked struct {
	Store
	before func()
}

func (h hooked) Create(ctx context.Context, name, document string) (bool, error) {
	h.before()
	return h.Store.Create(ctx, name, document)
}

// twice is a store behind a line that loses first answers, so that the call is
// repeated.
type twice struct{ Store }

func (s twice) Create(ctx context.Context, name, document string) (bool, error) {
	if _, err := s.Store.Create(ctx, name, document); err != nil {
		return false, err
	}
	return s.Store.Create(ctx, name, document)
}

func (s twice) Replace(ctx context.Context, name, document string) (int64, error) {
	if _, err := s.Store.Replace(ctx, name, document); err != nil {
		return 0, err
	}
	return s.Store.Replace(ctx, name, document)
}

func TestRepeatedWriteIsNobodyElses(t *testing.T) {
	k := newTakers(t)
	k.Services.Store = twice{k.Services.Store}
	l := k.mustOpen("getafix")
	if err := l.write(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestForeignParameterIsNoJournal(t *testing.T) {
	for _, document := range []string{"something else", "{}"} {
		t.Run(document, func(t *testing.T) {
			k := newTakers(t)
			if _, err := k.Services.Store.Create(t.Context(), JournalName(k.Cluster), document); err != nil {
				t.Fatal(err)
			}
			_, err := k.open("getafix")
			want(t, err, "parameter "+JournalName(k.Cluster)+" is not the journal of a deploy", "delete it")
		})
	}
}
