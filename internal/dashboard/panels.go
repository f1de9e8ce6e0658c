package dashboard

import (
	"fmt"
	"strconv"

	"github.com/tandem-iac/tandem/internal/watch"
)

func (cfg Config) header() Panel {
	return Panel{Kind: Text, Height: 2, Text: fmt.Sprintf(
		"**%s**: spot carries the load, on-demand follows where spot fails. Lines at which groups scale and alarms fire are those of tandem.yaml. "+
			"What counts events is empty while there are none. Spend is an estimate: %s", cfg.FullName(), cfg.Spend.note())}
}

// alarms are the conditions of those alarms that each watch one thing. How long
// they have to last is the alarms' alone.
func (cfg Config) alarms() Panel {
	p := Panel{Title: "Alarms", Kind: States, Height: 4, Max: 1,
		Text: "1 while what an alarm waits for is so; the alarm itself follows if it lasts."}
	condition := func(end, label, expression string, inputs ...watch.Query) {
		for i := range inputs {
			inputs[i].Hidden = true
		}
		p.Queries = append(p.Queries, inputs...)
		p.Queries = append(p.Queries, watch.Query{ID: end, Label: label, Expression: expression})
	}
	rule := cfg.Monitoring.Alarms
	condition("no_host", "no healthy host", "IF(FILL(healthy, 0) < 1, 1, 0)", cfg.HealthyHosts())
	condition("too_many_errors", "5xx", "IF(errors >= "+decimal(rule.Errors.Percent)+", 1, 0)", cfg.ErrorPercent(rule.Errors.MinimumRequests)...)
	condition("failed", "rescue failed", "IF(FILL(failures, 0) >= 1, 1, 0)", cfg.RescueFailures())
	groups := cfg.Groups()
	p.Queries = append(p.Queries, groups[0].AtMax()...)
	for _, g := range groups {
		p.Queries = append(p.Queries, g.OutOfStep()...)
	}
	p.Queries = once(p.Queries)
	for _, end := range cfg.Alarms() {
		p.ARNs = append(p.ARNs, cfg.AlarmARN(cfg.Account, end))
	}
	return p
}

// once drops inputs that several expressions share.
func once(queries []watch.Query) (list []watch.Query) {
	seen := map[string]bool{}
	for _, q := range queries {
		if !seen[q.ID] {
			list = append(list, q)
		}
		seen[q.ID] = true
	}
	return list
}

// sizes are the groups together, and each by itself.
func (cfg Config) sizes() []Panel {
	both := Panel{Title: "Instances in service", Kind: Stacked}
	panels := []Panel{both}
	for _, g := range cfg.Groups() {
		panels[0].Queries = append(panels[0].Queries, g.Size("in_service", g.Lifecycle, watch.InService))
		panels = append(panels, Panel{Title: "Size of " + g.Lifecycle, Lifecycle: g.Lifecycle, Queries: []watch.Query{
			g.Size("in_service", "in service", watch.InService),
			g.Size("desired", "desired", watch.Desired),
			g.Size("min", "minimum", watch.Min),
			g.Size("max", "maximum", watch.Max),
			g.Size("pending", "pending", watch.Pending),
			g.Size("standby", "on standby", watch.Standby),
			g.Size("terminating", "terminating", watch.Terminating),
		}})
	}
	return panels
}

// cpu is that of one group, with the thresholds at which it scales.
func (cfg Config) cpu(i int) Panel {
	g, at := cfg.Groups()[i], cfg.Thresholds[i]
	p := Panel{Title: "CPU of " + g.Lifecycle, Unit: Percent, Max: 100, Queries: []watch.Query{g.CPU()}, Marks: []Mark{
		{"spike: adds", at.Spike, Red},
		{"sustained: adds", at.Sustained, Orange},
		{"below: removes", at.In, Blue},
	}}
	if cfg.Basic {
		p.Period = fiveMinutes
	}
	return p
}

func (cfg Config) hosts() Panel {
	return Panel{Title: "Healthy hosts", Queries: []watch.Query{cfg.HealthyHosts(), cfg.UnhealthyHosts()},
		Marks: []Mark{{"fewer healthy: alarm", 1, Red}}}
}

func (cfg Config) requests() Panel {
	return Panel{Title: "Requests", Queries: []watch.Query{cfg.Requests(), cfg.RequestsPerTarget()}}
}

func (cfg Config) latency() Panel {
	return Panel{Title: "Latency", Unit: Seconds, Queries: []watch.Query{cfg.Latency(50), cfg.Latency(95), cfg.Latency(99)}}
}

func (cfg Config) errorPercent() Panel {
	rule := cfg.Monitoring.Alarms.Errors
	return Panel{Title: "5xx in percent of requests", Unit: Percent,
		Text:    fmt.Sprintf("The alarm takes it over %s, and counts it from %d requests on.", rule.Window, rule.MinimumRequests),
		Queries: cfg.ErrorPercent(1),
		Marks:   []Mark{{"alarm", rule.Percent, Red}}}
}

func (cfg Config) clientErrors() Panel {
	return Panel{Title: "4xx", Queries: cfg.ClientErrors()}
}

func (cfg Config) serverErrors() Panel {
	return Panel{Title: "5xx", Queries: cfg.ServerErrors()}
}

func (cfg Config) interruptions() Panel {
	return Panel{Title: "Spot interruptions", Queries: cfg.Interruptions()}
}

func (cfg Config) rescues() Panel {
	return Panel{Title: "Rescues", Queries: cfg.Rescues()}
}

func (cfg Config) noticeLeft() Panel {
	return Panel{Title: "Shortest notice", Unit: Seconds, Queries: []watch.Query{cfg.NoticeSecondsLeft()},
		Marks: []Mark{{"a drain takes", cfg.DrainSeconds, Orange}}}
}

// releases has points in each of which every instance has told its release.
func (cfg Config) releases() Panel {
	return Panel{Title: "Release skew", Period: fiveMinutes, Text: "0 skew: all instances run one release.", Queries: cfg.ReleaseSkew()}
}

// spend takes all of a group's instances, as AWS charges from launch to end.
func (cfg Config) spend() Panel {
	p := Panel{Title: "Spend per hour, estimated", Unit: Money, Currency: cfg.Spend.Currency, Text: cfg.Spend.note()}
	prices := []float64{cfg.Spend.OnDemand, cfg.Spend.Spot}
	sum := ""
	for i, g := range cfg.Groups() {
		total := g.Size("total", "instances of "+g.Lifecycle, watch.Total)
		total.Hidden = true
		id := total.ID + "_cost"
		p.Queries = append(p.Queries, total, watch.Query{
			ID: id, Label: fmt.Sprintf("%s at %s %s each", g.Lifecycle, decimal(prices[i]), cfg.Spend.Currency),
			Expression: total.ID + " * " + decimal(prices[i]),
		})
		if i > 0 {
			sum += " + "
		}
		sum += id
	}
	p.Queries = append(p.Queries, watch.Query{ID: "cost", Label: "both, estimated", Expression: sum})
	return p
}

// note says what the estimate rests on.
func (s Spend) note() string {
	return fmt.Sprintf("on-demand by the prices of %s, spot assumed at %s %% of it, by the instances there are from launch to end; "+
		"no traffic, volumes or anything else.", s.Date, decimal(s.SpotPercent))
}

// decimal writes a number without an exponent, which metric math has none of.
func decimal(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }
