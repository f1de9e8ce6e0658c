package drill

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"
)

// Chaos is what was done to agents beside their interruption.
type Chaos struct {
	// Kills is how often an agent was killed with SIGKILL.
	Kills int `json:"kills"`
	// MetadataOutages is how often a metadata service was down for a while.
	MetadataOutages int `json:"metadata_outages"`
	// APIOutages is how often AWS refused everything for a while.
	APIOutages int `json:"api_outages"`
}

// add returns the sum; a nil receiver is nothing.
func (c *Chaos) add(other Chaos) *Chaos {
	if c != nil {
		other.Kills += c.Kills
		other.MetadataOutages += c.MetadataOutages
		other.APIOutages += c.APIOutages
	}
	return &other
}

// blow is one thing that is done to a machine at a time of its own.
type blow struct {
	at time.Time
	do func(ctx context.Context, m *machine) error
}

// chaos plans what happens to a machine: its agent dies before the notice, with
// the notice, while it serves on and at the end; its metadata service is gone
// for a while around the notice; AWS throttles or fails after it.
func chaos(random *rand.Rand, t Timing, notice time.Time) []blow {
	between := func(from, to time.Duration) time.Time {
		return notice.Add(from + time.Duration(random.Int64N(int64(to-from))))
	}
	some := func(most time.Duration) time.Duration {
		return most/4 + time.Duration(random.Int64N(int64(most-most/4)))
	}
	refusals := []fault{{http.StatusServiceUnavailable, "ServiceUnavailable"}, {http.StatusBadRequest, "Throttling"}}
	silence, refusal, kind := some(t.Poll), some(t.API/2), refusals[random.IntN(len(refusals))]
	leaving := t.Poll + t.API + t.Deregistration
	return []blow{
		{between(-t.Poll, 0), kill},
		{between(0, t.Poll+t.API/2), kill},
		{between(t.Poll+t.API, leaving), kill},
		{between(leaving-t.API, leaving+t.Hooks), kill},
		{between(-t.Poll, t.Poll), func(ctx context.Context, m *machine) error { return silenceMetadata(ctx, m, silence) }},
		{between(0, t.API), func(ctx context.Context, m *machine) error { return refuseCalls(ctx, m, kind, refusal) }},
	}
}

func kill(_ context.Context, m *machine) error { return m.agent.kill() }

func silenceMetadata(ctx context.Context, m *machine, d time.Duration) error {
	from := time.Now()
	if err := m.metadata.stop(); err != nil {
		return err
	}
	pause(ctx, d)
	err := m.metadata.start(ctx, m.notice, m.end)
	m.outage(span{from, time.Now()}, Chaos{MetadataOutages: 1})
	return err
}

func refuseCalls(ctx context.Context, m *machine, f fault, d time.Duration) error {
	from := time.Now()
	m.aws.fault.Store(&f)
	pause(ctx, d)
	m.aws.fault.Store(nil)
	m.outage(span{from, time.Now()}, Chaos{APIOutages: 1})
	return nil
}

// pause waits for d, or less when ctx ends.
func pause(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}

// strike does everything in its time, until ctx ends.
func strike(ctx context.Context, m *machine, blows []blow) error {
	var work sync.WaitGroup
	errs := make([]error, len(blows))
	for n, b := range blows {
		work.Go(func() {
			pause(ctx, time.Until(b.at))
			if ctx.Err() == nil {
				errs[n] = b.do(ctx, m)
			}
		})
	}
	work.Wait()
	if ctx.Err() != nil {
		return nil // whatever was cut off was meant to be
	}
	return errors.Join(errs...)
}
