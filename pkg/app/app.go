// Package app runs services: one or many in a process, from one
// configuration. No other package knows how many there are.
package app

import (
	"context"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/logferry/logferry/pkg/bus"
	"github.com/logferry/logferry/pkg/registry"
	"github.com/logferry/logferry/pkg/stage"
)

// Service is one service of Logferry, as a value.
type Service struct {
	// Name is the service's name: poller, fetcher, parser, writer.
	Name string
	// New readies the service, checking its part of the configuration, and
	// returns the function that runs it until its context ends.
	New func(ctx context.Context, env *Env) (run func(context.Context) error, err error)
}

// Env is what a service gets from the process it runs in.
type Env struct {
	// Config is the whole configuration, valid, with the connections and
	// destinations in force: when those change, the service is ended and made
	// anew. Its Grace is the service's share of the process's.
	Config Config
	// Log is the process's logger; a service adds its own attributes.
	Log *slog.Logger
	// Metrics is where a service registers metrics of its own.
	Metrics prometheus.Registerer
	// Stages are the metrics of the process's stages, made once: every stage
	// gets this value as its Metrics.
	Stages *stage.Metrics
	// Bus links the services. The process closes it after they have ended.
	Bus *bus.Bus
	// Registry is where connections and destinations are changed.
	Registry *registry.Registry
	// Version is the version of the program, for user agents.
	Version string
}

func newEnv(cfg Config, log *slog.Logger, r prometheus.Registerer, b *bus.Bus, known *registry.Registry) *Env {
	return &Env{Config: cfg, Log: log, Metrics: r, Stages: stage.NewMetrics(r), Bus: b, Registry: known, Version: Version().Version}
}

// Options are what a run has besides its configuration.
type Options struct {
	// UntilIdle, when it is not 0, ends the run once nothing has been in flight
	// that long: no message on the bus and no delivery in work.
	UntilIdle time.Duration
	// Metrics is where the process's metrics are registered; nil: a registry
	// of the run's own, which the admin endpoint shows.
	Metrics *prometheus.Registry
}
