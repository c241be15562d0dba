package stage

import (
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Outcomes of a delivery, as the outcome label has them.
const (
	acked    = "acked"
	retried  = "retried"
	rejected = "rejected"
)

// Metrics are the metrics of all stages of one process, labelled by stage, and
// the account of what is in work.
type Metrics struct {
	deliveries *prometheus.CounterVec   // stage, outcome
	emitted    *prometheus.CounterVec   // stage
	dead       *prometheus.CounterVec   // stage, connection, reason
	seconds    *prometheus.HistogramVec // stage
	inFlight   *prometheus.GaugeVec     // stage
	unsettled  *prometheus.CounterVec   // stage

	mu          sync.Mutex
	inWork      int
	lastSettled time.Time
}

// NewMetrics registers the metrics of a process's stages with r.
func NewMetrics(r prometheus.Registerer) *Metrics {
	m := &Metrics{
		deliveries: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "logferry_stage_deliveries_total",
			Help: "Deliveries settled, by outcome: acked, retried or rejected.",
		}, []string{"stage", "outcome"}),
		emitted: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "logferry_stage_emitted_total",
			Help: "Messages passed on to the next stage.",
		}, []string{"stage"}),
		dead: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "logferry_stage_dead_letters_total",
			Help: "Dead letters stored, by reason code.",
		}, []string{"stage", "connection", "reason"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "logferry_stage_seconds",
			Help:    "Time from taking a delivery to settling it.",
			Buckets: prometheus.ExponentialBuckets(0.001, 2.5, 14),
		}, []string{"stage"}),
		inFlight: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "logferry_stage_in_flight",
			Help: "Deliveries in work.",
		}, []string{"stage"}),
		unsettled: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "logferry_stage_settle_failures_total",
			Help: "Deliveries that could not be settled; they are delivered again.",
		}, []string{"stage"}),
		lastSettled: time.Now(),
	}
	r.MustRegister(m.deliveries, m.emitted, m.dead, m.seconds, m.inFlight, m.unsettled)
	return m
}

// Active returns how many deliveries are in work in all stages, and when one
// was last taken or settled.
func (m *Metrics) Active() (inWork int, last time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.inWork, m.lastSettled
}

// Hold counts as work until release is called. It is for a source that cannot
// tell whether there is work: until it can, the process is not idle. release
// may be called once.
func (m *Metrics) Hold() (release func()) {
	m.count(+1)
	return func() { m.count(-1) }
}

// begin counts a delivery in; the function it returns counts it out.
func (m *Metrics) begin(stage string) (end func(outcome string)) {
	start := time.Now()
	m.inFlight.WithLabelValues(stage).Inc()
	m.count(+1)
	return func(outcome string) {
		m.count(-1)
		m.inFlight.WithLabelValues(stage).Dec()
		m.seconds.WithLabelValues(stage).Observe(time.Since(start).Seconds())
		m.deliveries.WithLabelValues(stage, outcome).Inc()
	}
}

func (m *Metrics) count(n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.inWork += n
	m.lastSettled = time.Now()
}
