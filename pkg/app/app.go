// Package app runs services: one or many in a process, from one
// configuration. No other package knows how many there are.
package app

import (
	"context"
	"log/slog"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/logferry/logferry/pkg/bus"
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
	Config  Config
	Log     *slog.Logger
	Metrics prometheus.Registerer
	Bus     *bus.Bus
}
