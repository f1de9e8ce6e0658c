package load

import (
	"cmp"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/tandem-iac/tandem/internal/check"
	"github.com/tandem-iac/tandem/simulate"
)

// Parse makes a load of its text:
//
//	load   = term { "+" term }
//	term   = file | shape [ ":" key "=" value { "," key "=" value } ]
//	value  = number | duration such as 90s, 10m, 1h30m, 7d | time of day such as 18:00
//
// A file is CSV, and its name has a slash or ends in .csv; only the shapes
// that docs/loads.md lists can be added to at most one. Spaces do not count.
// Noise multiplies the sum of the shapes, but not the file.
//
// Faults of the text are a check.Errors that holds all of them; of the file,
// those of ReadCSV and of opening it.
func Parse(text string, cfg Config) (simulate.Load, error) {
	files, terms := split(text)
	var faults check.Errors
	faults.Require(len(files) < 2, "load", fmt.Sprintf("%d files", len(files)), "one at most")
	faults.Require(cfg.Duration >= 0 && cfg.Duration <= maxDuration, "duration", cfg.Duration.String(), "0..36525d")
	faults.Require(slices.Contains([]simulate.Unit{"", simulate.RequestsPerSecond, simulate.Cores}, cfg.Unit), "unit", fmt.Sprintf("%q", cfg.Unit), "requests or cores")
	var parsed []term
	for _, text := range terms {
		parsed = append(parsed, parseTerm(text, &faults))
	}
	onlyNoise := len(files) == 0 && !slices.ContainsFunc(parsed, func(t term) bool { return t.name != "noise" })
	faults.Require(!onlyNoise, "load", "noise alone", "a shape that it multiplies")
	if err := faults.Err(); err != nil {
		return nil, check.InputError{Err: err}
	}
	cfg = cfg.withDefaults()
	if len(files) == 0 {
		return generate(parsed, cfg), nil
	}
	trace, err := readFile(files[0], cfg)
	if err != nil || len(parsed) == 0 {
		return trace, err
	}
	cfg.Start, cfg.Duration, cfg.Unit = trace.Start(), trace.Duration(), trace.Unit()
	return newSum([]simulate.Load{trace, generate(parsed, cfg)}), nil
}

func split(text string) (files, terms []string) {
	if _, err := os.Stat(text); err == nil {
		return []string{text}, nil // whatever is in its name
	}
	for part := range strings.SplitSeq(text, "+") {
		part = strings.TrimSpace(part)
		name, _, _ := strings.Cut(part, ":")
		if _, isShape := shapes[name]; !isShape && (strings.Contains(part, "/") || strings.HasSuffix(part, ".csv")) {
			files = append(files, part)
			continue
		}
		terms = append(terms, part)
	}
	return files, terms
}

func readFile(name string, cfg Config) (*Trace, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, check.InputErrorf("%s: %w", name, check.Cause(err))
	}
	defer file.Close() // only read
	return ReadCSV(file, name, cfg)
}

// generate makes the load of terms without faults.
func generate(terms []term, cfg Config) simulate.Load {
	day := sinceMidnight(cfg.Start)
	g := &generated{start: cfg.Start, duration: cfg.Duration, unit: cmp.Or(cfg.Unit, simulate.RequestsPerSecond)}
	if g.duration == 0 {
		g.duration = 24 * time.Hour
		if slices.ContainsFunc(terms, func(t term) bool { return t.name == "weekly" }) {
			g.duration *= 7
		}
	}
	for i, t := range terms {
		if t.name == "noise" {
			g.noises = append(g.noises, noise{
				seed:      mix(cfg.Seed + uint64(i)), // two noises are not the same
				deviation: t.number("percent") / 100,
				every:     time.Duration(t.seconds("every", 0)*1e6) * time.Microsecond,
			})
			continue
		}
		g.shapes = append(g.shapes, shapes[t.name].build(t, cfg.Start, day))
	}
	return g
}

// sinceMidnight is the time of day in seconds.
func sinceMidnight(t time.Time) float64 {
	return float64(t.Hour()*3600+t.Minute()*60+t.Second()) + float64(t.Nanosecond())/1e9
}
