package fetcher

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics are the fetcher's own, besides those of its stage.
type metrics struct {
	objects       *prometheus.CounterVec // connection, format, outcome
	packed        *prometheus.CounterVec // connection, format
	unpacked      *prometheus.CounterVec // connection, format
	records       *prometheus.CounterVec // format
	recordsDead   *prometheus.CounterVec // format
	skipped       *prometheus.CounterVec // reason
	seconds       *prometheus.HistogramVec
	perObject     prometheus.Histogram
	size          prometheus.Histogram
	requests      *prometheus.CounterVec // outcome
	resumed       prometheus.Counter
	regionsLearnt prometheus.Counter
	inFlight      prometheus.Gauge
}

func newMetrics(r prometheus.Registerer) *metrics {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: "logferry_fetcher_" + name, Help: help}, labels)
	}
	m := &metrics{
		objects:     counter("objects_total", "Objects by outcome: done, empty, skipped, dead or retry.", "connection", "format", "outcome"),
		packed:      counter("object_bytes_total", "Bytes read from buckets.", "connection", "format"),
		unpacked:    counter("object_unpacked_bytes_total", "Bytes of the logs in the objects.", "connection", "format"),
		records:     counter("records_total", "Records cut out of objects.", "format"),
		recordsDead: counter("records_dead_total", "Records too long to be carried.", "format"),
		skipped:     counter("objects_skipped_total", "Objects that hold no records by their nature.", "reason"),
		requests:    counter("requests_total", "GetObject requests by outcome: ok or error.", "outcome"),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "logferry_fetcher_object_seconds", Help: "Time to carry an object, by outcome.",
			Buckets: prometheus.ExponentialBuckets(0.01, 4, 9),
		}, []string{"outcome"}),
		perObject: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "logferry_fetcher_records_per_object", Help: "Records of an object that was carried.",
			Buckets: prometheus.ExponentialBuckets(1, 10, 8),
		}),
		size: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "logferry_fetcher_object_size_bytes", Help: "Size in the bucket of an object that was carried.",
			Buckets: prometheus.ExponentialBuckets(1<<10, 8, 8),
		}),
		resumed: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "logferry_fetcher_resumed_reads_total", Help: "Reads that broke and were taken up where they broke.",
		}),
		regionsLearnt: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "logferry_fetcher_regions_learnt_total", Help: "Buckets found in another region than was announced.",
		}),
		inFlight: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "logferry_fetcher_in_flight", Help: "Objects being carried now.",
		}),
	}
	r.MustRegister(m.objects, m.packed, m.unpacked, m.records, m.recordsDead, m.skipped, m.requests,
		m.seconds, m.perObject, m.size, m.resumed, m.regionsLearnt, m.inFlight)
	return m
}

// observe enters an object whose carrying has ended. Its connection is one of
// the configuration, so labels stay few.
func (m *metrics) observe(c *carrier, took time.Duration) {
	format := "none"
	if c.format != nil {
		format = c.format.Name
	}
	if c.outcome == "" {
		c.outcome = "done"
	}
	m.objects.WithLabelValues(c.connection.Name, format, c.outcome).Inc()
	m.packed.WithLabelValues(c.connection.Name, format).Add(float64(c.packed))
	m.unpacked.WithLabelValues(c.connection.Name, format).Add(float64(c.unpacked))
	m.records.WithLabelValues(format).Add(float64(c.records))
	m.seconds.WithLabelValues(c.outcome).Observe(took.Seconds())
	if c.outcome == "done" {
		m.perObject.Observe(float64(c.records))
		m.size.Observe(float64(c.packed))
	}
}
