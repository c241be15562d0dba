package scenario

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/logferry/logferry/pkg/app"
	"github.com/logferry/logferry/tests/load/internal/report"
	"github.com/logferry/logferry/tests/load/internal/system"
)

// What a run on real clouds reads, as Logferry counts it.
const (
	metricRows    = "logferry_rows_delivered_total"
	metricObjects = "logferry_fetcher_objects_total"
	metricBytes   = "logferry_fetcher_object_unpacked_bytes_total"
	metricLag     = "logferry_lag_seconds_bucket"
	metricDead    = "logferry_stage_dead_letters_total"
)

// realDuration is how long such a run takes when nothing is said.
const realDuration = time.Minute

// Real runs the services for a while on a user's own configuration, with its
// queues and rules, and reports what Logferry's metrics say. Nothing is fed,
// and so nothing is known of rows lost or doubled.
func Real(ctx context.Context, s Settings, config string) (_ report.Report, err error) {
	r := &run{Settings: s, began: time.Now(), marks: map[int]string{}}
	if r.config, err = app.Load(config); err != nil {
		return report.Report{}, err
	}
	r.Scenario = "real"
	r.Duration = cmp.Or(r.Duration, realDuration)
	r.Layout = cmp.Or(r.Layout, system.One)
	if err := r.build(ctx); err != nil {
		return report.Report{}, err
	}
	folder := filepath.Join(r.Folder, "system")
	if err := errors.Join(os.RemoveAll(folder), os.MkdirAll(folder, 0o700)); err != nil {
		return report.Report{}, err
	}
	r.sampler = system.Watch(ctx, sampling)
	defer r.sampler.Stop()
	r.system, err = system.Start(ctx, system.Options{
		Layout: r.Layout, Replicas: r.Replicas, Config: r.config, OwnBus: true, Binaries: r.Binaries, Folder: folder,
	})
	if err != nil {
		return report.Report{}, err
	}
	defer func() { err = errors.Join(err, r.stop(ctx)) }()
	r.watch(ctx)
	points, err := r.follow(ctx)
	if err != nil {
		return report.Report{}, err
	}
	return r.realReport(ctx, points)
}

// follow reads the metrics every second.
func (r *run) follow(ctx context.Context) (points []report.Point, err error) {
	r.say("measuring for %v", r.Duration)
	read := func() (m moment, err error) {
		m.usage = r.sampler.Now()
		m.metrics, err = r.system.Metrics(ctx)
		return m, err
	}
	if r.from, err = read(); err != nil {
		return nil, err
	}
	r.profiler = system.NewProfiler()
	r.watch(ctx)
	r.to = r.from
	for r.to.usage.At.Sub(r.from.usage.At) < r.Duration {
		if err := r.pause(ctx, time.Second); err != nil {
			return nil, err
		}
		before := r.to
		if r.to, err = read(); err != nil {
			return nil, err
		}
		seconds := r.to.usage.At.Sub(before.usage.At).Seconds()
		points = append(points, report.Point{
			At:      r.to.usage.At.Sub(r.from.usage.At).Seconds(),
			Arrived: (r.to.metrics.Sum(metricRows) - before.metrics.Sum(metricRows)) / seconds,
			LagP50:  lagQuantile(before.metrics, r.to.metrics, 0.5),
			LagP99:  lagQuantile(before.metrics, r.to.metrics, 0.99),
		})
	}
	return points, nil
}

func (r *run) realReport(ctx context.Context, points []report.Point) (report.Report, error) {
	members := r.system.Members()
	work, err := r.profiler.Stop()
	if err != nil {
		r.notes = append(r.notes, err.Error())
	}
	delta := func(metric string) float64 { return r.to.metrics.Sum(metric) - r.from.metrics.Sum(metric) }
	seconds := r.to.usage.At.Sub(r.from.usage.At).Seconds()
	quantile := func(q float64) float64 { return lagQuantile(r.from.metrics, r.to.metrics, q) }
	r.began = r.from.usage.At // where the plot begins
	r.plotUsage(points, members)
	out := report.Report{
		Scenario: r.Scenario, Layout: string(r.Layout), Settings: map[string]string{"duration": r.Duration.String()},
		Began: r.began, Machine: system.Machine(ctx), Plot: points, Bus: r.bus(),
		Rates: report.Rates{
			Seconds: seconds, Events: delta(metricRows) / seconds, Objects: delta(metricObjects) / seconds,
			LogMegabytes: delta(metricBytes) / seconds / 1e6,
		},
		Lag:    report.Lag{P50: quantile(0.5), P90: quantile(0.9), P99: quantile(0.99), Max: quantile(1)},
		CPU:    r.processes(members)[:len(members)], // there are no stand-ins
		Stages: work.Stages(cpu(r.from.usage, r.to.usage)),
		Notes: append(r.notes, "run on real clouds: the harness fed nothing, so what was lost or doubled it cannot count; logferry audit tells what is missing",
			"rates, lag and dead letters are what Logferry says of itself; lag is known as closely as the buckets of its histogram"),
	}
	out.Counts.Unknown, out.Counts.Dead = true, int64(delta(metricDead))
	perEvent(out, max(delta(metricRows), 1))
	return out, nil
}

// lagQuantile is the lag that a share q of what was delivered between two
// readings had at most, in milliseconds; 0 when there was nothing.
func lagQuantile(before, after system.Metrics, q float64) float64 {
	earlier, later := before.By(metricLag, "le"), after.By(metricLag, "le")
	bounds := map[float64]float64{}
	for le, count := range later {
		bound, err := strconv.ParseFloat(le, 64) // reads +Inf too
		if err == nil {
			bounds[bound] = count - earlier[le]
		}
	}
	want := q * bounds[math.Inf(1)]
	last := 0.0
	for _, bound := range slices.Sorted(maps.Keys(bounds)) {
		if !math.IsInf(bound, 1) {
			last = bound
		}
		if want > 0 && bounds[bound] >= want {
			return last * 1000
		}
	}
	return 0
}
