package writer

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/logferry/logferry/pkg/batch"
)

// metrics are the writer's own; those of calls belong to the sink.
type metrics struct {
	lag     *prometheus.HistogramVec // table, connection
	rows    *prometheus.CounterVec   // destination, table, connection
	skipped *prometheus.CounterVec   // destination, table
}

func newMetrics(r prometheus.Registerer) *metrics {
	m := &metrics{
		lag: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "logferry_lag_seconds",
			Help: "Time from the notification of an object to the acceptance of its rows, once a part.",
			// 0.05 s to an hour, each 1.3 times the one before
			Buckets: prometheus.ExponentialBuckets(0.05, 1.3, 44),
		}, []string{"table", "connection"}),
		rows: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "logferry_rows_delivered_total",
			Help: "Rows that their destination has accepted.",
		}, []string{"destination", "table", "connection"}),
		skipped: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "logferry_writer_parts_skipped_total",
			Help: "Parts that came again and were not written again: the ledger had them as settled.",
		}, []string{"destination", "table"}),
	}
	r.MustRegister(m.lag, m.rows, m.skipped)
	return m
}

// observe counts a part that was written.
func (m *metrics) observe(b *batch.Batch, rejected int) {
	meta := b.Meta
	m.rows.WithLabelValues(meta.Destination, meta.Table, meta.Connection).Add(float64(int(b.Record.NumRows()) - rejected))
	if !meta.Notified.IsZero() {
		m.lag.WithLabelValues(meta.Table, meta.Connection).Observe(max(0, time.Since(meta.Notified).Seconds()))
	}
}
