package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"runtime/debug"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/sourcegraph/conc/pool"

	"github.com/logferry/logferry/pkg/bus"
	"github.com/logferry/logferry/pkg/format/all"
	"github.com/logferry/logferry/pkg/registry"
)

// closeTimeout bounds the end of what outlives the services: traces and bus.
const closeTimeout = 10 * time.Second

// Run runs the services until ctx ends, one of them fails, or nothing is left
// to do (see [Options]); cfg must be valid, as [Load] makes it. It then lets
// them finish what is in flight, one after the other as data flows, for the
// grace time in all, and closes the bus last. It returns nil unless something
// failed.
//
//	bus ◀── services, side by side ──▶ metrics ◀── admin endpoint
//
// Connections and destinations are those of the registry, to which those of cfg
// are applied first. When they change, the services end as above and are made
// anew.
func Run(ctx context.Context, cfg Config, log *slog.Logger, options Options, services ...Service) (err error) {
	if cfg.Memory > 0 && os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(cfg.Memory)
	}
	stopTracing, err := startTracing(ctx, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, finally(ctx, stopTracing)) }()
	b, err := bus.Open(ctx, cfg.Bus, log)
	if err != nil {
		return fmt.Errorf("open the bus: %w", err)
	}
	defer func() { err = errors.Join(err, finally(ctx, b.Close)) }()
	known, err := openRegistry(ctx, b, cfg, true, log)
	if err != nil {
		return err
	}
	p := process{bus: b, known: known, log: log, options: options, metrics: new(generation), services: services}
	p.gatherer = newMetrics(options.Metrics)
	p.gatherer.MustRegister(p.metrics)
	return p.run(ctx, cfg)
}

// openRegistry opens the registry and applies the configuration's connections
// and destinations to it.
func openRegistry(ctx context.Context, b *bus.Bus, cfg Config, prune bool, log *slog.Logger) (*registry.Registry, error) {
	shared, err := b.Document(ctx)
	if err != nil {
		return nil, fmt.Errorf("ready the bus: %w", err)
	}
	known, err := registry.Open(ctx, shared, all.Formats().Tables(), log)
	if err != nil {
		return nil, err
	}
	return known, known.Apply(ctx, cfg.set(), prune)
}

// finally calls f, which ends something, even though ctx has ended.
func finally(ctx context.Context, f func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
	defer cancel()
	return f(ctx)
}

// topology lists the tables that each destination takes.
func topology(cfg Config) bus.Topology {
	destinations := map[string][]string{}
	for _, d := range cfg.Destinations {
		destinations[d.Name] = d.TablesOf(all.Formats().Tables())
	}
	return bus.Topology{Destinations: destinations}
}

func newMetrics(r *prometheus.Registry) *prometheus.Registry {
	if r == nil {
		r = prometheus.NewRegistry()
	}
	build := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name:        "logferry_build_info",
		Help:        "Always 1; the labels say which program this is.",
		ConstLabels: prometheus.Labels{"version": Version().Version, "commit": Version().Commit},
	}, func() float64 { return 1 })
	r.MustRegister(build, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return r
}

// process is what the services of one process share.
type process struct {
	bus      *bus.Bus
	known    *registry.Registry
	log      *slog.Logger
	options  Options
	services []Service
	gatherer *prometheus.Registry // of all metrics of the process
	metrics  *generation          // those of the services, in gatherer
}

func (p *process) run(ctx context.Context, cfg Config) error {
	listener, err := listen(cfg.Admin.Address)
	if err != nil {
		return err
	}
	cfg.Grace /= graceParts(p.services)
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	serving, endAdmin := context.WithCancel(context.WithoutCancel(ctx)) // until the services have ended
	defer endAdmin()
	helpers := pool.New().WithErrors().WithFirstError()
	a := &admin{metrics: p.gatherer, check: p.check, profiles: cfg.Admin.Profiles}
	if listener != nil {
		p.log.Info("admin endpoint", "address", listener.Addr().String())
		helpers.Go(func() error {
			defer stop()
			return a.serve(serving, listener, p.log)
		})
	}
	helpers.Go(func() error { p.known.Follow(ctx); return nil })
	err = p.follow(ctx, cfg, func() { a.started.Store(true) })
	stop()
	endAdmin()
	return errors.Join(err, helpers.Wait())
}

// graceParts is how many services share the grace time.
func graceParts(services []Service) time.Duration { return time.Duration(max(len(services), 1)) }

// listen returns nil for an empty address.
func listen(address string) (net.Listener, error) {
	if address == "" {
		return nil, nil
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listen at admin.address: %w", err)
	}
	return l, nil
}

// ready readies the services.
func ready(ctx context.Context, env *Env, services []Service) ([]task, error) {
	tasks := make([]task, len(services))
	for i, s := range services {
		var run func(context.Context) error
		var err error
		labelled(ctx, s.Name, func(ctx context.Context) { run, err = s.New(ctx, env) })
		if err != nil {
			return nil, fmt.Errorf("start %s: %w", s.Name, err)
		}
		tasks[i] = task{s.Name, run}
		env.Log.Info("service ready", "service", s.Name)
	}
	return tasks, nil
}

// check says why the bus cannot be used.
func (p *process) check() error {
	if !p.bus.Connected() {
		return errors.New("the bus is not connected")
	}
	return nil
}
