package rescue

import (
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Metrics are what the agent counts, for Prometheus.
type Metrics struct {
	registry *prometheus.Registry

	notices                                        *prometheus.CounterVec
	rebalances, rescues, rescueFailures            prometheus.Counter
	groupAtMax, metadataErrors, journalErrors      prometheus.Counter
	secondsLeft, rescueSeconds, lastPoll, draining prometheus.Gauge
}

// NewMetrics returns metrics that are all zero, of an agent of that version on
// a machine whose files are below root.
func NewMetrics(version, root string) *Metrics {
	registry := prometheus.NewRegistry()
	counter := func(name, help string) prometheus.Counter {
		c := prometheus.NewCounter(prometheus.CounterOpts{Namespace: "spotwatch", Name: name, Help: help})
		registry.MustRegister(c)
		return c
	}
	gauge := func(name, help string) prometheus.Gauge {
		g := prometheus.NewGauge(prometheus.GaugeOpts{Namespace: "spotwatch", Name: name, Help: help})
		registry.MustRegister(g)
		return g
	}
	m := &Metrics{
		registry: registry,
		notices: prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: "spotwatch", Name: "interruption_notices_total", Help: "Interruption notices, by action.",
		}, []string{"action"}),
		rebalances:     counter("rebalance_recommendations_total", "Rebalance recommendations."),
		rescues:        counter("rescues_total", "Executions of the rescue policy that AWS has accepted."),
		rescueFailures: counter("rescue_failures_total", "Rescues that were refused, or not accepted in their time."),
		groupAtMax:     counter("rescue_group_at_max_total", "Rescues that found the group at its maximum, or took it there."),
		metadataErrors: counter("metadata_errors_total", "Questions that the metadata service has not answered."),
		journalErrors:  counter("journal_errors_total", "Writes of the journal that failed."),
		secondsLeft:    gauge("notice_seconds_left", "What was left of the notice when it was seen."),
		rescueSeconds:  gauge("rescue_seconds", "From the notice being seen to the rescue being accepted."),
		lastPoll:       gauge("last_poll_timestamp_seconds", "When the metadata service last answered everything."),
		draining:       gauge("draining", "1 while the instance drains."),
	}
	build := prometheus.NewGauge(prometheus.GaugeOpts{
		Namespace: "spotwatch", Name: "build_info", Help: "1, labelled with the version.", ConstLabels: prometheus.Labels{"version": version},
	})
	build.Set(1)
	registry.MustRegister(m.notices, build, releaseCollector{
		root: root, desc: prometheus.NewDesc("spotwatch_release", "Number of the service's release in place. Absent: there is none.", nil, nil),
	})
	return m
}

// releaseCollector reads the release whenever somebody asks, and says nothing
// where there is none: 0 would look like another release.
type releaseCollector struct {
	root string
	desc *prometheus.Desc
}

// Describe implements prometheus.Collector.
func (c releaseCollector) Describe(descs chan<- *prometheus.Desc) { descs <- c.desc }

// Collect implements prometheus.Collector.
func (c releaseCollector) Collect(metrics chan<- prometheus.Metric) {
	if number, ok := releaseNumber(c.root); ok {
		metrics <- prometheus.MustNewConstMetric(c.desc, prometheus.GaugeValue, number)
	}
}

// Handler serves the metrics.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}
