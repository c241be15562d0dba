package poller

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics are the poller's metrics, all labelled by connection.
type metrics struct {
	received, deleted, returned, redelivered, deletesFailed, throttled, denied, objects *prometheus.CounterVec
	inFlight, waiting                                                                   *prometheus.GaugeVec
	lag                                                                                 *prometheus.HistogramVec
	// with a further label
	extensions, receives, notifications, ignored *prometheus.CounterVec
}

// queueMetrics are the metrics of one connection.
type queueMetrics struct {
	messages, deleted, returned, redelivered, deletesFailed, throttled, denied, objects prometheus.Counter
	inFlight, waiting                                                                   prometheus.Gauge
	lag                                                                                 prometheus.Observer
	extensions, receives, notifications, ignored                                        *prometheus.CounterVec
}

func newMetrics(r prometheus.Registerer) *metrics {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		c := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "logferry_poller_" + name, Help: help},
			append([]string{"connection"}, labels...))
		r.MustRegister(c)
		return c
	}
	gauge := func(name, help string) *prometheus.GaugeVec {
		g := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "logferry_poller_" + name, Help: help}, []string{"connection"})
		r.MustRegister(g)
		return g
	}
	lag := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name:    "logferry_poller_queue_lag_seconds",
		Help:    "Time a message waited in the queue before it was received.",
		Buckets: prometheus.ExponentialBuckets(0.1, 3, 14),
	}, []string{"connection"})
	r.MustRegister(lag)
	return &metrics{
		received:      counter("messages_received_total", "Messages received, again or for the first time."),
		deleted:       counter("messages_deleted_total", "Messages deleted: carried or kept as dead letters."),
		returned:      counter("messages_returned_total", "Messages given back to the queue, to be received again."),
		redelivered:   counter("redelivered_total", "Messages received that had been handed out before."),
		deletesFailed: counter("deletes_failed_total", "Deletes that failed and were tried again."),
		throttled:     counter("throttled_total", "Calls to SQS that were throttled."),
		denied:        counter("access_denied_total", "Calls to SQS that were denied."),
		objects:       counter("objects_total", "Objects passed on to the fetcher."),
		inFlight:      gauge("messages_in_flight", "Messages held: received, and neither deleted nor given back."),
		waiting:       gauge("messages_waiting", "Messages received that no worker has begun with."),
		lag:           lag,
		extensions:    counter("visibility_extensions_total", "Extensions of a message's visibility, by outcome: ok, failed, lost or expired.", "outcome"),
		receives:      counter("receives_total", "Receive calls, by outcome: messages, empty, throttled, missing, denied or failed.", "outcome"),
		notifications: counter("notifications_total", "Messages read, by shape.", "shape"),
		ignored:       counter("ignored_total", "Records that announce no log, by reason.", "reason"),
	}
}

// of returns the metrics of a connection.
func (m *metrics) of(connection string) *queueMetrics {
	c := prometheus.Labels{"connection": connection}
	return &queueMetrics{
		messages: m.received.With(c), deleted: m.deleted.With(c), returned: m.returned.With(c),
		redelivered: m.redelivered.With(c), deletesFailed: m.deletesFailed.With(c), objects: m.objects.With(c),
		throttled: m.throttled.With(c), denied: m.denied.With(c),
		inFlight: m.inFlight.With(c), waiting: m.waiting.With(c), lag: m.lag.With(c),
		extensions: m.extensions.MustCurryWith(c), receives: m.receives.MustCurryWith(c),
		notifications: m.notifications.MustCurryWith(c), ignored: m.ignored.MustCurryWith(c),
	}
}

// received counts a message in.
func (m *queueMetrics) received(held *Message, now time.Time) {
	m.messages.Inc()
	if held.Receives > 1 {
		m.redelivered.Inc()
	}
	if !held.Sent.IsZero() {
		m.lag.Observe(max(now.Sub(held.Sent), 0).Seconds())
	}
}
