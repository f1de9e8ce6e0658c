package cli

import (
	"fmt"
	"strings"
	"sync"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"github.com/tandem-iac/tandem/internal/rollout"
)

// rolloutProgress shows a rollout: a line a step, and on a terminal a bar below them.
type rolloutProgress struct {
	screen *screen
	// bar is nil where there is no terminal.
	bar *mpb.Bar

	mu     sync.Mutex
	status string
}

func newRolloutProgress(s *screen) *rolloutProgress {
	p := &rolloutProgress{screen: s}
	p.bar = s.bar(0,
		mpb.PrependDecorators(decor.CountersNoUnit("instances: %d of %d")),
		mpb.AppendDecorators(decor.Any(func(decor.Statistics) string {
			p.mu.Lock()
			defer p.mu.Unlock()
			return p.status
		})))
	return p
}

func (p *rolloutProgress) show(e rollout.Event) {
	batch := ""
	if e.Batch > 0 {
		batch = fmt.Sprintf("batch %d of %d", e.Batch, e.Batches)
	}
	if p.bar != nil {
		p.mu.Lock()
		p.status = batch
		p.mu.Unlock()
		p.bar.SetTotal(int64(e.Total), false)
		p.bar.SetCurrent(int64(e.Done))
	}
	stage := e.Stage
	if strings.HasPrefix(e.Detail, stage+" ") {
		stage = "" // failed to set up
	}
	var words []string
	for _, word := range []string{batch, e.Instance, stage, strings.ReplaceAll(e.Detail, "\n", "; ")} {
		if word != "" {
			words = append(words, word)
		}
	}
	p.say(strings.Join(words, " "))
}

func (p *rolloutProgress) say(line string) { fmt.Fprintln(p.screen, line) }

// end leaves the lines and takes the bar away.
func (p *rolloutProgress) end() { p.screen.end(p.bar) }
