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

// transfer shows how many bytes are done on a terminal, and nothing elsewhere.
type transfer struct {
	label  string
	screen *screen

	mu  sync.Mutex
	bar *mpb.Bar
}

func (a *app) progress(label string) *transfer { return &transfer{label: label, screen: a.screen} }

// set may be called from several goroutines; the largest value stays.
func (t *transfer) set(done, total int64) {
	if !t.screen.terminal {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.bar == nil {
		t.bar = t.screen.bar(total,
			mpb.BarRemoveOnComplete(),
			mpb.PrependDecorators(decor.Name(t.label+" ")),
			mpb.AppendDecorators(
				decor.CountersKibiByte("% .1f / % .1f"),
				decor.AverageSpeed(decor.SizeB1024(0), "  % .1f"),
				decor.AverageETA(decor.ET_STYLE_GO, decor.WCSyncSpace),
			))
	}
	if done > t.bar.Current() {
		t.bar.SetCurrent(done)
	}
}

// stop takes the bar away before anything else is printed.
func (t *transfer) stop() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.screen.end(t.bar)
	t.bar = nil
}
