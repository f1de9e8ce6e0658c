package logstest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// Line is a line of a service's log that no other number has.
func Line(n int) string {
	return fmt.Sprintf(`2026-03-01T12:00:00.000Z INFO request=%08d path="/api/v1/orders/%d" status=200 bytes=5123 seconds=0.0123 client=10.0.12.34 agent="Mozilla/5.0 (X11; Linux x86_64)"`, n, n*7919%100_000)
}

// Write appends lines from..to-1 to a log, a number of them each second, and
// ends before with ctx. It returns the number of the line after the last one.
func Write(ctx context.Context, file string, from, to, perSecond int) (next int, err error) {
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return from, err
	}
	f, err := os.OpenFile(file, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return from, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	w := bufio.NewWriterSize(f, 1<<20)
	begin := time.Now()
	n := from
	for n < to && ctx.Err() == nil {
		due := min(to, from+int(time.Since(begin).Seconds()*float64(perSecond))+1)
		for ; n < due; n++ {
			if _, err := w.WriteString(Line(n) + "\n"); err != nil {
				return n, err
			}
		}
		if err := w.Flush(); err != nil {
			return n, err
		}
		time.Sleep(10 * time.Millisecond)
	}
	return n, nil
}
