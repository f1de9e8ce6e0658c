// Package market reads what happens to spot instances, from CSV.
package market

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/tandem-iac/tandem/internal/check"
	"github.com/tandem-iac/tandem/simulate"
)

// header is the first line, which may be left out.
var header = [columns]string{"time", "event", "type", "value"}

const columns = 4

// Read reads lines of time, event, type and value in the order of time; # begins
// a comment. A time is a duration since start, such as 2h30m, or ISO 8601, not
// before start and within ten years of it. An empty type is each type. Events are
//
//	reclaim        value: the share of the type's spot instances, (0, 1]
//	price          value: the type's spot price from then on, in USD an hour
//	no-spot        value: how long no spot instance can be launched, such as 1h
//	no-capacity    the same, of on-demand instances too
//
// Name is that of errors, which are check.Errors with the line.
func Read(r io.Reader, name string, start time.Time) (simulate.Market, error) {
	reader := csv.NewReader(r)
	reader.Comment, reader.FieldsPerRecord, reader.TrimLeadingSpace = '#', columns, true
	p := parser{name: name, start: start}
	for first := true; ; first = false {
		record, err := reader.Read()
		var syntax *csv.ParseError
		switch {
		case errors.Is(err, io.EOF):
			return p.market, p.faults.Err()
		case errors.As(err, &syntax):
			return simulate.Market{}, check.InputErrorf("%s:%d: %w, want time,event,type,value", name, syntax.Line, syntax.Err)
		case err != nil:
			return simulate.Market{}, fmt.Errorf("%s: %w", name, check.Cause(err))
		}
		for n := range record {
			record[n] = strings.TrimSpace(strings.TrimPrefix(record[n], "\ufeff"))
		}
		if first && [columns]string(record) == header {
			continue
		}
		p.line, _ = reader.FieldPos(0)
		p.event(record[0], record[1], record[2], record[3])
	}
}

type parser struct {
	name   string
	start  time.Time
	market simulate.Market
	faults check.Errors

	line int
	last time.Duration
}

// longest is the last time that an event may have, and the longest one.
const longest = 10 * 366 * 24 * time.Hour

// events add what the line says; false: its value is wrong.
var events = map[string]struct {
	want string
	add  func(m *simulate.Market, at time.Duration, kind, value string) bool
}{
	"reclaim": {"a share above 0, at most 1", func(m *simulate.Market, at time.Duration, kind, value string) bool {
		share, err := strconv.ParseFloat(value, 64)
		m.Reclaims = append(m.Reclaims, simulate.Reclaim{At: at, Type: kind, Share: share})
		return err == nil && share > 0 && share <= 1
	}},
	"price": {"a type, and USD an hour above 0, at most 1000000", func(m *simulate.Market, at time.Duration, kind, value string) bool {
		price, err := strconv.ParseFloat(value, 64)
		m.Prices = append(m.Prices, simulate.PriceChange{At: at, Type: kind, Price: price})
		return err == nil && kind != "" && price > 0 && price <= 1e6
	}},
	"no-spot":     {wantDuration, outage(false)},
	"no-capacity": {wantDuration, outage(true)},
}

const wantDuration = "a duration such as 1h30m"

func outage(onDemand bool) func(*simulate.Market, time.Duration, string, string) bool {
	return func(m *simulate.Market, at time.Duration, kind, value string) bool {
		length, err := time.ParseDuration(value)
		m.Outages = append(m.Outages, simulate.Outage{From: at, Until: at + length, Type: kind, OnDemand: onDemand})
		return err == nil && length > 0 && length <= longest
	}
}

func (p *parser) event(moment, name, kind, value string) {
	at, ok := p.at(moment)
	p.require(ok, "time", moment, "a duration since the start such as 2h30m, or ISO 8601, not before the start and within ten years of it")
	p.require(!ok || at >= p.last, "time", moment, "the order of time")
	p.last = max(p.last, at)
	event, ok := events[name]
	if !ok {
		p.require(false, "event", name, "reclaim, price, no-spot or no-capacity")
		return
	}
	p.require(event.add(&p.market, at, kind, value), name, strings.TrimSpace(kind+" "+value), event.want)
}

func (p *parser) at(moment string) (time.Duration, bool) {
	at, err := time.ParseDuration(moment)
	if t, isTime := time.Parse(time.RFC3339, moment); isTime == nil {
		at, err = t.Sub(p.start), nil
	}
	return at, err == nil && at >= 0 && at <= longest
}

// require adds a fault with its place in the file. A file of garbage has only
// its first ones.
func (p *parser) require(holds bool, field, value, want string) {
	if len(p.faults) < maxFaults {
		p.faults.Require(holds, fmt.Sprintf("%s:%d: %s", p.name, p.line, field), strconv.Quote(value), want)
	}
}

const maxFaults = 20
