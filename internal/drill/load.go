package drill

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"time"
)

// load sends requests at an even rate and counts those that come to nothing.
type load struct {
	url     string
	rate    int // requests in a second
	longest time.Duration
	random  *rand.Rand
	client  *http.Client

	mu     sync.Mutex
	counts Requests
}

// Requests counts the requests of a drill.
type Requests struct {
	// Sent are those that were sent, Dropped those of them that were not answered.
	Sent    int `json:"sent"`
	Dropped int `json:"dropped"`
	// Longest is the longest time that a request was worked on, in seconds.
	Longest float64 `json:"longest_seconds"`
	// Reasons are what became of the first dropped ones.
	Reasons []string `json:"reasons,omitempty"`
}

const (
	// shortest and usual bound the work on most requests.
	shortest, usual = 2 * time.Millisecond, 100 * time.Millisecond
	// oneLong in so many requests takes up to the longest.
	oneLong = 50
	// reasons is how many dropped requests are told of.
	reasons = 5
)

func newLoad(url string, rate int, longest time.Duration, seed uint64) *load {
	return &load{
		url: url, rate: rate, longest: longest, random: rand.New(rand.NewPCG(seed, 0)),
		client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 256}},
	}
}

// run sends requests until sending ends, and waits until all are answered or
// ctx ends.
func (l *load) run(ctx, sending context.Context) {
	var flights sync.WaitGroup
	defer flights.Wait()
	every(sending, time.Second/time.Duration(l.rate), func(context.Context) {
		work := shortest + time.Duration(l.random.Int64N(int64(usual-shortest)))
		if l.random.IntN(oneLong) == 0 && l.longest > usual {
			work = usual + time.Duration(l.random.Int64N(int64(l.longest-usual)))
		}
		flights.Go(func() { l.count(work, l.send(ctx, work)) })
	})
}

// send sends one request.
func (l *load) send(ctx context.Context, work time.Duration) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, l.url, nil)
	if err != nil {
		return err
	}
	r.Header.Set(workHeader, work.String())
	answer, err := l.client.Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	switch {
	case err != nil:
		return err
	case answer.StatusCode != http.StatusOK:
		return fmt.Errorf("%s: %s", answer.Status, strings.TrimSpace(string(body)))
	case string(body) != "done\n":
		return errors.New("the answer is cut short")
	}
	return nil
}

func (l *load) count(work time.Duration, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.counts.Sent++
	l.counts.Longest = max(l.counts.Longest, work.Seconds())
	if err != nil {
		l.counts.Dropped++
		if len(l.counts.Reasons) < reasons {
			l.counts.Reasons = append(l.counts.Reasons, err.Error())
		}
	}
}

// sum is what was counted.
func (l *load) sum() Requests {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.counts
}
