package rescue

import (
	"context"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/tandem-iac/tandem/internal/awsclient"
	"github.com/tandem-iac/tandem/internal/rescue/metric"
)

// releaseEvery is how often the release is reported, unless told otherwise.
const releaseEvery = 5 * time.Minute

// releaseOf is the version of the service in place below root, or empty where
// there is no record of one.
func releaseOf(root string) string {
	record, err := os.ReadFile(filepath.Join(root, ReleaseFile))
	if err != nil {
		return "" // not set up yet, or being set up anew
	}
	for line := range strings.Lines(string(record)) {
		if version, found := strings.CutPrefix(strings.TrimSpace(line), "SERVICE_VERSION="); found {
			return version
		}
	}
	return ""
}

// releaseNumber is the number of that release, if it has one.
func releaseNumber(root string) (number float64, ok bool) {
	n, err := strconv.ParseUint(releaseOf(root), 10, 32)
	return float64(n), err == nil && n > 0
}

// reportReleases reports once every cfg.ReleaseEvery which release is in place,
// until ctx ends. It begins after a random part of that, so that the instances
// of a fleet spread out, and keeps time from there, so that each of them is in
// every period.
func (p *publisher) reportReleases(ctx context.Context, cfg Config) {
	if !sleep(ctx, rand.N(cfg.ReleaseEvery)) {
		return
	}
	ticker := time.NewTicker(cfg.ReleaseEvery)
	defer ticker.Stop()
	for failing := false; ; {
		if number, ok := releaseNumber(cfg.Root); ok {
			err := p.reportRelease(ctx, number, cfg.Now())
			if err != nil && !failing && ctx.Err() == nil {
				p.log.Warn("cannot report the release", "release", number, "error", awsclient.Explain(err))
			}
			failing = err != nil
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}

// reportRelease reports a release in one attempt. Nothing is repeated or kept:
// the next report says all that this one would have said, and what a rescue has
// to report never waits behind it.
func (p *publisher) reportRelease(ctx context.Context, number float64, at time.Time) error {
	return attempt(ctx, attemptTimeout, func(ctx context.Context) error { return p.put(ctx, p.datum(metric.Release, number, at)) })
}
