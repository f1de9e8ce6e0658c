package load

import (
	"bufio"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/tandem-iac/tandem/internal/check"
	"github.com/tandem-iac/tandem/simulate"
)

// headers are the names of the second column that tell the unit. A column
// named value or load leaves it open.
var headers = map[string]simulate.Unit{
	"requests": simulate.RequestsPerSecond, "requests_per_second": simulate.RequestsPerSecond, "rps": simulate.RequestsPerSecond,
	"cores": simulate.Cores, "cpu_cores": simulate.Cores,
	"value": "", "load": "",
}

// ReadCSV reads lines of time,value; name is printed with faults. Blank lines
// and lines that begin with # do not count, nor do a byte order mark and the
// kind of line ends; fields may be quoted. The first line may be a header,
// time,requests for instance, which tells the unit.
//
// Times are ISO 8601 (in UTC unless they have an offset), seconds or
// milliseconds since 1970, or seconds since cfg.Start, which the first point
// need not be at; which of them, the first line decides. They grow from line
// to line, in any steps. Values are the load from their time on.
//
// Errors are check.InputError with the line, except those of reading.
func ReadCSV(r io.Reader, name string, cfg Config) (*Trace, error) {
	cfg = cfg.withDefaults()
	if cfg.Gaps == "" {
		cfg.Gaps = Hold
	}
	if !slices.Contains(gapRules, string(cfg.Gaps)) {
		return nil, check.InputErrorf("gaps is %q, %s", cfg.Gaps, check.Suggest(string(cfg.Gaps), gapRules))
	}
	reader := &csvReader{name: name, cfg: cfg, trace: &Trace{unit: cfg.Unit, gaps: cfg.Gaps}}
	if err := reader.read(r); err != nil {
		return nil, err
	}
	return reader.trace, nil
}

type csvReader struct {
	name   string
	cfg    Config
	trace  *Trace
	clock  clock
	header bool
}

func (c *csvReader) read(r io.Reader) error {
	lines := csv.NewReader(withoutBOM(r))
	lines.Comment = '#'
	lines.FieldsPerRecord = -1
	lines.ReuseRecord = true
	lines.TrimLeadingSpace = true
	for {
		fields, err := lines.Read()
		if err == io.EOF {
			break
		}
		var broken *csv.ParseError
		if errors.As(err, &broken) {
			return c.fault(broken.Line, "%v, want time,value", broken.Err)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
		line, _ := lines.FieldPos(0)
		if err := c.record(line, fields); err != nil {
			return err
		}
	}
	return c.finish()
}

func withoutBOM(r io.Reader) io.Reader {
	buffered := bufio.NewReaderSize(r, 1<<16)
	if mark, err := buffered.Peek(3); err == nil && string(mark) == "\xef\xbb\xbf" {
		_, _ = buffered.Discard(3) // what was peeked at is there
	}
	return buffered
}

func (c *csvReader) fault(line int, format string, args ...any) error {
	return check.InputErrorf("%s:%d: %w", c.name, line, fmt.Errorf(format, args...))
}

func (c *csvReader) record(line int, fields []string) error {
	if len(fields) != 2 {
		return c.fault(line, "%d columns, want two, separated by a comma: time,value", len(fields))
	}
	at, text := strings.TrimSpace(fields[0]), strings.TrimSpace(fields[1])
	if c.trace.count == 0 {
		if done, err := c.first(line, at, text); done || err != nil {
			return err
		}
	}
	offset, err := c.clock.offset(at)
	if err != nil {
		return c.fault(line, "%w", err)
	}
	value, err := strconv.ParseFloat(text, 64)
	switch {
	case err != nil && !errors.Is(err, strconv.ErrRange):
		return c.fault(line, "value is %.40q, want a number", text)
	case math.IsNaN(value), value < 0, value > maxValue:
		return c.fault(line, "value is %s, want 0..1e12", text)
	}
	if c.trace.count > 0 && offset <= c.clock.last {
		if offset == c.clock.last {
			return c.fault(line, "time is %s, the same as the line before, want later", at)
		}
		return c.fault(line, "time is %s, earlier than the line before, want lines in the order of time", at)
	}
	if offset > maxDuration {
		return c.fault(line, "time is %s, more than a century after the first, want less", at)
	}
	c.clock.last = offset
	c.trace.append(offset, value, line)
	return nil
}

// first takes a header, or makes the clock of the first line's time.
func (c *csvReader) first(line int, at, text string) (done bool, err error) {
	c.clock, err = newClock(at, c.cfg.Start)
	if err == nil {
		c.trace.start = c.clock.start
		return false, nil
	}
	if _, number := strconv.ParseFloat(text, 64); number == nil || c.header {
		return false, c.fault(line, "%w", err)
	}
	unit, known := headers[strings.ToLower(text)]
	if !known {
		names := []string{"requests", "cores", "value"}
		return false, c.fault(line, "column is %.40q, want one of %s", text, strings.Join(names, ", "))
	}
	if unit != "" && c.cfg.Unit != "" && unit != c.cfg.Unit {
		return false, c.fault(line, "column is %q, want %s, as the unit was said to be", text, c.cfg.Unit)
	}
	if unit != "" {
		c.trace.unit = unit
	}
	c.header = true
	return true, nil
}

func (c *csvReader) finish() error {
	t := c.trace
	switch {
	case t.count == 0 && c.header:
		return check.InputErrorf("%s: a header and no points, want two at least", c.name)
	case t.count == 0:
		return check.InputErrorf("%s: empty, want lines of time,value", c.name)
	case t.count == 1:
		return check.InputErrorf("%s:%d: a single point, want two at least: how long it lasts is not known", c.name, t.runs[0].line)
	}
	if t.unit == "" {
		t.unit = simulate.RequestsPerSecond
	}
	t.finish()
	if t.gaps == Refuse {
		if line, length := t.gap(); line > 0 {
			return c.fault(line, "%s since the point before, want %s, the usual step: there is a gap", length, t.step)
		}
	}
	return nil
}
