package writer

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/logferry/logferry/pkg/app"
	"github.com/logferry/logferry/pkg/batch"
	"github.com/logferry/logferry/pkg/fault"
	"github.com/logferry/logferry/pkg/format/all"
	"github.com/logferry/logferry/pkg/ledger"
	"github.com/logferry/logferry/pkg/stage"
)

// Apart is the writer for rows that do not come over its own streams, such as
// those of a replay: one stage takes all tables to all destinations. It shares
// the pauses of rules with the writers that run on the same bus.
type Apart struct {
	env     *app.Env
	sinks   sinks
	account ledger.Store
	writers map[place]*writer
	files   map[string]bool // destinations that are files
	old     atomic.Int64
}

// place is where rows go.
type place struct{ destination, table string }

// OpenApart opens the destinations of env's configuration. Parts are looked up
// and entered in account. It registers the writer's metrics, so a process has
// one writer. Close it when its stages have ended.
func OpenApart(ctx context.Context, env *app.Env, account ledger.Store, opts ...Option) (*Apart, error) {
	var o options
	for _, opt := range opts {
		opt(&o)
	}
	sinks, err := openSinks(ctx, env, o)
	if err != nil {
		return nil, err
	}
	a := &Apart{env: env, sinks: sinks, account: account, writers: make(map[place]*writer), files: make(map[string]bool)}
	metrics := newMetrics(env.Metrics)
	for _, d := range env.Config.Destinations {
		a.files[d.Name] = d.IsFile()
		for _, table := range d.TablesOf(all.Formats().Tables()) {
			a.writers[place{d.Name, table}] = writerOf(d, table, sinks[d.Name], account, metrics)
		}
	}
	return a, nil
}

// Stage returns a stage that writes what source gives. Rows of a table that
// their destination does not take become dead letters.
func (a *Apart) Stage(source stage.Source[*batch.Batch]) *stage.Stage[*batch.Batch, struct{}] {
	return &rowsStage{
		Name: name, Source: source, Dead: a.env.Bus.Graveyard(), Handle: a.handle, Rejected: a.rejected,
		Workers: a.env.Config.Writer.InFlight, Room: maxRows, Grace: a.env.Config.Grace,
		Log: a.env.Log.With("stage", name), Metrics: a.env.Stages,
	}
}

// Old counts the rows that went to Log Analytics with a TimeGenerated so old
// that it is replaced there.
func (a *Apart) Old() int64 { return a.old.Load() }

// Close closes the destinations. The error says which could not be.
func (a *Apart) Close() error { return a.sinks.close() }

func (a *Apart) handle(ctx context.Context, in *batch.Batch, out *stage.Emitter[struct{}]) error {
	w, ok := a.writers[place{in.Meta.Destination, in.Meta.Table}]
	if !ok {
		defer in.Release()
		return fault.Permanent(fault.NoRule, fmt.Errorf("destination %q takes no rows of %s; give it a rule for the table", in.Meta.Destination, in.Meta.Table))
	}
	old := 0
	if !a.files[in.Meta.Destination] {
		old = olderThan(in.Record, time.Now())
	}
	err := w.handle(ctx, in, out)
	if err == nil {
		a.old.Add(int64(old))
	}
	return err
}

// rejected enters a part in the account that is a dead letter as a whole.
func (a *Apart) rejected(ctx context.Context, l stage.DeadLetter, _ error) error {
	return enterRejected(ctx, a.account, l)
}
