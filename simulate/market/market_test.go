package market_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tandem-iac/tandem/simulate"
	"github.com/tandem-iac/tandem/simulate/market"
)

var start = time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)

func TestRead(t *testing.T) {
	got, err := market.Read(strings.NewReader(`time,event,type,value
# a bad day
1h,price,m4.large,0.08
2026-03-01T11:00:00+01:00, reclaim, m4.large, 0.5

3h,reclaim,,1
3h,no-spot,m4.large,90m
4h,no-capacity,,1h
5h,price,m4.large,0.2
`), "m.csv", start)
	if err != nil {
		t.Fatal(err)
	}
	const h = time.Hour
	want := simulate.Market{
		Reclaims: []simulate.Reclaim{{At: 2 * h, Type: "m4.large", Share: 0.5}, {At: 3 * h, Share: 1}},
		Prices:   []simulate.PriceChange{{At: h, Type: "m4.large", Price: 0.08}, {At: 5 * h, Type: "m4.large", Price: 0.2}},
		Outages: []simulate.Outage{
			{From: 3 * h, Until: 4*h + 30*time.Minute, Type: "m4.large"},
			{From: 4 * h, Until: 5 * h, OnDemand: true},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestReadFaults(t *testing.T) {
	for _, test := range []struct{ text, want string }{
		{"1h,reclaim,m4.large", "m.csv:1: wrong number of fields, want time,event,type,value"},
		{"1h,reclaim,\"m4", "m.csv:1: extraneous or missing \" in quoted-field, want time,event,type,value"},
		{"time,event,type,value\nsoon,reclaim,,1", `m.csv:2: time is "soon", want a duration since the start such as 2h30m`},
		{"-1h,reclaim,,1", `m.csv:1: time is "-1h", want`},
		{"99999h,reclaim,,1", `m.csv:1: time is "99999h", want`},
		{"2026-03-01T07:59:59Z,reclaim,,1", `m.csv:1: time is "2026-03-01T07:59:59Z", want`},
		{"2h,reclaim,,1\n\n1h,reclaim,,1", `m.csv:3: time is "1h", want the order of time`},
		{"1h,reclam,,1", `m.csv:1: event is "reclam", want reclaim, price, no-spot or no-capacity`},
		{"1h,reclaim,,0", `m.csv:1: reclaim is "0", want a share above 0, at most 1`},
		{"1h,reclaim,,NaN", `m.csv:1: reclaim is "NaN", want a share`},
		{"1h,reclaim,,1.5", `m.csv:1: reclaim is "1.5", want a share`},
		{"1h,price,,0.1", `m.csv:1: price is "0.1", want a type, and USD an hour`},
		{"1h,price,m4.large,-1", `m.csv:1: price is "m4.large -1", want a type, and USD an hour`},
		{"1h,no-spot,,0s", `m.csv:1: no-spot is "0s", want a duration`},
		{"1h,no-capacity,,long", `m.csv:1: no-capacity is "long", want a duration`},
	} {
		_, err := market.Read(strings.NewReader(test.text), "m.csv", start)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%q: %v, want %q", test.text, err, test.want)
		}
	}
	_, err := market.Read(strings.NewReader(strings.Repeat("1h,no,,1\n", 1000)), "m.csv", start)
	if lines := strings.Count(err.Error(), "\n") + 1; lines != 20 {
		t.Errorf("%d faults of a thousand, want the first 20", lines)
	}
}

func FuzzRead(f *testing.F) {
	f.Add("1h,price,m4.large,0.08\n2h,reclaim,,1\n3h,no-spot,,1h\n")
	f.Fuzz(func(t *testing.T, text string) {
		m, err := market.Read(strings.NewReader(text), "m.csv", start)
		if err != nil {
			return
		}
		for _, o := range m.Outages {
			if o.Until <= o.From {
				t.Errorf("accepted %+v", o)
			}
		}
	})
}
