package bus

import "github.com/prometheus/client_golang/prometheus"

// metrics are the bus's own.
type metrics struct {
	messages        *prometheus.CounterVec // stream
	bytes           *prometheus.CounterVec // stream
	doubles         *prometheus.CounterVec // stream
	publishFailures *prometheus.CounterVec // stream
	pullFailures    *prometheus.CounterVec // stream
	redelivered     *prometheus.CounterVec // stream
	lost            *prometheus.CounterVec // stream
	undelivered     *prometheus.GaugeVec   // stream
	fill            *prometheus.GaugeVec   // stream
	waiting         *prometheus.GaugeVec   // consumer
	ledger          *prometheus.CounterVec // event, outcome
}

func newMetrics() *metrics {
	counter := func(name, help string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, []string{"stream"})
	}
	return &metrics{
		messages:        counter("logferry_bus_published_messages_total", "Messages stored on the bus."),
		bytes:           counter("logferry_bus_published_bytes_total", "Bytes of the bodies stored on the bus."),
		doubles:         counter("logferry_bus_doubles_dropped_total", "Messages that the bus had already and dropped."),
		publishFailures: counter("logferry_bus_publish_failures_total", "Tries to store a message that failed."),
		pullFailures:    counter("logferry_bus_pull_failures_total", "Tries to pull messages that failed."),
		redelivered:     counter("logferry_bus_redelivered_total", "Deliveries that were not the first of their message."),
		undelivered: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "logferry_bus_undelivered_bytes",
			Help: "Bytes on the stream from the first message that is not settled, as publishers saw it last.",
		}, []string{"stream"}),
		lost: counter("logferry_bus_losses_total", "Times that messages were dropped from a stream before they were delivered; their objects are read again."),
		fill: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "logferry_bus_fill_ratio",
			Help: "How full a stream is that refuses messages when it is full: the ledger and the dead letters.",
		}, []string{"stream"}),
		waiting: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "logferry_bus_waiting_seconds",
			Help: "Age of the oldest message that a consumer has not settled, as publishers saw it last.",
		}, []string{"consumer"}),
		ledger: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "logferry_ledger_events_total",
			Help: "Events entered in the ledger, by kind, and by outcome: new, or known when it was there already.",
		}, []string{"event", "outcome"}),
	}
}

func (m *metrics) published(stream string, bytes int, double bool) {
	m.messages.WithLabelValues(stream).Inc()
	m.bytes.WithLabelValues(stream).Add(float64(bytes))
	if double {
		m.doubles.WithLabelValues(stream).Inc()
	}
}

func (m *metrics) all() []prometheus.Collector {
	return []prometheus.Collector{m.messages, m.bytes, m.doubles, m.publishFailures, m.pullFailures, m.redelivered, m.lost, m.undelivered, m.fill, m.waiting, m.ledger}
}

// Describe makes the bus a [prometheus.Collector] of its metrics.
func (b *Bus) Describe(ch chan<- *prometheus.Desc) {
	for _, c := range b.metrics.all() {
		c.Describe(ch)
	}
}

// Collect makes the bus a [prometheus.Collector] of its metrics.
func (b *Bus) Collect(ch chan<- prometheus.Metric) {
	for _, c := range b.metrics.all() {
		c.Collect(ch)
	}
}
