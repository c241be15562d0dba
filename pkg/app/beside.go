package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/sourcegraph/conc/pool"

	"github.com/logferry/logferry/pkg/bus"
)

// Beside runs f beside the services that work on the configuration's bus, with
// the connections and destinations in force, to which those of the configuration
// are added. When nobody has the embedded bus, the process opens it and runs the given services
// itself for as long as f runs; on a bus of others it runs f only. cfg must be
// valid, as [Load] makes it.
func Beside(ctx context.Context, cfg Config, log *slog.Logger, services []Service, f func(context.Context, *Env) error) (err error) {
	b, err := bus.Attach(ctx, cfg.Bus, log)
	if err != nil {
		return fmt.Errorf("open the bus: %w", err)
	}
	defer func() { err = errors.Join(err, finally(ctx, b.Close)) }()
	known, err := openRegistry(ctx, b, cfg, false, log)
	if err != nil {
		return err
	}
	cfg = cfg.with(known.Current())
	if err := b.Bootstrap(ctx, topology(cfg)); err != nil {
		return fmt.Errorf("ready the bus: %w", err)
	}
	metrics := newMetrics(nil)
	metrics.MustRegister(b)
	env := newEnv(cfg, log, metrics, b, known)
	if !b.IsAlone() || len(services) == 0 {
		return f(ctx, env)
	}
	env.Config.Grace /= graceParts(services)
	tasks, err := ready(ctx, env, services)
	if err != nil {
		return err
	}
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	p := pool.New().WithErrors().WithFirstError()
	p.Go(func() error {
		defer stop()
		return runTasks(running, tasks, env.Config.Grace)
	})
	p.Go(func() error {
		defer stop()
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		defer context.AfterFunc(running, cancel)() // without services f would wait for ever
		return f(ctx, env)
	})
	return p.Wait()
}
