package cli

import (
	"io"
	"os"
	"sync"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
	"golang.org/x/term"
)

// barWidth is that of a bar without what stands beside it, in columns; a
// narrower terminal gets a shorter one.
const barWidth = 40

// screen is standard error: lines and, if it is a terminal, a bar below them.
type screen struct {
	w        io.Writer
	terminal bool

	mu   sync.Mutex
	bars *mpb.Progress
}

func newScreen(w io.Writer) *screen {
	f, ok := w.(*os.File)
	return &screen{w: w, terminal: ok && term.IsTerminal(int(f.Fd()))}
}

// bar shows a bar, which end takes away. Nil: there is no terminal.
func (s *screen) bar(total int64, options ...mpb.BarOption) *mpb.Bar {
	if !s.terminal {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.bars = mpb.New(mpb.WithOutput(s.w), mpb.WithWidth(barWidth))
	return s.bars.AddBar(total, options...)
}

// Write prints whole lines, above the bar if there is one.
func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.bars != nil {
		return s.bars.Write(p)
	}
	return s.w.Write(p)
}

// end takes a bar away, complete or not. Nil: there is none.
func (s *screen) end(bar *mpb.Bar) {
	if bar == nil {
		return
	}
	bar.Abort(true)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.bars.Wait()
	s.bars = nil
}

// progress shows how much is done on a terminal, and nothing elsewhere.
type progress struct {
	label string
	// counters follow the bar.
	counters []decor.Decorator
	screen   *screen

	mu  sync.Mutex
	bar *mpb.Bar
}

// transfer counts bytes.
func (a *app) transfer(label string) *progress {
	return &progress{label: label, screen: a.screen, counters: []decor.Decorator{
		decor.CountersKibiByte("% .1f / % .1f"),
		decor.AverageSpeed(decor.SizeB1024(0), "  % .1f"),
		remaining(),
	}}
}

// count counts things.
func (a *app) count(label string) *progress {
	return &progress{label: label, screen: a.screen, counters: []decor.Decorator{
		decor.CountersNoUnit("%d of %d"), remaining(),
	}}
}

// remaining is the time that the rest may take, once enough is done to tell.
func remaining() decor.Decorator {
	const enough = 50 // one part in so many
	eta := decor.AverageETA(decor.ET_STYLE_GO)
	return decor.Any(func(s decor.Statistics) string {
		if s.Current*enough < s.Total {
			return ""
		}
		text, _ := eta.Decor(s)
		return " " + text
	})
}

// set may be called from several goroutines; the largest value stays.
func (p *progress) set(done, total int64) {
	if !p.screen.terminal {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.bar == nil {
		p.bar = p.screen.bar(total,
			mpb.BarRemoveOnComplete(),
			mpb.PrependDecorators(decor.Name(p.label+" ")),
			mpb.AppendDecorators(p.counters...))
	}
	if done > p.bar.Current() {
		p.bar.SetCurrent(done)
	}
}

// stop takes the bar away before anything else is printed.
func (p *progress) stop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.screen.end(p.bar)
	p.bar = nil
}
