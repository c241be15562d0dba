package lookup

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics are the lookup's own.
type metrics struct {
	calls     *prometheus.CounterVec // connection, account, region, category, outcome
	events    *prometheus.CounterVec // connection, account, region, category, kind
	missing   *prometheus.CounterVec // connection
	behind    *prometheus.GaugeVec   // connection, account, region, category
	reread    *prometheus.GaugeVec
	history   *prometheus.GaugeVec
	saturated *prometheus.GaugeVec
	age       *prometheus.HistogramVec // connection
}

func newMetrics(r prometheus.Registerer) *metrics {
	where := []string{"connection", "account", "region", "category"}
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		c := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "logferry_lookup_" + name, Help: help}, labels)
		r.MustRegister(c)
		return c
	}
	gauge := func(name, help string) *prometheus.GaugeVec {
		g := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "logferry_lookup_" + name, Help: help}, where)
		r.MustRegister(g)
		return g
	}
	age := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "logferry_lookup_event_age_seconds", Help: "How old an event was when it was read first.",
		Buckets: []float64{60, 150, 180, 300, 600, 1800, 3600, 2 * 3600, 6 * 3600, 24 * 3600, 7 * 24 * 3600},
	}, []string{"connection"})
	r.MustRegister(age)
	return &metrics{
		calls:     counter("calls_total", "Calls of LookupEvents by outcome: ok, throttled, token, denied, region, failed.", append(where, "outcome")...),
		events:    counter("events_total", "Events in the answers: new, late (new when a window was read again), known, double.", append(where, "kind")...),
		missing:   counter("events_missing_total", "Events that were told of and are not there any more.", "connection"),
		behind:    gauge("behind_seconds", "How much time that has passed was not read yet, without history on request."),
		reread:    gauge("reread_behind_seconds", "How long windows have been due to be read again."),
		history:   gauge("history_seconds", "How much history on request is left to read."),
		saturated: gauge("over_limit", "1 while more is produced than the API lets be read."),
		age:       age,
	}
}

// readerMetrics are the metrics of a reader.
type readerMetrics struct {
	calls, events                      *prometheus.CounterVec
	missing                            *prometheus.CounterVec
	behind, reread, history, saturated prometheus.Gauge
	age                                prometheus.Observer
	// forget drops what tells of now, when nobody reads any more.
	forget func()
}

func (m *metrics) of(connection, account, region, category string) *readerMetrics {
	labels := prometheus.Labels{"connection": connection, "account": account, "region": region, "category": category}
	return &readerMetrics{
		calls: m.calls.MustCurryWith(labels), events: m.events.MustCurryWith(labels), missing: m.missing,
		behind: m.behind.With(labels), reread: m.reread.With(labels), history: m.history.With(labels), saturated: m.saturated.With(labels),
		age: m.age.WithLabelValues(connection),
		forget: func() {
			for _, g := range []*prometheus.GaugeVec{m.behind, m.reread, m.history, m.saturated} {
				g.Delete(labels)
			}
		},
	}
}

// called counts a call.
func (m *readerMetrics) called(err error) {
	outcome := "ok"
	if err != nil {
		outcome = kindOf(err)
	}
	m.calls.WithLabelValues(outcome).Inc()
}

// scanned counts what a scan has found.
func (m *readerMetrics) scanned(s *scan, c coverage, now int64) {
	kind := "late"
	if !c.isRead(s.window, 1) {
		kind = "new"
	}
	m.events.WithLabelValues(kind).Add(float64(len(s.fresh)))
	m.events.WithLabelValues("known").Add(float64(s.again))
	m.events.WithLabelValues("double").Add(float64(s.doubles))
	for _, e := range s.fresh {
		m.age.Observe(float64(max(0, now-e.time)))
	}
}

const (
	// loadSpan is the time over which it is judged whether a reader keeps up.
	loadSpan = time.Hour
	// minBehind is how far a reader must be behind to be called overloaded.
	minBehind = 30 * time.Minute
)

// load is what a reader has done since a time.
type load struct {
	since  int64
	idle   time.Duration
	behind time.Duration // at that time
}

// measure tells how far the reader is behind and, once an hour, whether it will
// ever catch up.
func (r *reader) measure(c coverage, now int64) {
	behind := c.unread(r.state.Begun)
	due := r.schedule.overdue(c, now)
	r.metrics.behind.Set(behind.Seconds())
	r.metrics.reread.Set(due.Seconds())
	r.metrics.history.Set((c.unread(0) - behind).Seconds())
	behind += due
	if r.load.since == 0 {
		r.load = load{since: now, behind: behind}
	}
	over := time.Duration(now-r.load.since) * time.Second
	if over < loadSpan {
		return
	}
	saturated := behind > minBehind && behind >= r.load.behind && r.load.idle < over/20
	r.load = load{since: now, behind: behind}
	r.metrics.saturated.Set(0)
	if saturated {
		r.metrics.saturated.Set(1)
		r.log.Error("this account and region has more events than LookupEvents lets be read (two calls of 50 events a second, for everybody in the account, and each window is read again for late events): "+
			"they are read later and later, and those older than 90 days are lost; let a trail write them to S3 and use a connection with a queue",
			"behind", behind.Round(time.Minute), "category", r.categoryName())
	}
}
