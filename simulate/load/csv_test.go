package load_test

import (
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tandem-iac/tandem/internal/check"
	"github.com/tandem-iac/tandem/simulate"
	"github.com/tandem-iac/tandem/simulate/load"
)

func TestReadCSV(t *testing.T) {
	epoch := time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)
	minutes := []float64{1, 2, 3}
	for _, test := range []struct {
		name, text string
		start      time.Time
		want       []float64 // in minutes
	}{
		{"plain seconds", "0,1\n60,2\n120,3\n", epoch, minutes},
		{"plain seconds that begin later", "30,1\n90,2\n150,3\n", epoch.Add(30 * time.Second), minutes},
		{"epoch", "1700000000,1\n1700000060,2\n1700000120,3\n", time.Unix(1700000000, 0), minutes},
		{"epoch in milliseconds", "1700000000500,1\n1700000060500,2\n1700000120500,3\n", time.UnixMilli(1700000000500), minutes},
		{"ISO 8601", "2024-05-01T10:00:00Z,1\n2024-05-01T12:01:00+02:00,2\n2024-05-01 10:02:00,3\n", time.Date(2024, 5, 1, 10, 0, 0, 0, time.UTC), minutes},
		{"without the last line end", "0,1\n60,2\n120,3", epoch, minutes},
		{"a header, a mark, CRLF, comments, quotes, blanks", "\ufefftime,requests\r\n# made up\r\n\r\n\"0\",\"1\"\r\n60, 2\r\n 120 ,3\r\n", epoch, minutes},
		{"seconds apart", "0,1\n30,3\n60,2\n90,4\n", epoch, []float64{2, 3}},
		{"five minutes apart", "0,1\n300,2\n", epoch, []float64{1, 1, 1, 1, 1, 2, 2, 2, 2, 2}},
		{"changing distances", "0,6\n10,12\n20,0\n60,3\n90,5\n120,1\n130,1\n", epoch, []float64{3, 4}},
	} {
		t.Run(test.name, func(t *testing.T) {
			trace, err := load.ReadCSV(strings.NewReader(test.text), "t.csv", load.Config{})
			if err != nil {
				t.Fatal(err)
			}
			if !trace.Start().Equal(test.start) {
				t.Errorf("starts at %s, want %s", trace.Start(), test.start)
			}
			if diff := cmp.Diff(test.want, fill(trace, len(test.want), 0, time.Minute)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

// TestGaps has a point a minute, and none for the two minutes after the second.
func TestGaps(t *testing.T) {
	const text = "0,1\n60,2\n240,8\n300,4\n"
	for gaps, want := range map[load.Gaps][]float64{
		load.Hold:        {1, 2, 2, 2, 8, 4, 0},
		load.Interpolate: {1, 2, 3.5, 6.5, 8, 4, 0},
		load.Zero:        {1, 2, 0, 0, 8, 4, 0},
	} {
		trace, err := load.ReadCSV(strings.NewReader(text), "t.csv", load.Config{Gaps: gaps})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, fill(trace, 7, 0, time.Minute)); diff != "" {
			t.Errorf("%s (-want +got)\n%s", gaps, diff)
		}
		if trace.Duration() != 6*time.Minute || trace.Step() != time.Minute || trace.Points() != 4 {
			t.Errorf("%s, %s, %d points", trace.Duration(), trace.Step(), trace.Points())
		}
	}
}

func TestUnits(t *testing.T) {
	for _, test := range []struct {
		header string
		cfg    simulate.Unit
		want   simulate.Unit
	}{
		{"", "", simulate.RequestsPerSecond}, {"", simulate.Cores, simulate.Cores}, {"time,value\n", simulate.Cores, simulate.Cores},
		{"Time,Cores\n", "", simulate.Cores}, {"t,rps\n", "", simulate.RequestsPerSecond}, {"t,cpu_cores\n", simulate.Cores, simulate.Cores},
	} {
		trace, err := load.ReadCSV(strings.NewReader(test.header+"0,1\n1,2\n"), "t.csv", load.Config{Unit: test.cfg})
		if err != nil {
			t.Fatal(err)
		}
		if trace.Unit() != test.want {
			t.Errorf("%q with %q is %s, want %s", test.header, test.cfg, trace.Unit(), test.want)
		}
	}
}

func TestBadCSV(t *testing.T) {
	for _, test := range []struct {
		name, text string
		cfg        load.Config
		want       string
	}{
		{"empty", "", load.Config{}, "t.csv: empty, want lines of time,value"},
		{"only comments", "# nothing\n\n", load.Config{}, "t.csv: empty"},
		{"only a header", "time,value\n", load.Config{}, "t.csv: a header and no points, want two at least"},
		{"one point", "time,value\n0,1\n", load.Config{}, "t.csv:2: a single point, want two at least"},
		{"unsorted", "0,1\n60,2\n# here\n30,3\n", load.Config{}, "t.csv:4: time is 30, earlier than the line before"},
		{"before the first", "60,1\n30,2\n", load.Config{}, "t.csv:2: time is 30, earlier"},
		{"the same time", "0,1\n60,2\n60.0,3\n", load.Config{}, "t.csv:3: time is 60.0, the same as the line before"},
		{"negative", "0,1\n60,-2\n", load.Config{}, "t.csv:2: value is -2, want 0..1e12"},
		{"NaN", "0,1\n60,NaN\n", load.Config{}, "t.csv:2: value is NaN, want 0..1e12"},
		{"Inf", "0,1\n60,Inf\n", load.Config{}, "t.csv:2: value is Inf, want 0..1e12"},
		{"enormous", "0,1\n60,1e999\n", load.Config{}, "t.csv:2: value is 1e999, want 0..1e12"},
		{"not a number", "0,1\n60,many\n", load.Config{}, `t.csv:2: value is "many", want a number`},
		{"no number", "0,1\n60,\n", load.Config{}, `t.csv:2: value is "", want a number`},
		{"not a time", "noon,1\n", load.Config{}, `t.csv:1: time is "noon", want 2024-01-31T18:00:00Z`},
		{"another kind of time", "0,1\n2024-01-01T00:01:00Z,2\n", load.Config{}, `t.csv:2: time is "2024-01-01T00:01:00Z", want seconds since the start, as in the first line`},
		{"yet another", "2024-01-01T00:01:00Z,2\n60,1\n", load.Config{}, `t.csv:2: time is "60", want a date and time as in the first line`},
		{"a time that is none", "0,1\nNaN,2\n", load.Config{}, `t.csv:2: time is "NaN"`},
		{"a date too far", "1e300,1\n", load.Config{}, "t.csv:1: time is 1e300, want at least 0"},
		{"too long", "0,1\n1e300,1\n", load.Config{}, "t.csv:2: time is 1e300, more than a century"},
		{"one column", "0\n", load.Config{}, "t.csv:1: 1 columns, want two, separated by a comma"},
		{"semicolons", "0;1\n", load.Config{}, "t.csv:1: 1 columns"},
		{"three columns", "0,1\n60,2,3\n", load.Config{}, "t.csv:2: 3 columns"},
		{"a broken quote", "0,1\n60,\"2\n", load.Config{}, "t.csv:2: extraneous or missing \" in quoted-field"},
		{"unknown column", "time,visitors\n", load.Config{}, `t.csv:1: column is "visitors", want one of requests, cores, value`},
		{"another unit", "time,cores\n", load.Config{Unit: simulate.RequestsPerSecond}, `t.csv:1: column is "cores", want requests`},
		{"gap", "0,1\n60,2\n120,1\n300,8\n360,8\n", load.Config{Gaps: load.Refuse}, "t.csv:4: 3m0s since the point before, want 1m0s"},
		{"gap of points far apart", "0,1\n60,2\n120,1\n300,8\n480,8\n", load.Config{Gaps: load.Refuse}, "t.csv:4: 3m0s since"},
		{"gap rule", "0,1\n60,2\n", load.Config{Gaps: "holt"}, `gaps is "holt", did you mean hold?`},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := load.ReadCSV(strings.NewReader(test.text), "t.csv", test.cfg)
			var input check.InputError
			if !errors.As(err, &input) || !strings.HasPrefix(err.Error(), test.want) {
				t.Errorf("%v, want %s", err, test.want)
			}
		})
	}
}

// TestFile proves that shapes can be put on top of a file.
func TestFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "t.csv")
	if err := os.WriteFile(file, []byte("time,cores\n2025-05-05T12:00:00Z,1\n2025-05-05T12:01:00Z,2\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	l := parse(t, file+" + step:to=10,at=12:01", load.Config{})
	if diff := cmp.Diff([]float64{1, 12}, fill(l, 2, 0, time.Minute)); diff != "" || l.Unit() != simulate.Cores || l.Duration() != 2*time.Minute {
		t.Errorf("%s, %s (-want +got)\n%s", l.Unit(), l.Duration(), diff)
	}
	values := make([]float64, 100)
	if n := testing.AllocsPerRun(100, func() { l.Fill(values, 0, time.Second) }); n > 0 {
		t.Errorf("%g allocations, want none", n)
	}
}

func TestNoAllocations(t *testing.T) {
	l := parse(t, everything, load.Config{})
	values := make([]float64, 100)
	if n := testing.AllocsPerRun(100, func() { l.Fill(values, time.Hour, time.Minute) }); n > 0 {
		t.Errorf("%g allocations, want none", n)
	}
}

// points writes so many lines, a second apart.
type points struct {
	n, next int
	rest    []byte
}

func (p *points) Read(buffer []byte) (int, error) {
	for len(p.rest) < len(buffer) && p.next < p.n {
		p.rest = fmt.Appendf(p.rest, "%d,%d\n", 1_700_000_000+p.next, p.next%100)
		p.next++
	}
	if len(p.rest) == 0 {
		return 0, io.EOF
	}
	n := copy(buffer, p.rest)
	p.rest = p.rest[:copy(p.rest, p.rest[n:])]
	return n, nil
}

// TestLongTrace proves that a point costs four bytes, whatever its line had.
func TestLongTrace(t *testing.T) {
	const n = 20 * 86400
	heap := func() float64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return float64(m.HeapAlloc)
	}
	before := heap()
	trace, err := load.ReadCSV(&points{n: n}, "t.csv", load.Config{})
	if err != nil {
		t.Fatal(err)
	}
	if bytes := (heap() - before) / n; bytes > 4.5 {
		t.Errorf("%.2f bytes a point, want 4", bytes)
	}
	if got := fill(trace, 1, 19*24*time.Hour, 100*time.Second)[0]; math.Abs(got-49.5) > 1e-9 {
		t.Errorf("mean of 0..99 is %g", got)
	}
	for day, got := range fill(trace, 20, 0, 24*time.Hour) {
		if math.Abs(got-49.5) > 1e-9 {
			t.Errorf("mean of day %d is %g, want 49.5", day, got)
		}
	}
	runtime.KeepAlive(trace)
}

func FuzzReadCSV(f *testing.F) {
	f.Add("time,value\n0,1\n60,2\n240,1\n", "interpolate")
	f.Add("\ufeff1700000000500,1\n1.7e12,\"3\"\n", "zero")
	f.Add("2024-01-01,1\r\n2024-01-02T01:00Z,4\r\n2024-02-02 01:00,4", "refuse")
	f.Fuzz(func(t *testing.T, text, gaps string) {
		trace, err := load.ReadCSV(strings.NewReader(text), "t.csv", load.Config{Gaps: load.Gaps(gaps)})
		if err != nil {
			return
		}
		if trace.Duration() <= 0 || trace.Step() <= 0 || trace.Points() < 2 {
			t.Errorf("%q: %s, %s, %d points", text, trace.Duration(), trace.Step(), trace.Points())
		}
		step := max(trace.Duration()/7, 1)
		for i, v := range fill(trace, 9, -step, step) {
			if !(v >= 0 && v <= 1e12*1.000001) {
				t.Errorf("%q: value %d is %g", text, i, v)
			}
		}
	})
}

func BenchmarkReadCSV(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := load.ReadCSV(&points{n: 1_000_000}, "t.csv", load.Config{}); err != nil {
			b.Fatal(err)
		}
	}
}
