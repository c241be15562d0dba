package app

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/sourcegraph/conc/pool"
)

// follow runs the services with the set in force, and anew with each later one,
// until ctx ends, a service fails, or nothing is left to do. The services end as
// they do when the process is told to stop, so what is in flight is finished or
// comes again, and start as they do in a new one: there is one way to change
// what is carried, and it is the one that every restart takes. A set that the
// services cannot start with is logged, and the one before stays in force.
func (p *process) follow(ctx context.Context, cfg Config, started func()) error {
	changed := p.known.Changed() // before what it is a change of
	good := p.known.Current()
	for set, tried := good, false; ; {
		if len(set.Connections) == 0 {
			p.log.Warn("there are no connections; waiting for one: see logferry connection add")
		}
		err := p.generation(ctx, cfg.with(set), changed, func() { good, tried = set, true; started() })
		if unready, ok := errors.AsType[*unreadyError](err); ok && tried && ctx.Err() == nil {
			p.log.Error("the services cannot start with the connections and destinations as they are now; going on as before", "err", unready.err)
			set, tried = good, false
			continue
		}
		if err != nil || ctx.Err() != nil || !isClosed(changed) {
			return err
		}
		changed = p.known.Changed()
		set = p.known.Current()
		p.log.Info("connections and destinations have changed", "connections", len(set.Connections), "destinations", len(set.Destinations))
	}
}

// unreadyError is the error of services that did not start.
type unreadyError struct{ err error }

func (e *unreadyError) Error() string { return e.err.Error() }
func (e *unreadyError) Unwrap() error { return e.err }

// generation runs the services once, on a connection to the bus and with metrics
// of their own, until ctx ends, the set changes, a service fails or nothing is
// left to do.
func (p *process) generation(ctx context.Context, cfg Config, changed <-chan struct{}, started func()) (err error) {
	b, err := p.bus.Share(ctx)
	if err != nil {
		return fmt.Errorf("open the bus: %w", err)
	}
	defer func() { err = errors.Join(err, finally(ctx, b.Close)) }()
	if err := b.Bootstrap(ctx, topology(cfg)); err != nil {
		return &unreadyError{fmt.Errorf("ready the bus: %w", err)}
	}
	metrics := prometheus.NewRegistry()
	metrics.MustRegister(b)
	env := newEnv(cfg, p.log, metrics, b, p.known)
	tasks, err := ready(ctx, env, p.services)
	if err != nil {
		return &unreadyError{err}
	}
	p.metrics.Store(metrics)
	started()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	watchers := pool.New()
	watchers.Go(func() {
		select {
		case <-changed:
			stop()
		case <-ctx.Done():
		}
	})
	if p.options.UntilIdle > 0 {
		watchers.Go(func() { p.untilIdle(ctx, env, stop) })
	}
	err = runTasks(ctx, tasks, cfg.Grace)
	stop()
	watchers.Wait()
	return err
}

func (p *process) untilIdle(ctx context.Context, env *Env, stop func()) {
	i := idleness{span: p.options.UntilIdle, active: env.Stages.Active, backlog: func(ctx context.Context) (int64, error) {
		backlog, err := env.Bus.Backlog(ctx)
		return backlog.Messages, err
	}}
	if i.wait(ctx) == nil {
		p.log.Info("idle: nothing is in flight", "wait", p.options.UntilIdle)
		stop()
	}
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// generation shows the metrics of the services that run now. They are counted
// from 0 in each generation, as in a new process.
type generation struct {
	atomic.Pointer[prometheus.Registry]
}

// Describe implements [prometheus.Collector]: what there is changes.
func (g *generation) Describe(chan<- *prometheus.Desc) {}

// Collect implements [prometheus.Collector].
func (g *generation) Collect(to chan<- prometheus.Metric) {
	if r := g.Load(); r != nil {
		r.Collect(to)
	}
}
