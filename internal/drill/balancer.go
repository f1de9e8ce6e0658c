package drill

import (
	"context"
	"errors"
	"io"
	"net/http"
	"sync"
	"time"
)

// balancer is a load balancer for the registrations in the stand-in for AWS,
// which itself forwards nothing:
//
//	target            new requests          requests in flight
//	registered        while it is healthy   go on
//	deregistered      for Propagation       for Deregistration, then they are cut
//	gone after that   none                  none
//
// A request that a target does not answer is answered with 502, and none is
// tried elsewhere.
type balancer struct {
	*listener
	timing     Timing
	registered func(ctx context.Context) ([]string, error)
	// address is where an instance serves. Empty: nowhere yet.
	address func(id string) string
	client  *http.Client

	mu      sync.Mutex
	targets map[string]*target
	order   []*target
	next    int
}

// target is an instance that is, or was, registered.
type target struct {
	id      string
	healthy bool
	streak  int // checks in a row that say otherwise
	left    time.Time
	flights context.Context
	cut     context.CancelFunc
}

const (
	// refresh is how often registrations are read.
	refresh = 100 * time.Millisecond
	// threshold is how many checks in a row change a target's health.
	threshold = 2
)

func newBalancer(timing Timing, registered func(context.Context) ([]string, error), address func(string) string) (*balancer, error) {
	b := &balancer{
		timing: timing, registered: registered, address: address, targets: map[string]*target{},
		client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 256}},
	}
	var err error
	b.listener, err = listen(b)
	return b, err
}

// run follows registrations and health until ctx ends.
func (b *balancer) run(ctx context.Context) error {
	var work sync.WaitGroup
	defer work.Wait()
	work.Go(func() { every(ctx, b.timing.Check, b.check) })
	var failed error
	every(ctx, refresh, func(ctx context.Context) {
		if err := b.refresh(ctx); err != nil && failed == nil && ctx.Err() == nil {
			failed = err
		}
	})
	return failed
}

// every runs body again and again until ctx ends.
func every(ctx context.Context, interval time.Duration, body func(ctx context.Context)) {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		body(ctx)
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}

func (b *balancer) refresh(ctx context.Context) error {
	ids, err := b.registered(ctx)
	if err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	there := map[string]bool{}
	for _, id := range ids {
		there[id] = true
		if b.targets[id] == nil {
			t := &target{id: id}
			t.flights, t.cut = context.WithCancel(context.Background())
			b.targets[id], b.order = t, append(b.order, t)
		}
	}
	for _, t := range b.order {
		switch {
		case there[t.id]:
			t.left = time.Time{}
		case t.left.IsZero():
			t.left = now
		case now.Sub(t.left) > b.timing.Deregistration:
			t.cut()
		}
	}
	return nil
}

func (b *balancer) check(ctx context.Context) {
	b.mu.Lock()
	order := append([]*target{}, b.order...)
	b.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, b.timing.Check)
	defer cancel()
	var work sync.WaitGroup
	for _, t := range order {
		work.Go(func() {
			healthy := b.healthy(ctx, b.address(t.id))
			b.mu.Lock()
			defer b.mu.Unlock()
			t.observe(healthy)
		})
	}
	work.Wait()
}

// observe changes a target's health once enough checks in a row say so.
func (t *target) observe(healthy bool) {
	if healthy == t.healthy {
		t.streak = 0
		return
	}
	if t.streak++; t.streak == threshold {
		t.healthy, t.streak = healthy, 0
	}
}

func (b *balancer) healthy(ctx context.Context, address string) bool {
	if address == "" {
		return false
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address+HealthPath, nil)
	if err != nil {
		return false
	}
	answer, err := b.client.Do(r)
	if err != nil {
		return false
	}
	return answer.Body.Close() == nil && answer.StatusCode == http.StatusOK
}

// serving is how many targets new requests may go to.
func (b *balancer) serving() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := 0
	for _, t := range b.order {
		if b.open(t, time.Now()) {
			n++
		}
	}
	return n
}

// open says whether new requests may go to a target.
func (b *balancer) open(t *target, now time.Time) bool {
	return t.healthy && (t.left.IsZero() || now.Sub(t.left) <= b.timing.Propagation)
}

func (b *balancer) choose() *target {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	for range b.order {
		b.next = (b.next + 1) % len(b.order)
		if t := b.order[b.next]; b.open(t, now) {
			return t
		}
	}
	return nil
}

func (b *balancer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	t := b.choose()
	if t == nil {
		http.Error(w, "no target", http.StatusServiceUnavailable)
		return
	}
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	defer context.AfterFunc(t.flights, cancel)()
	body, err := b.forward(ctx, b.address(t.id), r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	_, _ = w.Write(body) // a client that has gone counts the request itself
}

// forward sends a request on. Being a POST, it is never sent twice by the
// client's own decision.
func (b *balancer) forward(ctx context.Context, address string, r *http.Request) ([]byte, error) {
	out, err := http.NewRequestWithContext(ctx, http.MethodPost, address+"/", nil)
	if err != nil {
		return nil, err
	}
	out.Header.Set(workHeader, r.Header.Get(workHeader))
	answer, err := b.client.Do(out)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode != http.StatusOK {
		err = errors.New(answer.Status)
	}
	return body, err
}
