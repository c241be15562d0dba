package ledger

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"
)

// Metrics are those of a process's trackers, labelled by connection.
type Metrics struct {
	tracked                         *prometheus.GaugeVec
	done, adopted, lost, mismatched *prometheus.CounterVec
	seconds                         *prometheus.HistogramVec
}

// NewMetrics registers the metrics of a process's trackers with r. Services that
// share a process share them.
func NewMetrics(r prometheus.Registerer) *Metrics {
	counter := func(name, help string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: "logferry_ledger_" + name, Help: help}, []string{"connection"})
	}
	m := &Metrics{
		tracked: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "logferry_ledger_objects_tracked", Help: "Objects on their way that this process waits for.",
		}, []string{"connection"}),
		done:       counter("objects_done_total", "Objects of which every row is accepted or kept as a dead letter."),
		adopted:    counter("objects_adopted_total", "Objects announced again that were on their way or done already."),
		lost:       counter("objects_lost_total", "Objects that the bus lost on their way and that are read again."),
		mismatched: counter("mismatches_total", "Objects whose account does not add up: a defect."),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "logferry_ledger_object_seconds", Help: "Time from an object's first sight until it was done.",
			Buckets: prometheus.ExponentialBuckets(0.1, 2.5, 14),
		}, []string{"connection"}),
	}
	m.tracked, m.seconds = register(r, m.tracked), register(r, m.seconds)
	for _, c := range []**prometheus.CounterVec{&m.done, &m.adopted, &m.lost, &m.mismatched} {
		*c = register(r, *c)
	}
	return m
}

// register returns the collector as r knows it: c, or the one like it that
// another service has registered before.
func register[C prometheus.Collector](r prometheus.Registerer, c C) C {
	err := r.Register(c)
	if known, ok := errors.AsType[prometheus.AlreadyRegisteredError](err); ok {
		if same, ok := known.ExistingCollector.(C); ok {
			return same
		}
	}
	if err != nil {
		panic(err) // two kinds of metric have one name: a defect
	}
	return c
}
