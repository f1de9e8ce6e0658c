package rollout

import (
	"context"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tandem-iac/tandem/internal/fleet"
	"github.com/tandem-iac/tandem/internal/fleettest"
	"github.com/tandem-iac/tandem/internal/moto"
	"github.com/tandem-iac/tandem/internal/mototest"
)

func TestMain(m *testing.M) { os.Exit(mototest.Main(m)) }

// fastClock lets minutes pass in moments; the machines' processes are real and
// get a moment of real time.
type fastClock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *fastClock { return &fastClock{now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)} }

func (c *fastClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *fastClock) Sleep(ctx context.Context, d time.Duration) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	time.Sleep(5 * time.Millisecond)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
	return nil
}

// outlive lets a lease run out at once.
func (c *fastClock) outlive() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(lease + time.Second)
}

const wanted = 42

// scene is a cloud and a rollout of release 42 to it.
type scene struct {
	*fleettest.Cloud
	t      *testing.T
	size   fleettest.Size
	clock  *fastClock
	config Config
}

func stage(t *testing.T, size fleettest.Size) *scene {
	t.Helper()
	t.Parallel()
	cloud := fleettest.New(t, os.Getenv("AWS_ENDPOINT_URL"), size)
	services := NewServices(moto.Config(cloud.URL))
	cluster, err := services.Fleet.Cluster(t.Context(), cloud.Environment, "obelix")
	if err != nil {
		t.Fatal(err)
	}
	s := &scene{Cloud: cloud, t: t, size: size, clock: newClock()}
	s.config = Config{
		Services: services,
		Cluster:  cluster,
		Release:  fleet.Release{Service: wanted, Playbook: fleettest.Playbook},
		Plan:     PlanConfig{Batch: Amount{Value: 25, Percent: true}, MinHealthy: Amount{Value: 50, Percent: true}},
		By:       "getafix",
		Clock:    s.clock,
		Limits:   Limits{Setup: time.Minute, Health: 2 * time.Minute},
		Progress: func(e Event) { t.Logf("%d/%d %s %s %s", e.Batch, e.Batches, e.Instance, e.Stage, e.Detail) },
	}
	return s
}

// run runs the rollout.
func (s *scene) run(ctx context.Context) (Report, error) {
	s.t.Helper()
	report, err := Run(ctx, s.config)
	s.t.Logf("error: %v", err)
	for _, r := range report.Instances {
		s.t.Logf("%s %s %s: %s -> %s, %s %s, %s", r.ID, r.Lifecycle, r.Outcome, r.Before, r.After, r.State, r.Health, r.Detail)
	}
	return report, err
}

// whole checks that nothing is left out of service, no minimum is lowered and
// no journal stays.
func (s *scene) whole() {
	s.t.Helper()
	s.CheckWhole(s.size)
	if j, err := ReadJournal(s.t.Context(), s.config.Services.Store, s.config.Cluster); err != nil || j != nil {
		s.t.Errorf("the journal is %v, %v, want none", j, err)
	}
}

// runs checks what the machines of the instances really run.
func (s *scene) runs(version int, ids ...string) {
	s.t.Helper()
	for _, id := range ids {
		if got := s.Machine(id).Release(); got.Service != version {
			s.t.Errorf("%s runs %s, want %d", id, got, version)
		}
	}
}

func (s *scene) outcomes(r Report, want Outcome, ids ...string) {
	s.t.Helper()
	for _, i := range r.Instances {
		if slices.Contains(ids, i.ID) && i.Outcome != want {
			s.t.Errorf("%s is %s, want %s", i.ID, i.Outcome, want)
		}
	}
}

// count is how many instances have the outcome.
func count(r Report, outcome Outcome) int {
	n := 0
	for _, i := range r.Instances {
		if i.Outcome == outcome {
			n++
		}
	}
	return n
}

func want(t *testing.T, err error, parts ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want one with %q", parts)
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("error is %q, want it to say %q", err, part)
		}
	}
}
