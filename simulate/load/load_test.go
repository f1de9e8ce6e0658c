package load_test

import (
	"fmt"
	"math"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/tandem-iac/tandem/simulate"
	"github.com/tandem-iac/tandem/simulate/load"
)

func parse(t testing.TB, text string, cfg load.Config) simulate.Load {
	t.Helper()
	l, err := load.Parse(text, cfg)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func fill(l simulate.Load, n int, from, step time.Duration) []float64 {
	values := make([]float64, n)
	l.Fill(values, from, step)
	return values
}

// TestShapes looks at each shape at some times of its first day.
func TestShapes(t *testing.T) {
	for _, test := range []struct {
		text string
		want map[time.Duration]float64
	}{
		{"constant:value=7", map[time.Duration]float64{0: 7, 5 * time.Hour: 7}},
		{"diurnal:low=20,high=200", map[time.Duration]float64{2 * time.Hour: 20, 14 * time.Hour: 200, 8 * time.Hour: 110, 38 * time.Hour: 200}},
		{"diurnal:low=20,high=200,peak=18:30", map[time.Duration]float64{18*time.Hour + 30*time.Minute: 200, 6*time.Hour + 30*time.Minute: 20}},
		// The first day is a Monday.
		{"weekly:low=20,high=200,weekend=0.25", map[time.Duration]float64{14 * time.Hour: 200, (4*24 + 14) * time.Hour: 200, (5*24 + 14) * time.Hour: 50, (6*24 + 14) * time.Hour: 50, (7*24 + 14) * time.Hour: 200}},
		{"ramp:from=10,to=30,at=1h,over=2h", map[time.Duration]float64{0: 10, 2 * time.Hour: 20, 5 * time.Hour: 30}},
		{"step:from=10,to=30,at=06:00", map[time.Duration]float64{6*time.Hour - time.Second: 10, 6 * time.Hour: 30}},
		{"flash:at=18:00,add=100,rise=2m,hold=10m,halve=5m", map[time.Duration]float64{
			0: 0, 18 * time.Hour: 0, 18*time.Hour + time.Minute: 50, 18*time.Hour + 11*time.Minute: 100, 18*time.Hour + 17*time.Minute: 50, 18*time.Hour + 22*time.Minute: 25}},
		{"constant:value=5+step:to=2,at=1h + constant:value=1", map[time.Duration]float64{0: 6, 2 * time.Hour: 8}},
	} {
		l := parse(t, test.text, load.Config{})
		for at, want := range test.want {
			if got := fill(l, 1, at, time.Millisecond)[0]; math.Abs(got-want) > 0.001*max(1, want) {
				t.Errorf("%s: %g at %s, want %g", test.text, got, at, want)
			}
		}
	}
}

// everything has every shape there is.
const everything = "diurnal:low=20,high=200 + weekly:low=1,high=50 + flash:at=1h,add=500 + ramp:to=9,over=3h + step:to=4,at=90s + seed-day + noise:percent=20 + noise:percent=5,every=7s"

// TestMeans proves that a value is the mean over its step: that of an hour is
// the mean of its seconds, wherever pieces begin and in whatever order they
// are asked for.
func TestMeans(t *testing.T) {
	trace := "time,value\n0,1\n10,5\n20,3\n21,8\n300,2\n310,7\n"
	quiet, _, _ := strings.Cut(everything, " + noise")
	loads := map[string]simulate.Load{
		"shapes":        parse(t, everything, load.Config{Seed: 3, Duration: 14 * 24 * time.Hour}),
		"without noise": parse(t, quiet, load.Config{Duration: 14 * 24 * time.Hour}),
	}
	for _, gaps := range []load.Gaps{load.Hold, load.Interpolate, load.Zero} {
		l, err := load.ReadCSV(strings.NewReader(trace), "t.csv", load.Config{Gaps: gaps})
		if err != nil {
			t.Fatal(err)
		}
		loads["trace with gaps "+string(gaps)] = l
	}
	for name, l := range loads {
		for _, from := range []time.Duration{0, 17 * time.Second, 23 * time.Hour, 4*24*time.Hour + 23*time.Hour + 59*time.Minute + 30*time.Second} {
			for _, length := range []int{60, 77, 3600} {
				whole := fill(l, 1, from, time.Duration(length)*time.Second)[0]
				seconds := fill(l, length, from, time.Second)
				mean := 0.0
				for i, value := range seconds {
					mean += value / float64(length)
					if again := fill(l, 1, from+time.Duration(i)*time.Second, time.Second)[0]; math.Abs(again-value) > 1e-6 {
						t.Fatalf("%s: second %d from %s is %g in a row and %g alone", name, i, from, value, again)
					}
				}
				if math.Abs(mean-whole) > 1e-6*max(1, whole) {
					t.Errorf("%s: %d seconds from %s have a mean of %g, and yet are %g together", name, length, from, mean, whole)
				}
			}
		}
	}
}

// TestSeedDay proves that the preset has its calls, at any step, from any start.
func TestSeedDay(t *testing.T) {
	for _, start := range []time.Time{{}, time.Date(2024, 3, 9, 17, 41, 3, 0, time.UTC)} {
		for _, step := range []time.Duration{time.Second, time.Minute, time.Hour, 24 * time.Hour} {
			l := parse(t, "seed-day", load.Config{Start: start})
			sum := 0.0
			for _, value := range fill(l, int(24*time.Hour/step), 0, step) {
				sum += value * step.Seconds()
			}
			if calls := sum / load.SeedDayRequestsPerCall; math.Abs(calls-load.SeedDayCalls) > 1e-3 {
				t.Errorf("%f calls a day in steps of %s from %s, want %d", calls, step, l.Start(), load.SeedDayCalls)
			}
		}
	}
	hours := fill(parse(t, "seed-day:requests_per_call=1", load.Config{}), 24, 0, time.Hour)
	if share := hours[10] * 3600 / load.SeedDayCalls; math.Abs(share-0.09) > 0.0005 {
		t.Errorf("the busiest hour has %.4f of the day, want 0.090", share)
	}
}

func TestNoise(t *testing.T) {
	noisy := func(cfg load.Config) []float64 {
		return fill(parse(t, "constant:value=100 + noise:percent=10", cfg), 100_000, 0, time.Minute)
	}
	values := noisy(load.Config{Seed: 1})
	mean, square := 0.0, 0.0
	for _, v := range values {
		mean += v / float64(len(values))
		square += v * v / float64(len(values))
	}
	if deviation := math.Sqrt(square - mean*mean); math.Abs(mean-100) > 0.1 || math.Abs(deviation-10) > 0.2 {
		t.Errorf("mean %.2f and deviation %.2f, want 100 and 10", mean, deviation)
	}
	same := noisy(load.Config{Seed: 1, Start: time.Date(2025, 6, 1, 3, 0, 0, 0, time.UTC)})
	other := noisy(load.Config{Seed: 2})
	equal := 0
	for i, v := range values {
		if same[i] != v {
			t.Fatalf("minute %d is %g, and %g from another start", i, v, same[i])
		}
		if other[i] == v {
			equal++
		}
	}
	if equal > len(values)/100 {
		t.Errorf("%d of %d values are those of another seed", equal, len(values))
	}
}

func TestConfig(t *testing.T) {
	start := time.Date(2025, 6, 1, 3, 0, 0, 0, time.UTC)
	for _, test := range []struct {
		text     string
		cfg      load.Config
		start    time.Time
		duration time.Duration
		unit     simulate.Unit
	}{
		{"seed-day", load.Config{}, time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC), 24 * time.Hour, simulate.RequestsPerSecond},
		{"weekly:low=1,high=2", load.Config{Unit: simulate.Cores}, time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC), 7 * 24 * time.Hour, simulate.Cores},
		{"constant:value=1", load.Config{Start: start, Duration: time.Hour}, start, time.Hour, simulate.RequestsPerSecond},
	} {
		l := parse(t, test.text, test.cfg)
		if !l.Start().Equal(test.start) || l.Duration() != test.duration || l.Unit() != test.unit {
			t.Errorf("%s: %s, %s, %s", test.text, l.Start(), l.Duration(), l.Unit())
		}
	}
}

// TestDocumented parses the examples of docs/loads.md, and finds every shape in
// its table.
func TestDocumented(t *testing.T) {
	text, err := os.ReadFile("../../docs/loads.md")
	if err != nil {
		t.Fatal(err)
	}
	examples := strings.Split(string(text), "```")[1]
	n := 0
	for example := range strings.Lines(examples) {
		if example = strings.TrimSpace(example); example != "" && example != "traffic.csv" {
			parse(t, example, load.Config{})
			n++
		}
	}
	if n < 5 {
		t.Errorf("%d examples, want them all", n)
	}
	_, err = load.Parse("zzzzzzzzzzzz", load.Config{})
	_, all, _ := strings.Cut(err.Error(), "there are ")
	for name := range strings.SplitSeq(all, ", ") {
		if !strings.Contains(string(text), "\n| `"+name+"` | ") {
			t.Errorf("%s is not in the table", name)
		}
	}
}

func TestBadText(t *testing.T) {
	for _, test := range []struct{ text, want string }{
		{"", `load is "", want a shape or a CSV file; there are constant,`},
		{"diurnl:low=1", `load is "diurnl", want a shape or a CSV file; did you mean diurnal?`},
		{"diurnal:low=1,hihg=2", `load is "diurnal.hihg", want a parameter of diurnal; did you mean high?`},
		{"diurnal:low=1", "diurnal.high is unset, want a number, 0..1e12"},
		{"diurnal:low=3,high=2", "diurnal.low is 3, want at most high, which is 2"},
		{"diurnal:low=-3,high=2", `diurnal.low is "-3", want a number, 0..1e12`},
		{"diurnal:low=NaN,high=Inf", `diurnal.low is "NaN", want a number`},
		{"diurnal:low=NaN,high=Inf", `diurnal.high is "Inf", want a number`},
		{"diurnal:low=1,high=2,peak=25:00", `diurnal.peak is "25:00", want a time of day`},
		{"diurnal:low=1,low=1,high=2", `diurnal.low is set twice, want once`},
		{"ramp:to=3,over=0s", `ramp.over is "0s", want a duration above 0`},
		{"flash:add=3,at=tomorrow", `flash.at is "tomorrow", want a time of day such as 14:00, or a duration`},
		{"diurnal:low=x + step:to=y,at=1h", `step.to is "y", want a number`},
		{"noise:percent=3", "load is noise alone, want a shape"},
		{"constant:value=1,", `load is "constant.", want a parameter`},
		{"nowhere/a.csv", "nowhere/a.csv: "},
		{"a.csv + b.csv", "load is 2 files, want one at most"},
	} {
		_, err := load.Parse(test.text, load.Config{})
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%q: %v, want %s", test.text, err, test.want)
		}
	}
	if _, err := load.Parse("seed-day", load.Config{Duration: -1, Unit: "calls"}); err == nil ||
		err.Error() != "duration is -1ns, want 0..36525d\nunit is \"calls\", want requests or cores" {
		t.Errorf("%v", err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(everything, int64(0), int64(time.Minute))
	f.Add("step:to=1e12,at=99999d+ramp:to=1,over=0.001s,at=23:59", int64(-1e18), int64(1))
	f.Fuzz(func(t *testing.T, text string, from, step int64) {
		if strings.ContainsAny(text, "/.") {
			return // no files
		}
		l, err := load.Parse(text, load.Config{Duration: time.Hour})
		if err != nil {
			return
		}
		from %= int64(365 * 24 * time.Hour)
		step = max(1, step%int64(24*time.Hour))
		for i, v := range fill(l, 3, time.Duration(from), time.Duration(step)) {
			if !(v >= 0 && v < 1e15) {
				t.Errorf("%q: value %d from %d in steps of %d is %g", text, i, from, step, v)
			}
		}
	})
}

func BenchmarkFill(b *testing.B) {
	var points strings.Builder
	for i := range 10_000 {
		fmt.Fprintf(&points, "%d,%d\n", i*60, i%100)
	}
	trace, err := load.ReadCSV(strings.NewReader(points.String()), "t.csv", load.Config{})
	if err != nil {
		b.Fatal(err)
	}
	for name, l := range map[string]simulate.Load{
		"constant": parse(b, "constant:value=3", load.Config{}),
		"diurnal":  parse(b, "diurnal:low=20,high=200", load.Config{}),
		"weekly":   parse(b, "weekly:low=20,high=200", load.Config{}),
		"flash":    parse(b, "flash:at=1h,add=200", load.Config{}),
		"seed-day": parse(b, "seed-day", load.Config{}),
		"noise":    parse(b, "constant:value=3+noise:percent=3", load.Config{}),
		"trace":    trace,
	} {
		b.Run(name, func(b *testing.B) {
			values := make([]float64, 1440)
			b.ReportAllocs()
			for b.Loop() {
				l.Fill(values, 0, time.Minute)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(values)), "ns/minute")
		})
	}
}
