package cli

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
	"golang.org/x/term"

	"github.com/tandem-iac/tandem/internal/rollout"
)

// rolloutProgress shows a rollout: a line a step, and on a terminal a bar below them.
type rolloutProgress struct {
	mu     sync.Mutex
	lines  io.Writer
	bars   *mpb.Progress
	bar    *mpb.Bar
	status string
}

func newRolloutProgress(w io.Writer) *rolloutProgress {
	p := &rolloutProgress{lines: w}
	file, isFile := w.(*os.File)
	if !isFile || !term.IsTerminal(int(file.Fd())) {
		return p
	}
	p.bars = mpb.New(mpb.WithOutput(w), mpb.WithWidth(40))
	p.bar = p.bars.AddBar(0,
		mpb.PrependDecorators(decor.CountersNoUnit("%d of %d instances")),
		mpb.AppendDecorators(decor.Any(func(decor.Statistics) string {
			p.mu.Lock()
			defer p.mu.Unlock()
			return p.status
		})))
	p.lines = p.bars
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
	var words []string
	for _, word := range []string{batch, e.Instance, e.Stage, strings.ReplaceAll(e.Detail, "\n", "; ")} {
		if word != "" {
			words = append(words, word)
		}
	}
	p.say(strings.Join(words, " "))
}

func (p *rolloutProgress) say(line string) { fmt.Fprintln(p.lines, line) }

// end leaves the lines and takes the bar away.
func (p *rolloutProgress) end() {
	if p.bar != nil {
		p.bar.Abort(true)
		p.bars.Wait()
	}
}
