package parser

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/logferry/logferry/pkg/table"
)

// metrics are the parser's own.
type metrics struct {
	records *prometheus.CounterVec // format, outcome
	bytes   *prometheus.CounterVec // format
	values  *prometheus.CounterVec // format, flaw
}

func newMetrics(r prometheus.Registerer) *metrics {
	m := &metrics{
		records: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "logferry_parser_records_total",
			Help: "Records read, by outcome: row, dead or skipped.",
		}, []string{"format", "outcome"}),
		bytes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "logferry_parser_bytes_total",
			Help: "Bytes of the records read.",
		}, []string{"format"}),
		values: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "logferry_parser_values_mended_total",
			Help: "Values that did not fit their column: cut (longer than 64 KB), out_of_range (became null), bad_text (no UTF-8).",
		}, []string{"format", "flaw"}),
	}
	r.MustRegister(m.records, m.bytes, m.values)
	return m
}

func (m *metrics) mended(format string, f table.Flaws) {
	for flaw, n := range map[string]int{"cut": f.Cut, "out_of_range": f.OutOfRange, "bad_text": f.BadText} {
		if n > 0 {
			m.values.WithLabelValues(format, flaw).Add(float64(n))
		}
	}
}

// counter counts the records of one part and enters them together.
type counter struct {
	metrics             *metrics
	format              string
	rows, dead, skipped int
}

func (m *metrics) counter(format string) *counter { return &counter{metrics: m, format: format} }

func (c *counter) done(bytes int64) {
	c.metrics.bytes.WithLabelValues(c.format).Add(float64(bytes))
	for outcome, n := range map[string]int{"row": c.rows, "dead": c.dead, "skipped": c.skipped} {
		if n > 0 {
			c.metrics.records.WithLabelValues(c.format, outcome).Add(float64(n))
		}
	}
}
