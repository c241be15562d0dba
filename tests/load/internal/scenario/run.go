package scenario

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"time"

	"github.com/sourcegraph/conc"

	"github.com/logferry/logferry/pkg/app"
	"github.com/logferry/logferry/pkg/connection"
	"github.com/logferry/logferry/pkg/format/all"
	"github.com/logferry/logferry/tests/load/internal/cloud"
	"github.com/logferry/logferry/tests/load/internal/report"
	"github.com/logferry/logferry/tests/load/internal/system"
)

const (
	// sampling is how often CPU and memory are read.
	sampling = 500 * time.Millisecond
	// stuck is how long nothing may move before a run counts what is missing
	// as lost.
	stuck = 30 * time.Second
)

// standIn is the name of the stand-ins' process in a report.
const standIn = "stand-ins"

// run is one run in progress.
type run struct {
	Settings
	plan   plan
	config app.Config

	began    time.Time
	cloud    *cloud.Client
	prepared cloud.Prepared
	system   *system.System // nil while it does not run
	sampler  *system.Sampler
	profiler *system.Profiler

	from, to moment // the measured span
	steps    []report.Step
	marks    map[int]string // by second
	targets  []report.Target
	notes    []string
}

// moment is everything that counts up, read at one time.
type moment struct {
	cloud   cloud.Snapshot
	usage   system.Sample
	metrics system.Metrics
}

// open starts the stand-ins, and the configuration from what they say.
func (r *run) open(ctx context.Context) (err error) {
	r.marks = map[int]string{}
	if err := os.MkdirAll(r.Folder, 0o700); err != nil {
		return err
	}
	r.cloud, err = cloud.Start(ctx, cloud.Options{
		Directory: r.Folder, StoreLatency: r.StoreLatency, PostLatency: r.PostLatency,
	}, r.Cloud[0], r.Cloud[1:]...)
	if err != nil {
		return err
	}
	destination := r.cloud.Hello.Destination
	maps.DeleteFunc(destination.Tables, func(table string, _ connection.Rule) bool {
		_, known := all.Formats().ForTable(table)
		return !known
	})
	r.config.Destinations = []connection.Destination{destination}
	r.config.Connections = []connection.Connection{r.cloud.Hello.Connection}
	if r.plan.tune != nil {
		r.plan.tune(&r.config)
	}
	r.sampler = system.Watch(ctx, sampling)
	r.sampler.Add(standIn, r.cloud.Hello.PID)
	return nil
}

// close ends what still runs.
func (r *run) close(ctx context.Context) error {
	err := r.stop(ctx)
	r.sampler.Stop()
	return errors.Join(err, r.cloud.Close())
}

// say tells the user what is begun.
func (r *run) say(format string, args ...any) {
	fmt.Fprintf(r.Progress, "%5.1fs  %s\n", time.Since(r.began).Seconds(), fmt.Sprintf(format, args...))
}

// mark names what happens now, for the plots.
func (r *run) mark(what string) {
	r.marks[int(time.Since(r.began)/time.Second)] = what
	r.say("%s", what)
}

// prepare has objects made.
func (r *run) prepare(ctx context.Context, shape cloud.Shape, events float64) (err error) {
	r.say("making objects for %.0f events", events)
	r.prepared, err = r.cloud.Prepare(ctx, cloud.Load{Shape: shape, Format: r.Format, Ready: int64(events)})
	if err == nil {
		p := r.prepared
		r.say("made %d objects with %d events, %d MB of logs in %d MB, in %.1f s",
			p.Objects, p.Events, p.LogBytes/1e6, p.ObjectBytes/1e6, p.Seconds)
	}
	return err
}

// start starts the services.
func (r *run) start(ctx context.Context) (err error) {
	r.say("starting the services, layout %s", r.Layout)
	folder := filepath.Join(r.Folder, "system")
	if err := errors.Join(os.RemoveAll(folder), os.MkdirAll(folder, 0o700)); err != nil {
		return err
	}
	r.system, err = system.Start(ctx, system.Options{
		Layout: r.Layout, Replicas: r.Replicas, Config: r.config, Env: r.cloud.Hello.Env,
		Binaries: r.Binaries, Folder: folder,
	})
	if err != nil {
		return err
	}
	r.watch(ctx)
	return nil
}

// watch has the usage of all processes read and, in the measured span, has
// them profiled.
func (r *run) watch(ctx context.Context) {
	for _, m := range r.system.Members() {
		r.sampler.Add(m.Name(), m.PID())
	}
	if r.profiler != nil {
		r.profiler.Follow(ctx, r.system.Members())
	}
}

// stop ends the services, if they run.
func (r *run) stop(ctx context.Context) error {
	if r.system == nil {
		return nil
	}
	s := r.system
	r.system = nil
	return s.Stop(context.WithoutCancel(ctx))
}

// now reads everything that counts up.
func (r *run) now(ctx context.Context) (m moment, err error) {
	if m.cloud, err = r.cloud.Snapshot(ctx); err != nil {
		return m, err
	}
	m.usage = r.sampler.Now()
	if r.system != nil {
		m.metrics, err = r.system.Metrics(ctx)
	}
	return m, err
}

// begin begins the measured span, with the services running.
func (r *run) begin(ctx context.Context) (err error) {
	r.mark("measuring")
	if r.from, err = r.now(ctx); err != nil {
		return err
	}
	r.profiler = system.NewProfiler()
	r.watch(ctx)
	return nil
}

// end waits until all has arrived and ends the measured span.
func (r *run) end(ctx context.Context) (err error) {
	if err := r.drain(ctx); err != nil {
		return err
	}
	r.to, err = r.now(ctx)
	return err
}

// drain waits until all that was fed has arrived, or nothing moves.
func (r *run) drain(ctx context.Context) error {
	r.say("draining")
	var s cloud.Snapshot
	err := r.alive(ctx, func(ctx context.Context) (err error) {
		s, err = r.cloud.WaitDrained(ctx, stuck)
		return err
	})
	if err != nil {
		return err
	}
	if left := s.Left(); left > 0 {
		r.notes = append(r.notes, fmt.Sprintf("%d events had not arrived when nothing had moved for %v", left, stuck))
	}
	return nil
}

// fed waits until the feed has ended. It gives up when a process of the system
// ends meanwhile.
func (r *run) fed(ctx context.Context) error {
	return r.alive(ctx, r.cloud.WaitFed)
}

// pause lets time pass.
func (r *run) pause(ctx context.Context, d time.Duration) error {
	return r.alive(ctx, func(ctx context.Context) error {
		timer := time.NewTimer(d)
		defer timer.Stop()
		select {
		case <-timer.C:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	})
}

// alive calls f with a context that ends when a process of the system does:
// nobody waits for what cannot come any more.
func (r *run) alive(ctx context.Context, f func(context.Context) error) error {
	if r.system == nil {
		return f(ctx)
	}
	ctx, cancel := context.WithCancel(ctx)
	var watchers conc.WaitGroup
	defer watchers.Wait()
	defer cancel()
	for _, m := range r.system.Members() {
		watchers.Go(func() {
			select {
			case <-m.Done():
				cancel()
			case <-ctx.Done():
			}
		})
	}
	if err := f(ctx); err != nil {
		return errors.Join(r.system.Check(), err)
	}
	return nil
}
