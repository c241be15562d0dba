package azure

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/logferry/logferry/pkg/fault"
	"github.com/logferry/logferry/pkg/sink"
)

// Metrics are the metrics of all sinks of one process, labelled by destination
// and table.
type Metrics struct {
	calls    *prometheus.CounterVec // and outcome
	seconds  *prometheus.HistogramVec
	fill     *prometheus.HistogramVec
	inFlight *prometheus.GaugeVec
	rows     *prometheus.CounterVec
	bytes    *prometheus.CounterVec // and form
	rejected *prometheus.CounterVec // and reason
	paused   *prometheus.CounterVec
	unknown  *prometheus.CounterVec
	reposted *prometheus.CounterVec
	refusing *prometheus.GaugeVec // and rule
}

// NewMetrics registers the metrics with r.
func NewMetrics(r prometheus.Registerer) *Metrics {
	labels := func(more ...string) []string { return append([]string{"destination", "table"}, more...) }
	counter := func(name, help string, more ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels(more...))
	}
	m := &Metrics{
		calls: counter("logferry_sink_calls_total", "Calls made, by how they ended.", "outcome"),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "logferry_sink_call_seconds",
			Help:    "Time of a call, answered or not.",
			Buckets: prometheus.ExponentialBuckets(0.005, 2, 14),
		}, labels()),
		fill: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "logferry_sink_call_fill_ratio",
			Help:    "How full calls are: JSON bytes as a share of the most a call may carry.",
			Buckets: prometheus.LinearBuckets(0.1, 0.1, 10),
		}, labels()),
		inFlight: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "logferry_sink_calls_in_flight",
			Help: "Calls made and not yet answered.",
		}, labels()),
		rows:     counter("logferry_sink_rows_total", "Rows that the service accepted."),
		bytes:    counter("logferry_sink_bytes_total", "Bytes of the calls accepted, as JSON and as sent.", "form"),
		rejected: counter("logferry_sink_rejected_rows_total", "Rows that the service will never take, by reason code.", "reason"),
		paused:   counter("logferry_sink_paused_seconds_total", "Seconds that calls waited for a rule that takes them: because the service throttles it, or because every rule of a table refuses calls."),
		unknown:  counter("logferry_sink_unknown_outcomes_total", "Calls that were sent and whose outcome cannot be known: no answer, or a gateway's."),
		reposted: counter("logferry_sink_rows_reposted_total", "Rows that are posted again although the service has or may have taken them: the most doubles there can be."),
	}
	m.refusing = prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "logferry_sink_rule_refusing",
		Help: "1 while a rule refuses calls until somebody mends it, 0 once it takes them.",
	}, labels("rule"))
	r.MustRegister(m.calls, m.seconds, m.fill, m.inFlight, m.rows, m.bytes, m.rejected, m.paused, m.unknown, m.reposted, m.refusing)
	return m
}

// streamMetrics are the metrics of one destination and table.
type streamMetrics struct {
	calls, rejectedRows      *prometheus.CounterVec
	seconds, fill            prometheus.Observer
	inFlight                 prometheus.Gauge
	rows, json, gzip, paused prometheus.Counter
	unknown, reposted        prometheus.Counter
}

func (m *Metrics) stream(destination, table string) *streamMetrics {
	at := prometheus.Labels{"destination": destination, "table": table}
	return &streamMetrics{
		calls:        m.calls.MustCurryWith(at),
		rejectedRows: m.rejected.MustCurryWith(at),
		seconds:      m.seconds.With(at),
		fill:         m.fill.With(at),
		inFlight:     m.inFlight.With(at),
		rows:         m.rows.With(at),
		json:         m.bytes.WithLabelValues(destination, table, "json"),
		gzip:         m.bytes.WithLabelValues(destination, table, "gzip"),
		paused:       m.paused.With(at),
		unknown:      m.unknown.With(at),
		reposted:     m.reposted.With(at),
	}
}

// call counts a call that has ended.
func (m *streamMetrics) call(v verdict, runs []run, sent int, took time.Duration) {
	m.calls.WithLabelValues(string(v.outcome)).Inc()
	m.seconds.Observe(took.Seconds())
	if v.unknown {
		m.unknown.Inc()
		m.reposted.Add(float64(countRows(runs)))
	}
	if v.step != accepted {
		return
	}
	size := callSize(runs)
	m.rows.Add(float64(countRows(runs)))
	m.json.Add(float64(size))
	m.gzip.Add(float64(sent))
	m.fill.Observe(float64(size) / maxCallBytes)
}

func (m *streamMetrics) reject(rows []sink.Rejected) {
	for _, r := range rows {
		m.rejectedRows.WithLabelValues(string(fault.ReasonOf(r.Err))).Inc()
	}
}
