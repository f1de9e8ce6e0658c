package load

import (
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tandem-iac/tandem/internal/check"
)

// kind is what a shape's parameter is.
type kind int

const (
	amount  kind = iota // of load, 0..1e12
	factor              // 0..100
	percent             // 0..100
	span                // a duration, above 0
	clockAt             // a time of day
	moment              // a time of day, or a duration since the start
)

// kinds are what errors want of a parameter.
var kinds = map[kind]string{
	amount: "a number, 0..1e12", factor: "a number, 0..100", percent: "a number, 0..100", span: "a duration above 0, such as 90s, 10m or 7d",
	clockAt: "a time of day such as 14:00", moment: "a time of day such as 14:00, or a duration since the start such as 90m",
}

// param is a shape's parameter.
type param struct {
	kind kind
	// otherwise is the default as text; "": required.
	otherwise string
}

// shapeRule is what there is to know about a shape's text.
type shapeRule struct {
	params map[string]param
	// ordered are two parameters of which the first may not be higher.
	ordered []string
	// build makes the shape of parameters without faults; day is the start's
	// time of day in seconds. Noise has none, as it is no term of the sum.
	build func(t term, start time.Time, day float64) shape
}

var shapes = map[string]shapeRule{
	"constant": {
		params: map[string]param{"value": {kind: amount}},
		build:  func(t term, _ time.Time, _ float64) shape { v := t.number("value"); return ramp{from: v, to: v} },
	},
	"diurnal": {
		params:  map[string]param{"low": {kind: amount}, "high": {kind: amount}, "peak": {clockAt, "14:00"}},
		ordered: []string{"low", "high"},
		build:   func(t term, _ time.Time, day float64) shape { return t.diurnal(day) },
	},
	"weekly": {
		params:  map[string]param{"low": {kind: amount}, "high": {kind: amount}, "peak": {clockAt, "14:00"}, "weekend": {factor, "0.5"}},
		ordered: []string{"low", "high"},
		build: func(t term, start time.Time, day float64) shape {
			return weekly{diurnal: t.diurnal(day), midnight: -day, weekday: start.Weekday(), weekend: t.number("weekend")}
		},
	},
	"flash": {
		params: map[string]param{"add": {kind: amount}, "at": {kind: moment}, "rise": {span, "1m"}, "hold": {span, "10m"}, "halve": {span, "10m"}},
		build: func(t term, _ time.Time, day float64) shape {
			return flash{size: t.number("add"), at: t.seconds("at", day), rise: t.seconds("rise", 0), hold: t.seconds("hold", 0), halve: t.seconds("halve", 0)}
		},
	},
	"ramp": {
		params: map[string]param{"from": {amount, "0"}, "to": {kind: amount}, "at": {moment, "0s"}, "over": {kind: span}},
		build: func(t term, _ time.Time, day float64) shape {
			at := t.seconds("at", day)
			return ramp{from: t.number("from"), to: t.number("to"), start: at, end: at + t.seconds("over", 0)}
		},
	},
	"step": {
		params: map[string]param{"from": {amount, "0"}, "to": {kind: amount}, "at": {kind: moment}},
		build: func(t term, _ time.Time, day float64) shape {
			at := t.seconds("at", day)
			return ramp{from: t.number("from"), to: t.number("to"), start: at, end: at}
		},
	},
	"noise": {params: map[string]param{"percent": {kind: percent}, "every": {span, "1m"}}},
	SeedDay: {
		params: map[string]param{"calls": {amount, strconv.Itoa(SeedDayCalls)}, "requests_per_call": {amount, strconv.Itoa(SeedDayRequestsPerCall)}},
		build: func(t term, _ time.Time, day float64) shape {
			return seedDay(t.number("calls"), t.number("requests_per_call"), -day)
		},
	},
}

// term is a shape's name and its parameters, defaults among them.
type term struct {
	name   string
	values map[string]string
}

func (t term) diurnal(day float64) diurnal {
	return diurnal{low: t.number("low"), high: t.number("high"), peak: t.seconds("peak", day)}
}

// number returns a parameter that parseTerm has found good.
func (t term) number(key string) float64 {
	f, _ := strconv.ParseFloat(t.values[key], 64)
	return f
}

// seconds is a time since the start; a time of day is the first one not
// before it. Day is the start's time of day.
func (t term) seconds(key string, day float64) float64 {
	if at, ok := timeOfDay(t.values[key]); ok {
		return math.Mod(at-day+daySeconds, daySeconds)
	}
	s, _ := duration(t.values[key])
	return s
}

// parseTerm collects every fault of a term.
func parseTerm(text string, faults *check.Errors) term {
	name, rest, _ := strings.Cut(text, ":")
	name = strings.TrimSpace(name)
	rule, known := shapes[name]
	if !known {
		names := slices.Sorted(maps.Keys(shapes))
		faults.Add("load", fmt.Sprintf("%q", name), "a shape or a CSV file; "+check.Suggest(name, names))
		return term{}
	}
	t := term{name: name, values: map[string]string{}}
	keys := slices.Sorted(maps.Keys(rule.params))
	for pair := range strings.SplitSeq(rest, ",") {
		if strings.TrimSpace(pair) == "" && rest == "" {
			break
		}
		key, value, _ := strings.Cut(pair, "=")
		key, value = strings.TrimSpace(key), strings.TrimSpace(value)
		p, known := rule.params[key]
		if !known {
			faults.Add("load", fmt.Sprintf("%q", name+"."+key), "a parameter of "+name+"; "+check.Suggest(key, keys))
			continue
		}
		if _, twice := t.values[key]; twice {
			faults.Add(name+"."+key, "set twice", "once")
		}
		t.values[key] = value
		faults.Require(p.kind.takes(value), name+"."+key, fmt.Sprintf("%q", value), kinds[p.kind])
	}
	for _, key := range keys {
		if _, set := t.values[key]; set {
			continue
		}
		t.values[key] = rule.params[key].otherwise
		faults.Require(t.values[key] != "", name+"."+key, "", kinds[rule.params[key].kind])
	}
	if o := rule.ordered; o != nil {
		low, high := t.number(o[0]), t.number(o[1])
		faults.Require(low <= high, name+"."+o[0], t.values[o[0]], fmt.Sprintf("at most %s, which is %s", o[1], t.values[o[1]]))
	}
	return t
}

func (k kind) takes(text string) bool {
	number, err := strconv.ParseFloat(text, 64)
	isNumber := err == nil && number >= 0
	seconds, isDuration := duration(text)
	_, isTime := timeOfDay(text)
	switch k {
	case amount:
		return isNumber && number <= maxValue
	case factor, percent:
		return isNumber && number <= 100
	case span:
		return isDuration && seconds >= 0.001
	case clockAt:
		return isTime
	case moment:
		return isTime || isDuration
	}
	return false
}

var durationPattern = regexp.MustCompile(`^(?:([0-9]{1,6})d)?((?:[0-9]+(?:\.[0-9]+)?(?:h|ms|m|s))*)$`)

// duration reads what time.ParseDuration does, and days before it.
func duration(text string) (seconds float64, ok bool) {
	m := durationPattern.FindStringSubmatch(text)
	if m == nil || text == "" {
		return 0, false
	}
	days, _ := strconv.Atoi(m[1]) // empty: none
	var rest time.Duration
	if m[2] != "" {
		var err error
		if rest, err = time.ParseDuration(m[2]); err != nil {
			return 0, false
		}
	}
	seconds = float64(days)*daySeconds + rest.Seconds()
	return seconds, seconds <= maxDuration.Seconds()
}

// timeOfDay reads 18:00 or 18:00:30.
func timeOfDay(text string) (seconds float64, ok bool) {
	for _, layout := range []string{"15:04", "15:04:05"} {
		if at, err := time.Parse(layout, text); err == nil {
			return sinceMidnight(at), true
		}
	}
	return 0, false
}
