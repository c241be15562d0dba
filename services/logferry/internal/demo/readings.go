package demo

import (
	"fmt"
	"math"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
)

// readings are the metrics of the services at one moment, by name.
type readings map[string]*dto.MetricFamily

func read(g prometheus.Gatherer) (readings, error) {
	families, err := g.Gather()
	if err != nil {
		return nil, fmt.Errorf("read the metrics: %w", err)
	}
	r := readings{}
	for _, f := range families {
		r[f.GetName()] = f
	}
	return r, nil
}

// each calls f for every metric of the name that has the label; an empty value
// matches all.
func (r readings) each(name, label, value string, f func(*dto.Metric)) {
	for _, m := range r[name].GetMetric() {
		if value == "" || labelOf(m, label) == value {
			f(m)
		}
	}
}

func labelOf(m *dto.Metric, name string) string {
	for _, l := range m.GetLabel() {
		if l.GetName() == name {
			return l.GetValue()
		}
	}
	return ""
}

// sum adds up a counter.
func (r readings) sum(name, label, value string) int64 {
	var total float64
	r.each(name, label, value, func(m *dto.Metric) { total += m.GetCounter().GetValue() })
	return int64(total)
}

// quantile estimates a quantile of a histogram: the place in its bucket, as if
// what is in a bucket were spread evenly. It is NaN when there is nothing.
func (r readings) quantile(q float64, name, label, value string) float64 {
	counts := map[float64]float64{} // cumulative, by upper bound
	var bounds []float64
	var total float64
	r.each(name, label, value, func(m *dto.Metric) {
		total += float64(m.GetHistogram().GetSampleCount())
		for _, b := range m.GetHistogram().GetBucket() {
			if _, ok := counts[b.GetUpperBound()]; !ok {
				bounds = append(bounds, b.GetUpperBound())
			}
			counts[b.GetUpperBound()] += float64(b.GetCumulativeCount())
		}
	})
	if total == 0 {
		return math.NaN()
	}
	var below, lower float64
	for _, upper := range bounds { // as gathered: in ascending order
		if counts[upper] >= q*total {
			return lower + (upper-lower)*(q*total-below)/max(counts[upper]-below, 1)
		}
		below, lower = counts[upper], upper
	}
	return lower
}
