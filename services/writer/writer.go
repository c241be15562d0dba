// Package writer is the service that takes rows to where they end: the Logs
// Ingestion API or files. It has a stage for each table of each destination,
// so that one whose rule is broken holds back no other.
//
//	rows ──▶ stage of (destination, table) ──▶ sink of the destination
//	                        │
//	                        └── rows that the destination never takes ──▶ dead letters
package writer

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sourcegraph/conc/pool"

	"github.com/logferry/logferry/pkg/app"
	"github.com/logferry/logferry/pkg/batch"
	"github.com/logferry/logferry/pkg/format/all"
	"github.com/logferry/logferry/pkg/sink/azure"
	"github.com/logferry/logferry/pkg/stage"
)

const (
	name = "writer"
	// closeTime is how long sinks may take to close once nothing is written.
	closeTime = 5 * time.Second
	// maxRows is how many bytes of rows are held per destination and table:
	// enough for a few calls to be on their way and as many to be gathered.
	maxRows = 16 << 20
)

// Option changes what the writer is made of.
type Option func(*options)

type options struct {
	assertion azure.Assertion
}

// WithAssertion gives the writer what the credential kind aws_web_identity
// needs: package awsidentity has it. A writer without it refuses that kind, and
// needs no AWS SDK.
func WithAssertion(a azure.Assertion) Option {
	return func(o *options) { o.assertion = a }
}

// Service returns the writer.
func Service(opts ...Option) app.Service {
	var o options
	for _, opt := range opts {
		opt(&o)
	}
	return app.Service{Name: name, New: func(ctx context.Context, env *app.Env) (func(context.Context) error, error) {
		return newService(ctx, env, o)
	}}
}

// rowsStage takes the rows of one table to one destination.
type rowsStage = stage.Stage[*batch.Batch, struct{}]

func newService(ctx context.Context, env *app.Env, o options) (run func(context.Context) error, err error) {
	sinks, err := openSinks(ctx, env, o)
	if err != nil {
		return nil, err
	}
	stages, err := newStages(ctx, env, sinks)
	if err != nil {
		return nil, errors.Join(err, sinks.close())
	}
	return func(ctx context.Context) error {
		return errors.Join(runStages(ctx, stages), sinks.close())
	}, nil
}

// newStages makes a stage for each table that each destination takes.
func newStages(ctx context.Context, env *app.Env, sinks sinks) ([]*rowsStage, error) {
	metrics := newMetrics(env.Metrics)
	var stages []*rowsStage
	for _, d := range env.Config.Destinations {
		for _, table := range d.TablesOf(all.Formats().Tables()) {
			source, err := env.Bus.Rows(ctx, d.Name, table)
			if err != nil {
				return nil, fmt.Errorf("rows of %s for %s: %w", table, d.Name, err)
			}
			w := writerOf(d, table, sinks[d.Name], env.Bus.Ledger(), metrics)
			stages = append(stages, &rowsStage{
				Name: name, Source: source, Dead: env.Bus.Graveyard(), Handle: w.handle, Rejected: w.rejected,
				Workers: env.Config.Writer.InFlight, Room: maxRows, Grace: env.Config.Grace,
				Log:     env.Log.With("stage", name, "destination", d.Name, "table", table),
				Metrics: env.Stages,
			})
		}
	}
	return stages, nil
}

// runStages runs the stages until ctx ends, or until one of them fails: then
// all stop.
func runStages(ctx context.Context, stages []*rowsStage) error {
	p := pool.New().WithContext(ctx).WithCancelOnError().WithFirstError()
	for _, s := range stages {
		p.Go(s.Run)
	}
	if len(stages) == 0 { // a destination to come is written to by the next writer
		<-ctx.Done()
	}
	return p.Wait()
}
